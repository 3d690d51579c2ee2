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
    let user = &*scene.question.user;
    let plain = fields.state_key.is_none() && record.redacted_by.is_none();
    let unsigned = if plain && always_joined(standing, record) {
        // What a message says to somebody who was there when it came needs no look at the state.
        let own = record.transaction.as_ref().filter(|transaction| {
            transaction.device == scene.question.device.as_str() && fields.sender == user.as_str()
        });
        Unsigned {
            age: Some(scene.now.saturating_sub(fields.origin_server_ts)),
            transaction_id: own.map(|transaction| transaction.id.clone()),
            membership: Some(Membership::Join.as_str()),
            ..Unsigned::default()
        }
    } else {
        let viewer = Viewer { user, device: Some(scene.question.device.as_str()), now: scene.now };
        scene.rooms.unsigned(scene.read, number, record, &viewer)?
    };
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
        let viewer = Viewer { user: &scene.question.user, device: None, now: scene.now };
        scene.rooms.unsigned(scene.read, number, record, &viewer)?
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

fn federation(number: EventNo, record: &EventRecord) -> Result<Box<RawValue>, RoomError> {
    serde_json::from_slice(&record.json).map_err(|error| RoomError::Corrupt(number, error.to_string()))
}
