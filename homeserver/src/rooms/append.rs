//! Stores an event that came through the door and everything that follows from it, in one change.

use super::{Pdu, Room, RoomError, Rooms, graph, redact, relations::relate, state};
use hearth_store::{
    Change, EventNo, Read, StreamPos,
    records::{EventRecord, LogRecord, Membership, MembershipRecord, RoomHead, TimelinePos, Transaction},
    tables,
};
use ruma::events::{StateEventType, TimelineEventType};

/// How an event came out of the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Part of the room.
    Accepted,
    /// Refused where it stands in the graph.
    Rejected,
    /// Not shown, for the room's current state does not allow it.
    SoftFailed(String),
}

impl Rooms {
    /// Stores an event. `before` is the state before it.
    #[expect(clippy::too_many_arguments, reason = "what the door has found out about the event, each once")]
    pub(super) fn append(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        event: Pdu,
        json: Vec<u8>,
        auth_events: &[EventNo],
        before: state::Root,
        standing: Standing,
        transaction: Option<Transaction>,
    ) -> Result<EventNo, RoomError> {
        let position = change.next_pos();
        let number = EventNo(position.0);
        let accepted = standing == Standing::Accepted;
        let record = EventRecord {
            room: room.number,
            event_id: event.event_id.to_string(),
            state_before: Some(before),
            rejected: standing == Standing::Rejected,
            soft_failed: matches!(standing, Standing::SoftFailed(_)),
            timeline: accepted.then(|| TimelinePos::from(position)),
            transaction,
            auth_events: auth_events.to_vec(),
            depth: event.depth,
            redacted_by: None,
            json,
        };
        change.put(tables::EVENTS, number, &record)?;
        change.put(tables::EVENT_IDS, record.event_id.as_str(), &number)?;
        if !accepted {
            return Ok(number);
        }
        change.put(tables::TIMELINE, (room.number, TimelinePos::from(position)), &number)?;
        self.advance(change, room, &event, number, before, position)?;
        relate(change, room, &event, number)?;
        if event.kind == TimelineEventType::RoomRedaction {
            self.apply_redaction(change, room, &event, number)?;
        } else {
            redact::apply_waiting(self, change, room, &event, number)?;
        }
        change.announce(position, LogRecord::Event(room.number, number));
        Ok(number)
    }

    /// Moves the room's head over the event: extremities, current state, members.
    fn advance(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        event: &Pdu,
        number: EventNo,
        before: state::Root,
        position: StreamPos,
    ) -> Result<(), RoomError> {
        let after = match &event.state_key {
            Some(key) => state::apply(change, before, [(event.kind.to_string().as_str(), key.as_str(), Some(number))])?,
            None => before,
        };
        let mut head = change.get(tables::ROOM_HEADS, room.number)?.unwrap_or(RoomHead {
            extremities: Vec::new(),
            state: state::EMPTY,
            depth: 0,
            newest: position,
            joined: 0,
            invited: 0,
        });
        let mut replaced = Vec::new();
        for id in &event.prev_events {
            replaced.extend(graph::event_no(change, id)?);
        }
        head.extremities.retain(|extremity| !replaced.contains(extremity));
        let current = if head.extremities.is_empty() {
            after
        } else {
            let mut roots = vec![after];
            for extremity in &head.extremities {
                roots.push(self.state_after(change, *extremity)?);
            }
            self.resolve(change, room, &roots)?
        };
        head.extremities.push(number);
        head.depth = head.depth.max(event.depth);
        head.newest = position;
        if current != head.state {
            for ((kind, user), _, new) in state::difference(change, head.state, current)? {
                if kind == StateEventType::RoomMember.to_string() {
                    self.member_changed(change, room, &mut head, &user, new, position)?;
                }
            }
            change.put(tables::ROOM_STATES, (room.number, position), &current)?;
            head.state = current;
        }
        change.put(tables::ROOM_HEADS, room.number, &head)?;
        Ok(())
    }

    /// The current state has another membership event for a user.
    fn member_changed(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        head: &mut RoomHead,
        user: &str,
        event: Option<EventNo>,
        position: StreamPos,
    ) -> Result<(), RoomError> {
        let membership = match event {
            Some(number) => {
                // Read past the cache: the event may be one that this very change has stored.
                graph::parse(number, &graph::record(change, number)?)?
                    .content_field("membership")
                    .unwrap_or(Membership::Leave)
            }
            None => Membership::Leave,
        };
        let old = change.get(tables::MEMBERSHIPS, (user, room.number))?;
        if let Some(old) = &old {
            change.delete(tables::ROOM_MEMBERS, (room.number, old.membership, user))?;
            if let Some(count) = counted(head, old.membership) {
                *count = count.saturating_sub(1);
            }
        }
        if let Some(count) = counted(head, membership) {
            *count += 1;
        }
        let joined_at = match &old {
            Some(old) if old.membership == Membership::Join && membership == Membership::Join => old.joined_at,
            _ if membership == Membership::Join => Some(position),
            Some(old) => old.joined_at,
            None => None,
        };
        let left_at = match &old {
            _ if membership == Membership::Join => None,
            Some(old) if old.membership == Membership::Join => Some(position),
            Some(old) => old.left_at,
            None => None,
        };
        // Being banned from a room that was forgotten, or unbanned, does not bring it back.
        let forgotten =
            matches!(membership, Membership::Leave | Membership::Ban) && old.as_ref().is_some_and(|old| old.forgotten);
        let event = event.unwrap_or(EventNo(0));
        let record =
            MembershipRecord { membership, event, position, joined_at, left_at, forgotten, stripped_state: None };
        change.put(tables::MEMBERSHIPS, (user, room.number), &record)?;
        change.put(tables::ROOM_MEMBERS, (room.number, membership, user), &event)?;
        change.announce(position, LogRecord::Membership(user.to_owned(), room.number));
        Ok(())
    }
}

/// The count in the room's head that members of this kind are part of.
const fn counted(head: &mut RoomHead, membership: Membership) -> Option<&mut u64> {
    match membership {
        Membership::Join => Some(&mut head.joined),
        Membership::Invite => Some(&mut head.invited),
        _ => None,
    }
}
