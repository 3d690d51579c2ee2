//! Rooms that the user is in.

use super::{
    SyncError, account_data, ephemeral, filter,
    scene::{Scene, Standing},
    state::{self, Span},
    summary,
    timeline::{self, Stretch},
};
use crate::{
    push::unread::{Counts, Reader},
    rooms::{Room, RoomError, state as room_state},
};
use hearth_store::{
    RoomNo, StreamPos,
    records::{Membership, RoomHead},
};
use ruma::{
    EventId, OwnedRoomId, UInt,
    api::client::sync::sync_events::{UnreadNotificationsCount, v3::JoinedRoom},
};

/// What is new in a room; none where that is nothing.
pub(super) fn room(
    scene: &Scene<'_>,
    (number, standing): &Standing,
    data: Vec<(String, String)>,
) -> Result<Option<(OwnedRoomId, JoinedRoom)>, SyncError> {
    let room = Room::by_number(scene.read, *number)?;
    let wanted = &scene.question.filter.room;
    if !filter::room_passes(wanted.rooms.as_deref(), &wanted.not_rooms, &room.id) {
        return Ok(None);
    }
    let head = room.head(scene.read)?;
    let since = known_since(scene, *number, standing.joined_at)?;
    let anew = since.is_none();
    let whole_state = anew || scene.question.full_state;

    let stretch = Stretch { since: since.map(Into::into), until: scene.until.into(), own_only: false };
    let batch = timeline::batch(scene, &room, standing, stretch)?;

    let before = match since {
        Some(since) if head.newest > since => scene.root_at(room.number, since)?,
        Some(_) => head.state,
        None => room_state::EMPTY,
    };
    let mut joined = JoinedRoom::new();
    if whole_state || summary::changed(scene, before, head.state)? {
        joined.summary = summary::summary(scene, room.number, &head)?;
    }
    let mut named: Vec<String> = joined.summary.heroes.iter().map(ToString::to_string).collect();
    if whole_state {
        named.push(scene.question.user.to_string());
    }
    let from = if whole_state { room_state::EMPTY } else { before };
    let span = Span { from, known: since.map(|_| before), to: head.state, named: &named };
    joined.state = state::state(scene, &room, &span, &batch)?;
    joined.timeline = batch.timeline;
    joined.ephemeral.events = ephemeral::events(scene, &room, since)?;
    // Who was here before has data of that time, which a device that came since has not been told.
    let data = if anew && scene.since.is_some() { account_data::all_of_room(scene, &room.id)? } else { data };
    joined.account_data.events = account_data::of_room(scene, &room.id, data);
    let news = whole_state
        || !(joined.timeline.is_empty()
            && joined.state.is_empty()
            && joined.ephemeral.is_empty()
            && joined.account_data.is_empty());
    if !news {
        return Ok(None);
    }
    count(scene, &room, &head, standing, &mut joined)?;
    Ok(Some((room.id, joined)))
}

/// Up to where the device knows a room that the user joined then; none where it doesn't know it at all: whoever joined
/// since was told nothing of the room yet. Whoever only went and came back since was told of it as one who is in it.
pub(super) fn known_since(
    scene: &Scene<'_>,
    room: RoomNo,
    joined_at: Option<StreamPos>,
) -> Result<Option<StreamPos>, RoomError> {
    let Some(since) = scene.since else { return Ok(None) };
    let known = joined_at.is_none_or(|joined| joined <= since) || was_in(scene, room, since)?;
    Ok(known.then_some(since))
}

/// Whether the user was in a room at a position.
pub(super) fn was_in(scene: &Scene<'_>, room: RoomNo, at: StreamPos) -> Result<bool, RoomError> {
    let then = scene.root_at(room, at)?;
    Ok(scene.rooms.membership_at(scene.read, then, &scene.question.user)? == Membership::Join)
}

fn count(
    scene: &Scene<'_>,
    room: &Room,
    head: &RoomHead,
    standing: &hearth_store::records::MembershipRecord,
    joined: &mut JoinedRoom,
) -> Result<(), SyncError> {
    let Scene { ignored, ignored_at, until, .. } = scene;
    let reader = Reader { user: &scene.question.user, standing, ignored, ignored_at: *ignored_at, until: *until };
    let counts: Counts = scene.syncs.unread.counts(scene.read, scene.rooms, room, head, reader)?;
    let own = |count: crate::push::unread::Count| {
        let mut unread = UnreadNotificationsCount::new();
        unread.notification_count = Some(UInt::new_saturating(count.notifications));
        unread.highlight_count = Some(UInt::new_saturating(count.highlights));
        unread
    };
    if scene.question.filter.room.timeline.unread_thread_notifications {
        joined.unread_notifications = own(counts.main);
        joined.unread_thread_notifications =
            counts.threads.iter().filter_map(|(root, count)| Some((EventId::parse(root).ok()?, own(*count)))).collect();
    } else {
        joined.unread_notifications = own(counts.total());
    }
    Ok(())
}
