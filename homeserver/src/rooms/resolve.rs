//! State where the graph forks: the state after an event, before one with several parents, and the
//! resolution of those that differ.
//! <https://spec.matrix.org/v1.19/rooms/v2/#state-resolution>
//!
//! ruma resolves maps of the whole state. A large room would pay for all its members at every fork,
//! so this module finds what differs by the tries and hands over just that, and what the rules may ask for.

use super::{Pdu, Room, RoomError, Rooms, graph, state};
use hearth_store::{Change, EventNo, Read};
use ruma::{
    EventId, OwnedEventId,
    events::StateEventType,
    room_version_rules::StateResolutionVersion,
    state_res::{self, StateMap, utils::event_id_set::EventIdSet},
};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// (type, state key)
pub(super) type Key = (String, String);
/// For each key on which the states differ: the event of each state.
pub(super) type Conflicts = BTreeMap<Key, Vec<Option<EventNo>>>;

impl Rooms {
    /// Root of the state after a stored event.
    pub(super) fn state_after(&self, change: &mut Change<'_>, number: EventNo) -> Result<state::Root, RoomError> {
        let record = graph::record(change, number)?;
        let before = record.state_before.ok_or(RoomError::UnknownEvent)?;
        if record.rejected {
            return Ok(before);
        }
        let event = graph::parse(number, &record)?;
        match &event.state_key {
            Some(key) => state::apply(change, before, [(event.kind.to_string().as_str(), key.as_str(), Some(number))]),
            None => Ok(before),
        }
    }

    /// Root of the state before an event with these parents.
    pub(super) fn state_before(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        parents: &[EventNo],
    ) -> Result<state::Root, RoomError> {
        if parents.is_empty() {
            return Ok(state::EMPTY);
        }
        if let Some(head) = change.get(hearth_store::tables::ROOM_HEADS, room.number)?
            && head.extremities.len() == parents.len()
            && parents.iter().all(|parent| head.extremities.contains(parent))
        {
            // The usual case: the event stands on all that the room has, whose state is resolved already.
            return Ok(head.state);
        }
        let mut roots = Vec::with_capacity(parents.len());
        for parent in parents {
            roots.push(self.state_after(change, *parent)?);
        }
        self.resolve(change, room, &roots)
    }

    /// One state from several.
    pub(super) fn resolve(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        roots: &[state::Root],
    ) -> Result<state::Root, RoomError> {
        let mut distinct = roots.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let base = match distinct.as_slice() {
            [] => return Ok(state::EMPTY),
            [only] => return Ok(*only),
            [base, ..] => *base,
        };
        let conflicts = conflicts(change, &distinct)?;
        let resolved = match &room.rules.state_res {
            StateResolutionVersion::V2(rules) => self.resolve_v2(change, room, rules, &distinct, &conflicts)?,
            _ => self.resolve_v1(change, room, base, &conflicts)?,
        };
        let entries: Vec<(Key, Option<EventNo>)> = conflicts
            .into_keys()
            .map(|key| {
                let event = resolved.get(&key).copied();
                (key, event)
            })
            .collect();
        state::apply(change, base, entries.iter().map(|((kind, key), event)| (kind.as_str(), key.as_str(), *event)))
    }

    fn resolve_v2(
        &self,
        read: &impl Read,
        room: &Room,
        rules: &ruma::room_version_rules::StateResolutionV2Rules,
        roots: &[state::Root],
        conflicts: &Conflicts,
    ) -> Result<BTreeMap<Key, EventNo>, RoomError> {
        let mut chains = Vec::with_capacity(roots.len());
        for index in 0..roots.len() {
            let events = conflicts.values().filter_map(|events| events.get(index).copied().flatten());
            chains.push(auth_chain(read, events)?);
        }
        complete_chains(read, roots, conflicts, &mut chains)?;
        let conflicted: BTreeSet<EventNo> = conflicts.values().flatten().flatten().copied().collect();

        // Who is judged: their membership may be asked for, whether in conflict or not.
        let mut judged: BTreeSet<EventNo> = conflicted.clone();
        judged.extend(chains.iter().flatten());
        let mut people = BTreeSet::new();
        for number in &judged {
            let event = self.pdu(read, *number)?;
            people.insert(event.sender.to_string());
            people.extend(event.state_key.clone());
        }
        let agreed = agreed(read, roots, conflicts, &people)?;
        let mut maps = Vec::with_capacity(roots.len());
        for index in 0..roots.len() {
            let mut map: StateMap<OwnedEventId> = StateMap::new();
            let own = conflicts.iter().filter_map(|(key, events)| Some((key, events.get(index).copied().flatten()?)));
            for (key, number) in agreed.iter().map(|(key, number)| (key, *number)).chain(own) {
                map.insert(
                    (StateEventType::from(key.0.as_str()), key.1.clone()),
                    self.pdu(read, number)?.event_id.clone(),
                );
            }
            maps.push(map);
        }
        let chains = chains.into_iter().map(|chain| ids(self, read, chain)).collect::<Result<Vec<_>, _>>()?;

        let failure = Cell::new(None);
        let fetch = |id: &EventId| -> Option<Arc<Pdu>> {
            let found =
                graph::event_no(read, id).and_then(|number| number.map(|number| self.pdu(read, number)).transpose());
            found.unwrap_or_else(|error| {
                failure.set(Some(error));
                None
            })
        };
        let subgraph = |_: &StateMap<Vec<OwnedEventId>>| -> Option<EventIdSet<OwnedEventId>> {
            conflicted_subgraph(read, &conflicted).and_then(|events| ids(self, read, events)).map_or_else(
                |error| {
                    failure.set(Some(error));
                    None
                },
                Some,
            )
        };
        let result = state_res::resolve(&room.rules.authorization, rules, &maps, chains, fetch, subgraph);
        if let Some(error) = failure.into_inner() {
            return Err(error);
        }
        let map = result.map_err(|error| RoomError::State(error.to_string()))?;
        let mut resolved = BTreeMap::new();
        for ((kind, key), id) in map {
            let number = graph::event_no(read, &id)?.ok_or(RoomError::UnknownEvent)?;
            resolved.insert((kind.to_string(), key), number);
        }
        Ok(resolved)
    }
}

