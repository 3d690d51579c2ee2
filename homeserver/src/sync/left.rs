//! Rooms that the user has left, or was made to leave.

use super::{
    SyncError, account_data, filter,
    joined::{known_since, was_in},
    scene::{Scene, Standing},
    state::{self, Span},
    timeline::{self, Stretch},
};
use crate::rooms::{Room, RoomError, state as room_state};
use ruma::{OwnedRoomId, api::client::sync::sync_events::v3::LeftRoom};

/// What the user is to see of a room up to the leaving; none where that is nothing.
pub(super) fn room(
    scene: &Scene<'_>,
    (number, standing): &Standing,
    data: Vec<(String, String)>,
) -> Result<Option<(OwnedRoomId, LeftRoom)>, SyncError> {
    let wanted = &scene.question.filter.room;
    // One device forgets for all, but each of the others must learn that the room was left.
    let new = scene.since.is_some_and(|since| standing.position > since);
    // Who is astray may have come back here in what was lost.
    let astray = scene.since.is_some() && scene.question.astray;
    // What was left before is shown only to who asks for it, and then in an answer that tells everything.
    let asked_for = wanted.include_leave && (scene.since.is_none() || scene.question.full_state);
    if !(new || (astray || asked_for) && !standing.forgotten) {
        return Ok(None);
    }
    let room = match Room::by_number(scene.read, *number) {
        // An invitation to a room of another server that was turned down: nothing of it is here.
        Err(RoomError::UnknownRoom) => return Ok(None),
        other => other?,
    };
    if !filter::room_passes(wanted.rooms.as_deref(), &wanted.not_rooms, &room.id) {
        return Ok(None);
    }
    let since = known_since(scene, room.number, standing.joined_at)?;
    // Who was not in the room at the last sync and has not joined since sees how the invitation or the ban came about.
    // And of a room that is forgotten the leaving is all that is left to tell.
    let own_only = standing.forgotten
        || match since {
            Some(since) => !was_in(scene, room.number, since)?,
            None => standing.joined_at.is_none(),
        };
    // Who was in the room is told of it until then, and not until an invitation since was turned down.
    let last = if own_only { standing.position } else { standing.left_at.unwrap_or(standing.position) };
    let end = scene.root_at(room.number, last)?;
    let stretch = Stretch { since: since.map(Into::into), until: last.into(), own_only };
    let batch = timeline::batch(scene, &room, standing, stretch)?;

    let mut left = LeftRoom::new();
    let known = since.map(|since| scene.root_at(room.number, since)).transpose()?;
    let from = match known {
        _ if own_only => end,
        Some(known) if !scene.question.full_state => known,
        _ => room_state::EMPTY,
    };
    let named = [scene.question.user.to_string()];
    left.state = state::state(scene, &room, &Span { from, known, to: end, named: &named }, &batch)?;
    left.timeline = batch.timeline;
    let anew = since.is_none() && !own_only;
    let data = if anew && scene.since.is_some() { account_data::all_of_room(scene, &room.id)? } else { data };
    left.account_data.events = account_data::of_room(scene, &room.id, data);
    Ok(Some((room.id, left)))
}
