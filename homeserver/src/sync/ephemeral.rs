//! What happens in a room without being part of it: typing and receipts.

use super::{filter, scene::Scene, wakers::Matter};
use crate::rooms::{
    Room, RoomError,
    receipts::{READ_PRIVATE, UNTHREADED},
};
use hearth_store::{
    Read as _, StreamPos,
    records::{ReceiptKey, ReceiptRecord},
    tables,
};
use ruma::{events::AnySyncEphemeralRoomEvent, serde::Raw};
use serde::Serialize;
use std::{collections::BTreeMap, ops::Bound};

/// Ephemeral events of a room; `since` is none where the room is new to the device.
pub(super) fn events(
    scene: &Scene<'_>,
    room: &Room,
    since: Option<StreamPos>,
) -> Result<Vec<Raw<AnySyncEphemeralRoomEvent>>, RoomError> {
    let wanted = &scene.question.filter.room.ephemeral;
    let wants = |kind: &str| {
        filter::wants_room(wanted, &room.id) && filter::wants_type(wanted.types.as_deref(), &wanted.not_types, kind)
    };
    let mut events = Vec::new();
    if wants("m.typing") {
        let seen = since.and(scene.question.since).and_then(|since| since.typing);
        if let Some(mut users) = scene.syncs.parts.typing.changed(room.number, seen) {
            users.retain(|user| !scene.ignores(user.as_str(), false));
            events.extend(raw("m.typing", &BTreeMap::from([("user_ids", users)])));
        }
    }
    let quiet = |since| scene.syncs.wakers.quiet(Matter::Receipts, since, scene.until);
    if wants("m.receipt") && !since.is_some_and(quiet) {
        events.extend(receipts(scene, room, since)?);
    }
    Ok(events)
}

#[derive(Serialize)]
struct Receipt {
    ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<String>,
}

/// event -> type -> user -> receipt
type Content = BTreeMap<String, BTreeMap<String, BTreeMap<String, Receipt>>>;

/// One event for each thread: in one, a user has one receipt of each type on an event.
fn receipts(
    scene: &Scene<'_>,
    room: &Room,
    since: Option<StreamPos>,
) -> Result<Vec<Raw<AnySyncEphemeralRoomEvent>>, RoomError> {
    let mut threads: BTreeMap<String, Content> = BTreeMap::new();
    let mut add = |kind: String, thread: String, user: String, record: ReceiptRecord| {
        if (kind == READ_PRIVATE && user != scene.question.user.as_str()) || scene.ignores(&user, false) {
            return;
        }
        let receipt = Receipt { ts: record.at, thread_id: (thread != UNTHREADED).then(|| thread.clone()) };
        let content = threads.entry(thread).or_default();
        content.entry(record.event_id).or_default().entry(kind).or_default().insert(user, receipt);
    };
    match since {
        None => {
            for entry in scene.read.prefix(tables::RECEIPTS, (room.number,))? {
                let ((_, kind, thread, user), record) = entry?;
                add(kind, thread, user, record);
            }
        }
        Some(since) => {
            let bounds = (Bound::Excluded(since), Bound::Included(scene.until));
            for entry in scene.read.range_in(tables::RECEIPTS_LOG, (room.number,), bounds)? {
                let (_, ReceiptKey(kind, thread, user)) = entry?;
                let key = (room.number, kind.as_str(), thread.as_str(), user.as_str());
                if let Some(record) = scene.read.get(tables::RECEIPTS, key)? {
                    add(kind, thread, user, record);
                }
            }
        }
    }
    Ok(threads.values().filter_map(|content| raw("m.receipt", content)).collect())
}

fn raw(kind: &str, content: &impl Serialize) -> Option<Raw<AnySyncEphemeralRoomEvent>> {
    #[derive(Serialize)]
    struct Event<'e, C> {
        #[serde(rename = "type")]
        kind: &'e str,
        content: &'e C,
    }
    // Maps with text for keys always have a JSON form.
    serde_json::value::to_raw_value(&Event { kind, content }).ok().map(Raw::from_json)
}