/// The keys on which the states differ, with the event of each state.
fn conflicts(read: &impl Read, roots: &[state::Root]) -> Result<Conflicts, RoomError> {
    let mut keys = BTreeSet::new();
    if let [base, others @ ..] = roots {
        for other in others {
            keys.extend(state::difference(read, *base, *other)?.into_iter().map(|(key, _, _)| key));
        }
    }
    let mut conflicts = Conflicts::new();
    for key in keys {
        let mut events = Vec::with_capacity(roots.len());
        for root in roots {
            events.push(state::get(read, *root, &key.0, &key.1)?);
        }
        conflicts.insert(key, events);
    }
    Ok(conflicts)
}

/// The entries that all states share, as far as the rules may ask for them: everything but members, and these members.
fn agreed(
    read: &impl Read,
    roots: &[state::Root],
    conflicts: &Conflicts,
    people: &BTreeSet<String>,
) -> Result<BTreeMap<Key, EventNo>, RoomError> {
    let Some(base) = roots.first() else { return Ok(BTreeMap::new()) };
    let member = StateEventType::RoomMember.to_string();
    let mut agreed: BTreeMap<Key, EventNo> = state::except_type(read, *base, &member)?.into_iter().collect();
    for person in people {
        if let Some(number) = state::get(read, *base, &member, person)? {
            agreed.insert((member.clone(), person.clone()), number);
        }
    }
    agreed.retain(|key, _| !conflicts.contains_key(key));
    Ok(agreed)
}

/// All events that the given ones rest on, over any number of steps.
fn auth_chain(read: &impl Read, events: impl Iterator<Item = EventNo>) -> Result<BTreeSet<EventNo>, RoomError> {
    let mut chain = BTreeSet::new();
    let mut open: Vec<EventNo> = events.collect();
    while let Some(number) = open.pop() {
        for auth in graph::record(read, number)?.auth_events {
            if chain.insert(auth) {
                open.push(auth);
            }
        }
    }
    Ok(chain)
}

/// Adds to every chain those events of the others that the shared part of the states rests on: the chains
/// above are of the differing events alone, but the specification's auth difference is that of whole states.
fn complete_chains(
    read: &impl Read,
    roots: &[state::Root],
    conflicts: &Conflicts,
    chains: &mut [BTreeSet<EventNo>],
) -> Result<(), RoomError> {
    let union: BTreeSet<EventNo> = chains.iter().flatten().copied().collect();
    let mut open: BTreeSet<EventNo> =
        union.iter().filter(|number| !chains.iter().all(|chain| chain.contains(number))).copied().collect();
    let Some(base) = roots.first() else { return Ok(()) };
    let Some(lowest) = open.first().copied() else { return Ok(()) };
    // Auth events are stored before the events that name them, so nothing below the lowest can lead to any.
    let mut seen = BTreeSet::new();
    let mut walk = Vec::new();
    state::for_each(read, *base, |kind, key, number| {
        if number >= lowest && !conflicts.contains_key(&(kind.to_owned(), key.to_owned())) {
            walk.push(number);
        }
        Ok(())
    })?;
    while let Some(number) = walk.pop() {
        for auth in graph::record(read, number)?.auth_events {
            if auth >= lowest && seen.insert(auth) {
                if open.remove(&auth) {
                    for chain in &mut *chains {
                        chain.insert(auth);
                    }
                }
                walk.push(auth);
            }
        }
    }
    Ok(())
}

/// The events that lie on a path of auth events between two conflicted ones, these included.
/// <https://spec.matrix.org/v1.19/rooms/v12/#state-resolution>
fn conflicted_subgraph(read: &impl Read, conflicted: &BTreeSet<EventNo>) -> Result<BTreeSet<EventNo>, RoomError> {
    let Some(lowest) = conflicted.first().copied() else { return Ok(BTreeSet::new()) };
    let mut edges: BTreeMap<EventNo, Vec<EventNo>> = BTreeMap::new();
    let mut open: Vec<EventNo> = conflicted.iter().copied().collect();
    while let Some(number) = open.pop() {
        if edges.contains_key(&number) {
            continue;
        }
        let auth: Vec<EventNo> =
            graph::record(read, number)?.auth_events.into_iter().filter(|auth| *auth >= lowest).collect();
        open.extend(&auth);
        edges.insert(number, auth);
    }
    // In ascending order an event's auth events are decided before it is.
    let mut within = BTreeSet::new();
    for (number, auth) in &edges {
        if conflicted.contains(number) || auth.iter().any(|auth| within.contains(auth)) {
            within.insert(*number);
        }
    }
    Ok(within)
}

fn ids(rooms: &Rooms, read: &impl Read, events: BTreeSet<EventNo>) -> Result<EventIdSet<OwnedEventId>, RoomError> {
    let mut ids = EventIdSet::with_capacity(events.len());
    for number in events {
        ids.insert(rooms.pdu(read, number)?.event_id.clone());
    }
    Ok(ids)
}
