//! Events as a sync shows them: without the room, with what its reader is to know of them.

use super::scene::Scene;
use crate::rooms::{
    RoomError,
    client_event::{self, StoredEvent, Unsigned, Viewer},
};
use hearth_store::{
    EventNo,
    records::{EventRecord, Membership, MembershipRecord},
};
use ruma::api::client::filter::EventFormat;
use serde_json::value::RawValue;

/// An event of the timeline, ready to be sent.
pub(super) fn timeline(
    scene: &Scene<'_>,
    standing: &MembershipRecord,
    number: EventNo,
    record: &EventRecord,
    fields: &StoredEvent<'_>,
) -> Result<Box<RawValue>, RoomError> {
    if scene.question.filter.event_format == EventFormat::Federation {
        return federation(number, record);
    }
    let viewer = viewer(scene);
    // To somebody who was there when it came, an event needs no look at the state of its time.
    let membership = always_joined(standing, record).then_some(Membership::Join);
    let unsigned = scene.rooms.unsigned_of(scene.read, record, fields, &viewer, membership)?;
    client_event::json_of(number, record, fields, None, &unsigned)
}

/// An event of the state, ready to be sent. What stood there before belongs to timelines.
pub(super) fn state(
    scene: &Scene<'_>,
    number: EventNo,
    record: &EventRecord,
    fields: &StoredEvent<'_>,
) -> Result<Box<RawValue>, RoomError> {
    if scene.question.filter.event_format == EventFormat::Federation {
        return federation(number, record);
    }
    let unsigned = if record.redacted_by.is_some() {
        scene.rooms.unsigned_of(scene.read, record, fields, &viewer(scene), None)?
    } else {
        Unsigned { age: Some(scene.now.saturating_sub(fields.origin_server_ts)), ..Unsigned::default() }
    };
    client_event::json_of(number, record, fields, None, &unsigned)
}

/// Whether the user was joined when the event came and has been since.
pub(super) fn always_joined(standing: &MembershipRecord, record: &EventRecord) -> bool {
    standing.membership == Membership::Join
        && standing.joined_at.zip(record.timeline).is_some_and(|(joined, place)| place >= joined.into())
}

fn viewer<'s>(scene: &'s Scene<'_>) -> Viewer<'s> {
    Viewer { user: &scene.question.user, device: Some(scene.question.device.as_str()), now: scene.now }
}

fn federation(number: EventNo, record: &EventRecord) -> Result<Box<RawValue>, RoomError> {
    serde_json::from_slice(&record.json).map_err(|error| RoomError::Corrupt(number, error.to_string()))
}
