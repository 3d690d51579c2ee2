//! Rooms that the user is invited to, or has asked to be let into.

use super::{
    SyncError, filter,
    scene::{Scene, Standing},
};
use crate::rooms::{
    Room, RoomError, graph,
    membership::{blocks_invites, stripped_state},
};
use hearth_store::{Read as _, records::Membership, tables};
use ruma::{OwnedRoomId, RoomId, events::AnyStrippedStateEvent, serde::Raw};
use serde_json::value::RawValue;

/// A room with its stripped state.
pub(super) type Stripped = (OwnedRoomId, Vec<Raw<AnyStrippedStateEvent>>);

/// The stripped state of a room that the device has not seen; none where it has, or shall not.
pub(super) fn room(scene: &Scene<'_>, (number, standing): &Standing) -> Result<Option<Stripped>, SyncError> {
    if scene.since.is_some_and(|since| standing.position <= since && !scene.question.full_state) {
        return Ok(None);
    }
    let Some(record) = scene.read.get(tables::ROOMS, *number)? else { return Ok(None) };
    let Ok(room_id) = RoomId::parse(&record.room_id) else { return Ok(None) };
    let wanted = &scene.question.filter.room;
    if !filter::room_passes(wanted.rooms.as_deref(), &wanted.not_rooms, &room_id) {
        return Ok(None);
    }
    let user = scene.question.user.as_str();
    let sender = match graph::record(scene.read, standing.event) {
        Ok(record) => Some(graph::parse(standing.event, &record)?.sender),
        Err(RoomError::UnknownEvent) => None,
        Err(error) => return Err(error.into()),
    };
    if standing.membership == Membership::Invite && sender.as_ref().is_some_and(|sender| scene.ignored.contains(sender))
    {
        return Ok(None);
    }
    if standing.membership == Membership::Invite && blocks_invites(scene.read, &scene.question.user)? {
        return Ok(None);
    }
    let events: Vec<Box<RawValue>> = match &standing.stripped_state {
        Some(stripped) => serde_json::from_str(stripped).unwrap_or_default(),
        None => {
            let root = scene.root_at(Room::by_number(scene.read, *number)?.number, standing.position)?;
            let mut members = vec![("m.room.member", user)];
            members.extend(
                sender.iter().filter(|sender| *sender != user).map(|sender| ("m.room.member", sender.as_str())),
            );
            stripped_state(scene.read, root, &members)?
        }
    };
    Ok(Some((room_id, events.into_iter().map(Raw::from_json).collect())))
}
