//! State resolution of room version 1.
//! <https://spec.matrix.org/v1.19/rooms/v1/#state-resolution>

use super::{
    Room, RoomError, Rooms,
    resolve::{Conflicts, Key},
    state,
};
use hearth_store::{Change, EventNo};
use ruma::events::StateEventType;
use sha1::{Digest as _, Sha1};
use std::collections::{BTreeMap, BTreeSet};

impl Rooms {
    /// The resolved event of each key in conflict. `base` is any of the states.
    pub(super) fn resolve_v1(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        base: state::Root,
        conflicts: &Conflicts,
    ) -> Result<BTreeMap<Key, EventNo>, RoomError> {
        // Start from what does not conflict. A key that only some of the states have is no conflict.
        let mut resolved = BTreeMap::new();
        let mut open: Vec<(&Key, BTreeSet<EventNo>)> = Vec::new();
        for (key, events) in conflicts {
            let events: BTreeSet<EventNo> = events.iter().flatten().copied().collect();
            match events.first() {
                Some(only) if events.len() == 1 => {
                    resolved.insert(key.clone(), *only);
                }
                _ => open.push((key, events)),
            }
        }
        let start = conflicts.keys().map(|key| (key.0.as_str(), key.1.as_str(), resolved.get(key).copied()));
        let mut root = state::apply(change, base, start)?;

        // Those that authorise come first, in this order: oldest first, as long as each is allowed on the one before.
        for kind in [StateEventType::RoomPowerLevels, StateEventType::RoomJoinRules, StateEventType::RoomMember] {
            let kind = kind.to_string();
            for (key, events) in open.extract_if(.., |(key, _)| key.0 == kind) {
                let mut sorted = self.by_depth(change, &events)?;
                sorted.sort_by(|a, b| (a.0, &b.1).cmp(&(b.0, &a.1)));
                for (index, (_, _, number)) in sorted.iter().enumerate() {
                    let event = self.pdu(change, *number)?;
                    if index > 0 && self.allowed_by(change, room, &event, root)?.is_err() {
                        break;
                    }
                    root = state::apply(change, root, [(key.0.as_str(), key.1.as_str(), Some(*number))])?;
                    resolved.insert(key.clone(), *number);
                }
            }
        }

        // Nothing else authorises: the deepest that is allowed.
        for (key, events) in open {
            let mut sorted = self.by_depth(change, &events)?;
            sorted.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
            for (_, _, number) in sorted {
                if self.allowed_by(change, room, &*self.pdu(change, number)?, root)?.is_ok() {
                    resolved.insert(key.clone(), number);
                    break;
                }
            }
        }
        Ok(resolved)
    }

    /// (depth, SHA-1 of the event's identifier, event)
    fn by_depth(
        &self,
        change: &Change<'_>,
        events: &BTreeSet<EventNo>,
    ) -> Result<Vec<(u64, Vec<u8>, EventNo)>, RoomError> {
        events
            .iter()
            .map(|number| {
                let event = self.pdu(change, *number)?;
                Ok((event.depth, Sha1::digest(event.event_id.as_bytes()).to_vec(), *number))
            })
            .collect()
    }
}
