//! One answer from one snapshot.

use super::{
    SyncError, Syncs, Token, account_data, device, filter, invited, joined, left,
    scene::{Question, Scene, Standing},
};
use crate::{accounts::account_data::GLOBAL, e2ee::device_lists::share_room};
use hearth_store::{Read as _, RoomNo, Snapshot, records::Membership, tables};
use ruma::{
    UInt,
    api::client::sync::sync_events::v3::{InviteState, KnockState, Response, Rooms},
    events::presence::{PresenceEvent, PresenceEventContent},
    serde::Raw,
};
use std::collections::{BTreeSet, HashSet};

/// Whether an answer tells the device anything.
pub(super) fn tells(response: &Response) -> bool {
    !(response.rooms.is_empty()
        && response.account_data.is_empty()
        && response.to_device.is_empty()
        && response.device_lists.is_empty()
        && response.presence.is_empty())
}

/// What the device has not seen.
pub(super) fn answer(syncs: &Syncs, snapshot: &Snapshot, question: &Question) -> Result<Response, SyncError> {
    // Before anything else: what changes from here on is told again rather than not at all.
    let (typing, presence) = (syncs.parts.typing.serial(), syncs.presence.serial());
    let scene = Scene::new(syncs, snapshot, question)?;
    let mut data = account_data::changes(&scene)?;

    let mut standings: Vec<Standing> = Vec::new();
    for entry in snapshot.prefix(tables::MEMBERSHIPS, (question.user.as_str(),))? {
        let ((_, room), standing) = entry?;
        standings.push((room, standing));
    }
    keep_changed(&scene, &mut standings, &data)?;
    let device = device::answer(&scene, &standings)?;

    let wanted = &question.filter.account_data;
    let global = data.remove(GLOBAL).unwrap_or_default();
    let rooms = rooms(&scene, standings, data)?;

    let token = Token {
        position: scene.until,
        typing: Some(typing),
        presence: Some(presence),
        to_device: device.delivered.filter(|delivered| *delivered < scene.until),
    };
    let mut response = Response::new(token.to_string());
    response.rooms = rooms;
    response.account_data.events = account_data::events(global, |kind| filter::wants(wanted, kind, &question.user));
    response.presence.events = people(&scene)?;
    response.to_device.events = device.messages;
    response.device_lists = device.lists;
    response.device_one_time_keys_count = device.one_time_keys;
    response.device_unused_fallback_key_types = Some(device.unused_fallback_keys);
    Ok(response)
}

fn rooms(scene: &Scene<'_>, standings: Vec<Standing>, mut data: account_data::ByRoom) -> Result<Rooms, SyncError> {
    let mut rooms = Rooms::new();
    for standing in standings {
        let mut data_of = |room: RoomNo| -> Result<_, SyncError> {
            if data.is_empty() {
                return Ok(Vec::new());
            }
            let record = scene.read.get(tables::ROOMS, room)?;
            Ok(record.and_then(|record| data.remove(&record.room_id)).unwrap_or_default())
        };
        match standing.1.membership {
            Membership::Join => rooms.join.extend(joined::room(scene, &standing, data_of(standing.0)?)?),
            Membership::Invite => {
                rooms.invite.extend(
                    invited::room(scene, &standing)?.map(|(room, events)| (room, InviteState::from(events).into())),
                );
            }
            Membership::Knock => {
                rooms.knock.extend(invited::room(scene, &standing)?.map(|(room, events)| {
                    let mut state = KnockState::new();
                    state.events = events;
                    (room, state.into())
                }));
            }
            Membership::Leave | Membership::Ban => {
                rooms.leave.extend(left::room(scene, &standing, data_of(standing.0)?)?)
            }
        }
    }
    Ok(rooms)
}

/// Who came, went, or says something else, of those whom the user shares a room with.
fn people(scene: &Scene<'_>) -> Result<Vec<Raw<PresenceEvent>>, SyncError> {
    let (user, wanted) = (&scene.question.user, &scene.question.filter.presence);
    let mut events = Vec::new();
    let since = scene.question.since.and_then(|since| since.presence);
    for (other, shown) in scene.syncs.presence.changed(since, scene.now) {
        let passes = other != *user && !scene.ignored.contains(&other) && filter::wants(wanted, "m.presence", &other);
        if passes && share_room(scene.read, user.as_str(), other.as_str())? {
            let mut content = PresenceEventContent::new(shown.state);
            content.status_msg = shown.status;
            content.last_active_ago = shown.last_active_ago.map(UInt::new_saturating);
            content.currently_active = Some(shown.currently_active);
            events.extend(Raw::new(&PresenceEvent { content, sender: other }).ok());
        }
    }
    Ok(events)
}

/// Leaves only those rooms in which something may have happened that the device has not seen.
fn keep_changed(
    scene: &Scene<'_>,
    standings: &mut Vec<Standing>,
    data: &account_data::ByRoom,
) -> Result<(), SyncError> {
    let Some(since) = scene.since else { return Ok(()) };
    if scene.question.full_state {
        return Ok(());
    }
    // Rooms with account data or typing are few, and not in the change log of rooms.
    let mut anyway = BTreeSet::new();
    for room in data.keys() {
        anyway.extend(scene.read.get(tables::ROOM_IDS, room.as_str())?);
    }
    let seen = scene.question.since.and_then(|since| since.typing);
    let typing = scene.syncs.parts.typing.changed_rooms(seen);
    // After a restart every room is told once: in any of them the device may show somebody who will never stop typing.
    let restarted = seen.is_some_and(|seen| scene.syncs.parts.typing.is_of_another_run(seen));
    let mut changed: Vec<RoomNo> = standings.iter().map(|(room, _)| *room).collect();
    let known = scene.syncs.wakers.retain_changed(since, scene.until, &mut changed, |room| *room);
    let changed: HashSet<RoomNo> = changed.into_iter().collect();
    let mut failed = None;
    standings.retain(|(room, standing)| {
        if standing.position > since || anyway.contains(room) || typing.contains(room) {
            return true;
        }
        // What has ended brings nothing any more, what waits is shown once.
        if standing.membership != Membership::Join {
            return false;
        }
        if restarted {
            return true;
        }
        if known {
            return changed.contains(room);
        }
        has_changed(scene, *room).unwrap_or_else(|error| {
            failed = Some(error);
            false
        })
    });
    failed.map_or(Ok(()), Err)
}

/// The same from the database: after a start, for what came before it.
fn has_changed(scene: &Scene<'_>, room: RoomNo) -> Result<bool, SyncError> {
    let Some(since) = scene.since else { return Ok(true) };
    if scene.read.get(tables::ROOM_HEADS, room)?.is_some_and(|head| head.newest > since) {
        return Ok(true);
    }
    let receipt = scene.read.last(tables::RECEIPTS_LOG, (room,))?;
    Ok(receipt.is_some_and(|((_, position), _)| position > since))
}
