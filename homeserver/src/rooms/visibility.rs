//! Who may see which events of a room.
//! <https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility>

use super::{Room, RoomError, Rooms, graph, state};
use hearth_store::{
    EventNo, Read,
    records::{EventRecord, Membership, MembershipRecord, TimelinePos},
    tables,
};
use ruma::{
    UserId,
    events::{StateEventType, room::history_visibility::HistoryVisibility},
};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Content {
    history_visibility: HistoryVisibility,
}

/// One user's view of one room. Remembers what it found out per version of the state, of which
/// a page of the timeline has few.
#[derive(Debug)]
pub struct View<'v> {
    rooms: &'v Rooms,
    room: &'v Room,
    user: &'v UserId,
    standing: Option<MembershipRecord>,
    by_state: HashMap<state::Root, bool>,
}

impl<'v> View<'v> {
    /// The view of `user` on `room`.
    ///
    /// # Errors
    /// Those of the store.
    pub fn new(read: &impl Read, rooms: &'v Rooms, room: &'v Room, user: &'v UserId) -> Result<Self, RoomError> {
        let standing = read.get(tables::MEMBERSHIPS, (user.as_str(), room.number))?;
        Ok(Self { rooms, room, user, standing, by_state: HashMap::new() })
    }

    /// How the user stands to the room now.
    #[must_use]
    pub fn membership(&self) -> Membership {
        self.standing.as_ref().map_or(Membership::Leave, |standing| standing.membership)
    }

    /// Whether the user has asked not to have to do with the room any more.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.standing.as_ref().is_some_and(|standing| standing.forgotten)
    }

    /// Whether the user may see that event.
    ///
    /// # Errors
    /// Those of the store and of damaged events.
    pub fn sees(&mut self, read: &impl Read, number: EventNo, record: &EventRecord) -> Result<bool, RoomError> {
        if record.room != self.room.number || record.rejected || record.soft_failed {
            return Ok(false);
        }
        let Some(before) = record.state_before else { return Ok(false) };
        let seen = match self.by_state.get(&before) {
            Some(seen) => *seen,
            None => {
                let seen = self.sees_at(read, before, record.timeline)?;
                self.by_state.insert(before, seen);
                seen
            }
        };
        if seen {
            // After leaving, nothing that follows. The answer by state alone can't know the moment.
            return self.not_after_leaving(read, before, record.timeline);
        }
        // Of events that change what is visible, the more generous side counts.
        let event = graph::parse(number, record)?;
        match (&event.state_key, event.kind.to_string().as_str()) {
            (Some(key), "m.room.member") => Ok(key == self.user.as_str()
                && event.content_field("membership") != Some(Membership::Leave)
                || key == self.user.as_str()
                    && self.rooms.membership_at(read, before, self.user)? != Membership::Leave),
            (Some(key), "m.room.history_visibility") if key.is_empty() => {
                let Ok(after) = serde_json::from_str::<Content>(event.content.get()) else { return Ok(false) };
                Ok(self.sees_by(read, &after.history_visibility, before, record.timeline)?
                    && (after.history_visibility == HistoryVisibility::WorldReadable
                        || self.not_after_leaving(read, before, record.timeline)?))
            }
            _ => Ok(false),
        }
    }

    fn sees_at(&self, read: &impl Read, before: state::Root, place: Option<TimelinePos>) -> Result<bool, RoomError> {
        let content: Option<Content> =
            self.rooms.state_content(read, before, &StateEventType::RoomHistoryVisibility, "")?;
        let visibility = content.map_or(HistoryVisibility::Shared, |content| content.history_visibility);
        self.sees_by(read, &visibility, before, place)
    }

    /// Whether the user may see what happened at that place, under that visibility.
    fn sees_by(
        &self,
        read: &impl Read,
        visibility: &HistoryVisibility,
        before: state::Root,
        place: Option<TimelinePos>,
    ) -> Result<bool, RoomError> {
        if *visibility == HistoryVisibility::WorldReadable {
            return Ok(true);
        }
        Ok(match (self.rooms.membership_at(read, before, self.user)?, visibility) {
            (Membership::Join, _) => true,
            (Membership::Invite, HistoryVisibility::Invited) => true,
            (_, HistoryVisibility::Joined | HistoryVisibility::Invited) => false,
            // `shared`, and whatever is not of the specification: everybody who was joined at some later point.
            // Not what came after a leaving, though the membership may have changed since, to a ban for one.
            _ => self.standing.as_ref().is_some_and(|standing| {
                standing.membership == Membership::Join
                    || standing.joined_at.zip(place).is_some_and(|(joined, place)| place < TimelinePos::from(joined))
            }),
        })
    }

    fn not_after_leaving(
        &self,
        read: &impl Read,
        before: state::Root,
        place: Option<TimelinePos>,
    ) -> Result<bool, RoomError> {
        let gone = match &self.standing {
            Some(standing) if matches!(standing.membership, Membership::Leave | Membership::Ban) => standing.position,
            _ => return Ok(true),
        };
        if place.is_some_and(|place| place <= TimelinePos::from(gone)) {
            return Ok(true);
        }
        let content: Option<Content> =
            self.rooms.state_content(read, before, &StateEventType::RoomHistoryVisibility, "")?;
        Ok(content.is_some_and(|content| content.history_visibility == HistoryVisibility::WorldReadable))
    }

    /// Root of the state that the user may ask for: the current one, or that of when the user left.
    ///
    /// # Errors
    /// [`RoomError::Forbidden`] for somebody who was never in the room, unless everybody may look in.
    pub fn state_root(&self, read: &impl Read) -> Result<state::Root, RoomError> {
        let current = self.room.head(read)?.state;
        match &self.standing {
            Some(standing) if standing.membership == Membership::Join => return Ok(current),
            Some(standing) if standing.joined_at.is_some() && !standing.forgotten => {
                return state::at_position(read, self.room.number, standing.left_at.unwrap_or(standing.position));
            }
            _ => {}
        }
        let content: Option<Content> =
            self.rooms.state_content(read, current, &StateEventType::RoomHistoryVisibility, "")?;
        if content.is_some_and(|content| content.history_visibility == HistoryVisibility::WorldReadable) {
            return Ok(current);
        }
        Err(RoomError::Forbidden("You are not a member of this room.".into()))
    }
}
