//! Sending events to a room: messages, state, redactions.

use super::rooms::room;
use crate::{
    http::{App, Caller, Error, Routes as _},
    rooms::{Draft, aliases},
};
use axum::Router;
use hearth_store::records::Transaction;
use ruma::{
    OwnedEventId, OwnedRoomId, RoomAliasId,
    api::client::{message::send_message_event, redact::redact_event, state::send_state_event},
    events::{StateEventType, TimelineEventType},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(send_message_event).endpoint(send_state_event).endpoint(redact_event)
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid>
pub async fn send_message_event(
    app: Arc<App>,
    caller: Caller,
    request: send_message_event::v3::Request,
) -> Result<send_message_event::v3::Response, Error> {
    let kind = TimelineEventType::from(request.event_type.to_string());
    let content = request.body.into_json();
    // Some clients redact by sending the event; the rules of the redaction endpoint hold for them as well.
    let redacts = if kind == TimelineEventType::RoomRedaction {
        #[derive(Deserialize)]
        struct Redacts {
            redacts: Option<OwnedEventId>,
        }
        let content: Redacts = serde_json::from_str(content.get())
            .map_err(|_| Error::bad_json("A redaction names an event in `redacts`."))?;
        Some(content.redacts.ok_or_else(|| Error::bad_json("A redaction names an event in `redacts`."))?)
    } else {
        None
    };
    let transaction = Transaction { device: caller.device.to_string(), id: request.txn_id.to_string() };
    let draft = Draft {
        sender: caller.user,
        kind,
        state_key: None,
        content,
        redacts,
        transaction: Some(transaction),
        now: app.clock.now(),
    };
    let event_id = send(&app, request.room_id, draft).await?;
    Ok(send_message_event::v3::Response::new(event_id))
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey>
pub async fn send_state_event(
    app: Arc<App>,
    caller: Caller,
    request: send_state_event::v3::Request,
) -> Result<send_state_event::v3::Response, Error> {
    let draft = Draft {
        sender: caller.user,
        kind: TimelineEventType::from(request.event_type.to_string()),
        state_key: Some(request.state_key),
        content: request.body.into_json(),
        redacts: None,
        transaction: None,
        now: app.clock.now(),
    };
    let event_id = send(&app, request.room_id, draft).await?;
    Ok(send_state_event::v3::Response::new(event_id))
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid>
pub async fn redact_event(
    app: Arc<App>,
    caller: Caller,
    request: redact_event::v3::Request,
) -> Result<redact_event::v3::Response, Error> {
    let content =
        request.reason.map_or_else(|| serde_json::json!({}), |reason| serde_json::json!({ "reason": reason }));
    let draft = Draft {
        sender: caller.user,
        kind: TimelineEventType::RoomRedaction,
        state_key: None,
        content: serde_json::value::to_raw_value(&content).map_err(|error| Error::internal(&error))?,
        redacts: Some(request.event_id),
        transaction: Some(Transaction { device: caller.device.to_string(), id: request.txn_id.to_string() }),
        now: app.clock.now(),
    };
    let event_id = send(&app, request.room_id, draft).await?;
    Ok(redact_event::v3::Response::new(event_id))
}

async fn send(app: &App, room_id: OwnedRoomId, draft: Draft) -> Result<OwnedEventId, Error> {
    let rooms = app.rooms.clone();
    app.store
        .change(move |change| {
            let room = room(change, &room_id)?;
            if draft.kind == TimelineEventType::RoomCanonicalAlias {
                let root = room.head(change)?.state;
                let kind = StateEventType::RoomCanonicalAlias;
                let key = draft.state_key.as_deref().unwrap_or_default();
                let old = rooms.state_content(change, root, &kind, key)?.unwrap_or_default();
                check_aliases(change, &room_id, &draft.content, &old)?;
            }
            Ok(rooms.send(change, &room, draft)?.event_id)
        })
        .await
}

/// The content of `m.room.canonical_alias`.
#[derive(Default, Deserialize)]
struct Aliases {
    alias: Option<String>,
    #[serde(default)]
    alt_aliases: Vec<String>,
}

impl Aliases {
    fn all(&self) -> impl Iterator<Item = &String> {
        self.alias.iter().filter(|alias| !alias.is_empty()).chain(&self.alt_aliases)
    }
}

/// The aliases that a room newly calls its own must lead to it.
fn check_aliases(
    read: &impl hearth_store::Read,
    room_id: &ruma::RoomId,
    content: &RawValue,
    old: &Aliases,
) -> Result<(), Error> {
    use ruma::api::error::ErrorKind;
    let content: Aliases = serde_json::from_str(content.get()).map_err(|error| Error::bad_json(error.to_string()))?;
    for alias in content.all().filter(|alias| !old.all().any(|old| old == *alias)) {
        let alias = RoomAliasId::parse(alias).map_err(|_| Error::invalid(format!("{alias:?} is not a room alias.")))?;
        if aliases::resolve(read, &alias).map_or(true, |(room, _)| room != room_id) {
            let message = format!("The alias {alias} does not lead to this room.");
            return Err(Error::new(http::StatusCode::BAD_REQUEST, ErrorKind::BadAlias, message));
        }
    }
    Ok(())
}
