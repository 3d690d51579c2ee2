//! Who has the power to do what in a room.

use super::{Pdu, Room, RoomError, Rooms, state};
use hearth_store::Read;
use ruma::{
    Int, OwnedUserId, UserId,
    events::StateEventType,
    state_res::events::{RoomCreateEvent, RoomPowerLevelsEvent, RoomPowerLevelsIntField},
};
use std::{collections::HashSet, sync::Arc};

/// The power levels in one version of a room's state.
#[derive(Debug)]
pub struct Powers<'r> {
    room: &'r Room,
    creators: HashSet<OwnedUserId>,
    levels: Option<RoomPowerLevelsEvent<Arc<Pdu>>>,
}

impl Rooms {
    /// The power levels in that version of the room's state.
    ///
    /// # Errors
    /// [`RoomError::UnknownRoom`] where the state has no create event, [`RoomError::State`] where it is not well formed.
    pub fn powers<'r>(&self, read: &impl Read, room: &'r Room, root: state::Root) -> Result<Powers<'r>, RoomError> {
        let create = self.state_event(read, root, &StateEventType::RoomCreate, "")?.ok_or(RoomError::UnknownRoom)?;
        let creators = RoomCreateEvent::new(create).creators(&room.rules.authorization).map_err(RoomError::State)?;
        let levels = self.state_event(read, root, &StateEventType::RoomPowerLevels, "")?.map(RoomPowerLevelsEvent::new);
        Ok(Powers { room, creators, levels })
    }
}

impl Powers<'_> {
    /// Whether the user has the level that `field` asks for.
    ///
    /// # Errors
    /// [`RoomError::State`]
    pub fn suffice(&self, user: &UserId, field: RoomPowerLevelsIntField) -> Result<bool, RoomError> {
        let rules = &self.room.rules.authorization;
        let Some(levels) = &self.levels else {
            // Without power levels only who made the room has power.
            return Ok(self.creators.contains(user) || field.default_value() <= Int::from(0));
        };
        if rules.explicitly_privilege_room_creators && self.creators.contains(user) {
            return Ok(true);
        }
        let own = levels.user_power_level(user, rules).map_err(RoomError::State)?;
        Ok(own >= levels.get_as_int_or_default(field, rules).map_err(RoomError::State)?)
    }

    /// Whether the user may send events of that type.
    ///
    /// # Errors
    /// [`RoomError::State`]
    pub fn may_send(
        &self,
        user: &UserId,
        kind: &ruma::events::TimelineEventType,
        state_key: Option<&str>,
    ) -> Result<bool, RoomError> {
        let rules = &self.room.rules.authorization;
        let Some(levels) = &self.levels else { return Ok(state_key.is_none() || self.creators.contains(user)) };
        if rules.explicitly_privilege_room_creators && self.creators.contains(user) {
            return Ok(true);
        }
        let own = levels.user_power_level(user, rules).map_err(RoomError::State)?;
        Ok(own >= levels.event_power_level(kind, state_key, rules).map_err(RoomError::State)?)
    }
}
