//! Receipts: how far somebody has read.
//! <https://spec.matrix.org/v1.19/client-server-api/#receipts>

use super::{Room, RoomError, client_event, graph};
use hearth_store::{
    Change, EventNo, Read,
    records::{EventRecord, LogRecord, ReceiptKey, ReceiptRecord, TimelinePos},
    tables,
};
use ruma::{EventId, UserId};
use serde::Deserialize;
use std::borrow::Cow;

/// The public receipt.
pub const READ: &str = "m.read";
/// The receipt that only its owner sees.
pub const READ_PRIVATE: &str = "m.read.private";
/// The thread of events that are in no thread.
pub const MAIN: &str = "main";
/// What stands for the thread of a receipt that belongs to none.
pub const UNTHREADED: &str = "";

/// The specification's bound on following relations.
const HOPS: usize = 3;

/// Why a receipt can't be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The event is in another thread than the receipt.
    #[error("The event is not part of the thread {0}.")]
    NotInThread(String),
    /// The room, the event or the store.
    #[error(transparent)]
    Room(#[from] RoomError),
}

impl From<hearth_store::StoreError> for ReceiptError {
    fn from(error: hearth_store::StoreError) -> Self {
        Self::Room(error.into())
    }
}

/// A receipt to store.
#[derive(Debug, Clone, Copy)]
pub struct Receipt<'r> {
    /// Whose.
    pub user: &'r UserId,
    /// [`READ`] or [`READ_PRIVATE`].
    pub kind: &'r str,
    /// [`UNTHREADED`], [`MAIN`] or the root of a thread.
    pub thread: &'r str,
    /// The event up to which the user has read.
    pub event: &'r EventId,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
}

/// Stores a receipt of a user of this server, unless it points behind the one that is there; says whether it did.
///
/// # Errors
/// [`RoomError::UnknownEvent`] where the room has no such event, [`ReceiptError::NotInThread`]
pub fn set(change: &mut Change<'_>, room: &Room, receipt: Receipt<'_>) -> Result<bool, ReceiptError> {
    let number = graph::event_no(change, receipt.event)?.ok_or(RoomError::UnknownEvent)?;
    let record = graph::record(change, number)?;
    if record.room != room.number {
        return Err(RoomError::UnknownEvent.into());
    }
    let in_thread = match receipt.thread {
        UNTHREADED => true,
        MAIN => thread_of(change, number, &record)?.is_none(),
        // The root stands in the main timeline, but a thread that was just begun has nothing else to point at.
        root => root == record.event_id || thread_of(change, number, &record)?.as_deref() == Some(root),
    };
    if !in_thread {
        return Err(ReceiptError::NotInThread(receipt.thread.to_owned()));
    }
    let key = (room.number, receipt.kind, receipt.thread, receipt.user.as_str());
    if let Some(old) = change.get(tables::RECEIPTS, key)? {
        if place(change, &old)? >= record.timeline {
            return Ok(false);
        }
        change.delete(tables::RECEIPTS_LOG, (room.number, old.position))?;
    }
    let position = change.log(LogRecord::Receipt(room.number))?;
    let stored = ReceiptRecord { event_id: record.event_id, event: Some(number), at: receipt.at, position };
    change.put(tables::RECEIPTS, key, &stored)?;
    let key = ReceiptKey(receipt.kind.to_owned(), receipt.thread.to_owned(), receipt.user.to_string());
    change.put(tables::RECEIPTS_LOG, (room.number, position), &key)?;
    Ok(true)
}

/// Where the event of a receipt stands in the timeline, as far as it is known.
///
/// # Errors
/// Those of the store.
pub fn place(read: &impl Read, receipt: &ReceiptRecord) -> Result<Option<TimelinePos>, RoomError> {
    let Some(number) = receipt.event else { return Ok(None) };
    Ok(read.get(tables::EVENTS, number)?.and_then(|record| record.timeline))
}

#[derive(Deserialize)]
struct Content<'j> {
    #[serde(rename = "m.relates_to", borrow)]
    relates_to: Relation<'j>,
}

#[derive(Deserialize)]
struct Relation<'j> {
    #[serde(borrow)]
    rel_type: Cow<'j, str>,
    #[serde(borrow)]
    event_id: Cow<'j, str>,
}

/// The root of the thread that an event is part of; none for the main timeline.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts>
///
/// # Errors
/// Those of the store and of damaged events.
pub fn thread_of(read: &impl Read, number: EventNo, record: &EventRecord) -> Result<Option<String>, RoomError> {
    let mut next = Cow::Borrowed(record);
    let mut number = number;
    for _ in 0..HOPS {
        // Most events relate to nothing, and a search is cheaper than a parse.
        if !next.json.windows(b"m.relates_to".len()).any(|window| window == b"m.relates_to") {
            return Ok(None);
        }
        let fields = client_event::fields(number, &next)?;
        let Ok(Content { relates_to }) = serde_json::from_str(fields.content.get()) else { return Ok(None) };
        if relates_to.rel_type == "m.thread" {
            return Ok(Some(relates_to.event_id.into_owned()));
        }
        let Some(parent) = read.get(tables::EVENT_IDS, &*relates_to.event_id)? else { return Ok(None) };
        number = parent;
        next = Cow::Owned(graph::record(read, parent)?);
    }
    Ok(None)
}
