//! Receipts and read markers.

use super::rooms::room;
use crate::{
    accounts::account_data,
    http::{App, Caller, Error, Routes as _},
    rooms::{
        Room, RoomError, graph, membership,
        receipts::{self, READ, READ_PRIVATE, Receipt, UNTHREADED},
    },
};
use axum::Router;
use hearth_store::{Change, records::Membership};
use ruma::{
    EventId, OwnedEventId, OwnedRoomId,
    api::client::{
        read_marker::set_read_marker,
        receipt::create_receipt::{self, v3::ReceiptType},
    },
    events::receipt::ReceiptThread,
};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(create_receipt).endpoint(set_read_marker)
}

/// What a user has read.
#[derive(Debug, Default)]
struct Markers {
    fully_read: Option<OwnedEventId>,
    read: Option<OwnedEventId>,
    read_private: Option<OwnedEventId>,
    /// The thread of the receipts.
    thread: String,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid>
pub async fn create_receipt(
    app: Arc<App>,
    caller: Caller,
    request: create_receipt::v3::Request,
) -> Result<create_receipt::v3::Response, Error> {
    let thread = match &request.thread {
        ReceiptThread::Unthreaded => UNTHREADED.to_owned(),
        other => other
            .as_str()
            .filter(|thread| !thread.is_empty())
            .ok_or_else(|| Error::invalid("The thread_id is empty."))?
            .to_owned(),
    };
    let mut markers = Markers { thread, ..Markers::default() };
    match request.receipt_type {
        ReceiptType::Read => markers.read = Some(request.event_id),
        ReceiptType::ReadPrivate => markers.read_private = Some(request.event_id),
        ReceiptType::FullyRead if markers.thread == UNTHREADED => markers.fully_read = Some(request.event_id),
        ReceiptType::FullyRead => return Err(Error::invalid("m.fully_read belongs to no thread.")),
        _ => return Err(Error::invalid("Receipts are m.read, m.read.private or m.fully_read.")),
    }
    set(&app, caller, request.room_id, markers).await?;
    Ok(create_receipt::v3::Response::new())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/read_markers`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidread_markers>
pub async fn set_read_marker(
    app: Arc<App>,
    caller: Caller,
    request: set_read_marker::v3::Request,
) -> Result<set_read_marker::v3::Response, Error> {
    let markers = Markers {
        fully_read: request.fully_read,
        read: request.read_receipt,
        read_private: request.private_read_receipt,
        thread: UNTHREADED.to_owned(),
    };
    set(&app, caller, request.room_id, markers).await?;
    Ok(set_read_marker::v3::Response::new())
}

async fn set(app: &App, caller: Caller, room_id: OwnedRoomId, markers: Markers) -> Result<(), Error> {
    let at = app.clock.now();
    app.store
        .change(move |change| {
            let room = room(change, &room_id)?;
            if membership::membership(change, room.number, &caller.user)? != Membership::Join {
                return Err(Error::forbidden("You are not in this room."));
            }
            for (kind, event) in [(READ, &markers.read), (READ_PRIVATE, &markers.read_private)] {
                if let Some(event) = event {
                    receipts::set(
                        change,
                        &room,
                        Receipt { user: &caller.user, kind, thread: &markers.thread, event, at },
                    )?;
                }
            }
            if let Some(event) = &markers.fully_read {
                set_fully_read(change, &room, &caller, event)?;
            }
            Ok(())
        })
        .await
}

/// The marker is room account data. It may move back: the user says how far they have read.
fn set_fully_read(change: &mut Change<'_>, room: &Room, caller: &Caller, event: &EventId) -> Result<(), Error> {
    let number = graph::event_no(change, event)?.ok_or(RoomError::UnknownEvent)?;
    if graph::record(change, number)?.room != room.number {
        return Err(RoomError::UnknownEvent.into());
    }
    let content = serde_json::json!({ "event_id": event }).to_string();
    Ok(account_data::set(change, &caller.user, room.id.as_str(), "m.fully_read", content)?)
}
