//! Whose devices or keys changed, for those who share a room with them.
//! <https://spec.matrix.org/v1.19/client-server-api/#tracking-the-device-list-for-a-user>

use super::E2eeError;
use crate::rooms::{client_event, graph, state};
use hearth_state::TypeFilter;
use hearth_store::{
    Change, EventNo, Read, RoomNo, StoreError, StreamPos,
    records::{LogRecord, Membership},
    tables::{
        DEVICE_LIST_CHANGES, DEVICE_LIST_LOG, MEMBERSHIPS, ROOM_MEMBERS, USER_SIGNATURE_CHANGES, USER_SIGNATURE_LOG,
    },
};
use ruma::UserId;
use serde::Deserialize;
use std::{collections::BTreeSet, ops::Bound};

const MEMBER: &str = "m.room.member";

/// Notes that devices or keys of a user changed.
///
/// # Errors
/// [`StoreError`]
pub fn changed(change: &mut Change<'_>, user: &str) -> Result<(), StoreError> {
    if let Some(before) = change.get(DEVICE_LIST_CHANGES, user)? {
        change.delete(DEVICE_LIST_LOG, before)?;
    }
    let position = change.log(LogRecord::DeviceList(user.to_owned()))?;
    change.put(DEVICE_LIST_CHANGES, user, &position)?;
    change.put(DEVICE_LIST_LOG, position, &user.to_owned())
}

/// Notes that a user signed another's master key: the signer's other devices must fetch it anew.
///
/// # Errors
/// [`StoreError`]
pub fn signed(change: &mut Change<'_>, signer: &str, signed: &str) -> Result<(), StoreError> {
    if let Some(before) = change.get(USER_SIGNATURE_CHANGES, (signer, signed))? {
        change.delete(USER_SIGNATURE_LOG, (signer, before))?;
    }
    let position = change.log(LogRecord::UserSignature(signer.to_owned()))?;
    change.put(USER_SIGNATURE_CHANGES, (signer, signed), &position)?;
    change.put(USER_SIGNATURE_LOG, (signer, position), &signed.to_owned())
}

/// The users whose devices or keys changed behind `from` and up to `to`.
///
/// A user whose newest change lies behind `to` is not among them; a sync that goes on from `to` will find it.
pub(super) fn anywhere_between(read: &impl Read, from: StreamPos, to: StreamPos) -> Result<Vec<String>, StoreError> {
    let range = (Bound::Excluded(from), Bound::Included(to));
    read.range::<_, _, StreamPos>(DEVICE_LIST_LOG, range)?.map(|row| row.map(|(_, user)| user)).collect()
}

/// The users whose master keys `user` signed behind `from` and up to `to`.
pub(super) fn signed_between(
    read: &impl Read,
    user: &UserId,
    from: StreamPos,
    to: StreamPos,
) -> Result<BTreeSet<String>, StoreError> {
    let range = (Bound::Excluded(from), Bound::Included(to));
    let rows = read.range_in::<_, _, _, StreamPos>(USER_SIGNATURE_LOG, (user.as_str(),), range)?;
    rows.map(|row| row.map(|(_, signed)| signed)).collect()
}

/// Whether two users are joined to one room.
///
/// # Errors
/// [`StoreError`]
pub fn share_room(read: &impl Read, a: &str, b: &str) -> Result<bool, StoreError> {
    // The rooms of the one are walked, those of the other looked up. Rooms left count as rows too, but a user has few rows.
    for row in read.prefix(MEMBERSHIPS, (a,))? {
        let ((_, room), record) = row?;
        if record.membership == Membership::Join && is_joined(read, room, b)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_joined(read: &impl Read, room: RoomNo, user: &str) -> Result<bool, StoreError> {
    let record = read.get(MEMBERSHIPS, (user, room))?;
    Ok(record.is_some_and(|record| record.membership == Membership::Join))
}

/// What `/keys/changes` tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// Users whose keys must be fetched anew.
    pub changed: BTreeSet<String>,
    /// Users with whom no room is shared any more.
    pub left: BTreeSet<String>,
}

/// Everything about others' device lists that happened behind `from` and up to `to`. Of the user's rooms only
/// those are looked at in which, as `may_have_changed` says, something has happened since.
///
/// # Errors
/// Those of the store and of a damaged state trie.
pub fn delta(
    read: &impl Read,
    user: &UserId,
    from: StreamPos,
    to: StreamPos,
    may_have_changed: impl Fn(RoomNo) -> bool,
) -> Result<Delta, E2eeError> {
    let me = user.as_str();
    let mut delta = Delta { changed: signed_between(read, user, from, to)?, left: BTreeSet::new() };
    for other in anywhere_between(read, from, to)? {
        if other == me || share_room(read, me, &other)? {
            delta.changed.insert(other);
        }
    }
    let mut went = BTreeSet::new();
    for row in read.prefix(MEMBERSHIPS, (me,))? {
        let ((_, room), mine) = row?;
        if !may_have_changed(room) {
            continue;
        }
        let met_again = mine.joined_at.is_some_and(|joined| joined > from);
        match mine.membership {
            Membership::Join if met_again => {
                delta.changed.extend(members(read, room)?.into_iter().filter(|other| other != me));
                went.extend(met_before(read, room, me, from)?);
            }
            Membership::Join => moved(read, room, from, to, &mut delta.changed, &mut went)?,
            _ if mine.joined_at.is_some() && mine.position > from => went.extend(met_before(read, room, me, from)?),
            _ => {}
        }
    }
    for other in went {
        if other != me && !share_room(read, me, &other)? {
            delta.left.insert(other);
        }
    }
    Ok(delta)
}

fn members(read: &impl Read, room: RoomNo) -> Result<Vec<String>, StoreError> {
    read.prefix(ROOM_MEMBERS, (room, Membership::Join))?.map(|row| row.map(|((_, _, user), _)| user)).collect()
}

/// Those who were in a room at a position, if the user was in it as well: of nobody else there was anything to forget.
fn met_before(read: &impl Read, room: RoomNo, me: &str, from: StreamPos) -> Result<Vec<String>, E2eeError> {
    let before = state::at_position(read, room, from)?;
    let mine = state::get(read, before, MEMBER, me)?;
    if !mine.map_or(Ok(false), |event| was_joined(read, room, me, event, from))? {
        return Ok(Vec::new());
    }
    let mut met = Vec::new();
    for (user, event) in state::of_type(read, before, MEMBER)? {
        if was_joined(read, room, &user, event, from)? {
            met.push(user);
        }
    }
    Ok(met)
}

/// Whether a user was in a room at a position, where `event` was their membership event.
fn was_joined(read: &impl Read, room: RoomNo, user: &str, event: EventNo, at: StreamPos) -> Result<bool, E2eeError> {
    #[derive(Deserialize)]
    struct Content {
        membership: Membership,
    }
    // Nearly everybody's row tells, for nothing has happened since, and rows cost less than events.
    if let Some(record) = read.get(MEMBERSHIPS, (user, room))? {
        let joined = record.membership == Membership::Join;
        if record.position <= at || joined && record.joined_at.is_some_and(|joined| joined <= at) {
            return Ok(joined);
        }
    }
    let record = graph::record(read, event)?;
    let content = serde_json::from_str::<Content>(client_event::fields(event, &record)?.content.get());
    Ok(content.is_ok_and(|content| content.membership == Membership::Join))
}

/// Who came into a room and who went, by what differs in its state.
fn moved(
    read: &impl Read,
    room: RoomNo,
    from: StreamPos,
    to: StreamPos,
    came: &mut BTreeSet<String>,
    went: &mut BTreeSet<String>,
) -> Result<(), E2eeError> {
    let (before, after) = (state::at_position(read, room, from)?, state::at_position(read, room, to)?);
    if before == after {
        return Ok(());
    }
    for ((_, user), old, _) in state::difference_of(read, before, after, TypeFilter::Only(MEMBER))? {
        let Some(record) = read.get(MEMBERSHIPS, (&*user, room))? else { continue };
        if record.membership != Membership::Join {
            // Who was only invited, or banned beforehand, was never met.
            if old.map_or(Ok(false), |event| was_joined(read, room, &user, event, from))? {
                went.insert(user);
            }
        } else if record.joined_at.is_some_and(|joined| joined > from) {
            came.insert(user);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::testing::TestStore;
    use hearth_store::{
        records::{EventRecord, MembershipRecord},
        tables::{CHANGE_LOG, EVENTS, ROOM_STATES},
    };
    use ruma::user_id;
    use serde_json::json;

    fn ann_id() -> &'static UserId {
        user_id!("@ann:here")
    }

    const BOB: &str = "@bob:here";

    /// Brings a user into a room, or out of it, the way the rooms layer stores it.
    fn moves(store: &TestStore, room: u64, user: &'static str, membership: Membership) {
        let work = move |change: &mut Change<'_>| {
            let position = change.log(LogRecord::Membership(user.to_owned(), RoomNo(room)))?;
            let old = change.get(MEMBERSHIPS, (user, RoomNo(room)))?;
            if let Some(old) = &old {
                change.delete(ROOM_MEMBERS, (RoomNo(room), old.membership, user))?;
            }
            let joined_at =
                if membership == Membership::Join { Some(position) } else { old.and_then(|old| old.joined_at) };
            let event = EventNo::from(position);
            let record = MembershipRecord {
                membership,
                event,
                position,
                joined_at,
                left_at: None,
                forgotten: false,
                stripped_state: None,
            };
            change.put(MEMBERSHIPS, (user, RoomNo(room)), &record)?;
            change.put(ROOM_MEMBERS, (RoomNo(room), membership, user), &event)?;
            let root = state::at_position(change, RoomNo(room), position)?;
            let root = state::apply(change, root, [(MEMBER, user, Some(event))])?;
            change.put(EVENTS, event, &member_event(RoomNo(room), user, membership))?;
            Ok(change.put(ROOM_STATES, (RoomNo(room), position), &root)?)
        };
        store.change(work).unwrap();
    }

    fn member_event(room: RoomNo, user: &str, membership: Membership) -> EventRecord {
        let json = json!({
            "type": MEMBER, "sender": user, "state_key": user, "origin_server_ts": 0,
            "content": { "membership": membership },
        });
        EventRecord {
            room,
            event_id: "$event".into(),
            state_before: None,
            rejected: false,
            soft_failed: false,
            timeline: None,
            transaction: None,
            auth_events: Vec::new(),
            depth: 0,
            redacted_by: None,
            json: json.to_string().into_bytes(),
        }
    }

    fn touch(store: &TestStore, user: &'static str) {
        store.change(move |change| Ok(changed(change, user)?)).unwrap();
    }

    fn since(store: &TestStore, from: StreamPos) -> (Vec<String>, Vec<String>) {
        let delta = delta(&store.store.snapshot().unwrap(), ann_id(), from, StreamPos(u64::MAX), |_| true).unwrap();
        (delta.changed.into_iter().collect(), delta.left.into_iter().collect())
    }

    #[test]
    fn one_learns_of_oneself_and_of_those_who_share_a_room() {
        let store = TestStore::new();
        moves(&store, 1, ann_id().as_str(), Membership::Join);
        moves(&store, 1, BOB, Membership::Join);
        moves(&store, 2, "@eve:here", Membership::Join);
        moves(&store, 2, ann_id().as_str(), Membership::Invite);
        let from = store.store.durable_pos();
        for user in [ann_id().as_str(), BOB, "@eve:here", BOB] {
            touch(&store, user);
        }
        assert_eq!(since(&store, from), (vec![ann_id().to_string(), BOB.to_owned()], vec![]));
        let snapshot = store.store.snapshot().unwrap();
        let to = store.store.durable_pos();
        assert_eq!(since(&store, to), (vec![], vec![]));
        assert_eq!(snapshot.prefix(DEVICE_LIST_LOG, ()).unwrap().count(), 3, "one row for each user");
        let logged = snapshot.get(CHANGE_LOG, to).unwrap().unwrap();
        assert_eq!(logged, LogRecord::DeviceList(BOB.to_owned()));
    }

    #[test]
    fn one_learns_of_those_who_come_and_of_those_who_go() {
        let store = TestStore::new();
        moves(&store, 1, ann_id().as_str(), Membership::Join);
        let from = store.store.durable_pos();
        moves(&store, 1, BOB, Membership::Join);
        assert_eq!(since(&store, from), (vec![BOB.to_owned()], vec![]));
        let from = store.store.durable_pos();
        moves(&store, 1, BOB, Membership::Ban);
        assert_eq!(since(&store, from), (vec![], vec![BOB.to_owned()]));
    }

    #[test]
    fn somebody_met_elsewhere_has_not_left() {
        let store = TestStore::new();
        for room in [1, 2] {
            moves(&store, room, ann_id().as_str(), Membership::Join);
            moves(&store, room, BOB, Membership::Join);
        }
        let from = store.store.durable_pos();
        moves(&store, 1, BOB, Membership::Leave);
        assert_eq!(since(&store, from), (vec![], vec![]));
        moves(&store, 2, ann_id().as_str(), Membership::Leave);
        assert_eq!(since(&store, from), (vec![], vec![BOB.to_owned()]));
    }

    #[test]
    fn entering_a_room_one_learns_of_all_in_it() {
        let store = TestStore::new();
        moves(&store, 1, BOB, Membership::Join);
        moves(&store, 1, "@eve:here", Membership::Invite);
        let from = store.store.durable_pos();
        moves(&store, 1, ann_id().as_str(), Membership::Join);
        assert_eq!(since(&store, from), (vec![BOB.to_owned()], vec![]));
    }

    #[test]
    fn strangers_have_not_left() {
        let (store, ann) = (TestStore::new(), ann_id().as_str());
        moves(&store, 1, ann, Membership::Join);
        moves(&store, 1, BOB, Membership::Join);
        moves(&store, 1, ann, Membership::Leave);
        moves(&store, 1, "@eve:here", Membership::Join);
        // Of a room that one is not in, whatever else happens to one there.
        for membership in [Membership::Ban, Membership::Leave, Membership::Invite, Membership::Knock] {
            let from = store.store.durable_pos();
            moves(&store, 1, ann, membership);
            assert_eq!(since(&store, from), (vec![], vec![]), "{membership:?}");
        }
        moves(&store, 2, ann, Membership::Join);
        let from = store.store.durable_pos();
        moves(&store, 2, BOB, Membership::Invite);
        moves(&store, 2, "@eve:here", Membership::Ban);
        assert_eq!(since(&store, from), (vec![], vec![]));
    }

    #[test]
    fn who_went_before_oneself_has_left() {
        let (store, ann) = (TestStore::new(), ann_id().as_str());
        for user in [ann, BOB, "@eve:here"] {
            moves(&store, 1, user, Membership::Join);
        }
        let from = store.store.durable_pos();
        moves(&store, 1, BOB, Membership::Leave);
        // Who came meanwhile was never heard of.
        moves(&store, 1, "@cat:here", Membership::Join);
        moves(&store, 1, ann, Membership::Leave);
        assert_eq!(since(&store, from), (vec![], vec![BOB.to_owned(), "@eve:here".to_owned()]));
        moves(&store, 1, ann, Membership::Join);
        let met = vec!["@cat:here".to_owned(), "@eve:here".to_owned()];
        assert_eq!(since(&store, from), (met, vec![BOB.to_owned()]));
    }
}
