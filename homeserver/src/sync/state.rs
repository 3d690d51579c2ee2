//! The state of a room that a timeline alone does not tell.

use super::{event, filter, scene::Scene, timeline::Batch};
use crate::rooms::{
    Room, RoomError, client_event,
    filter::passes,
    graph,
    state::{self, Root},
};
use hearth_state::TypeFilter;
use hearth_store::{EventNo, StreamPos, records::TimelinePos};
use ruma::{
    api::client::sync::sync_events::v3::{State, StateEvents},
    serde::Raw,
};
use std::collections::{BTreeMap, BTreeSet};

const MEMBER: &str = "m.room.member";

/// Between which versions of the state, and whose membership must be there.
#[derive(Debug)]
pub(super) struct Span<'s> {
    /// What the answer need not repeat; empty where it tells all.
    pub from: Root,
    /// What the device knows, though it be told again; none for a room that is new to it.
    pub known: Option<Root>,
    /// The state at the end of the timeline.
    pub to: Root,
    /// Users whose membership the answer names besides the timeline's senders: the heroes, and the reader in a new room.
    pub named: &'s [String],
}

/// The state that the device must be told besides the timeline.
pub(super) fn state(scene: &Scene<'_>, room: &Room, span: &Span<'_>, batch: &Batch) -> Result<State, RoomError> {
    let question = scene.question;
    let wanted = &question.filter.room.state;
    let mut numbers: Vec<EventNo> =
        if filter::wants_room(wanted, &room.id) { entries(scene, room, span, batch)? } else { Vec::new() };
    // Oldest first, the order in which a client would have seen them.
    numbers.sort_unstable();
    let mut events = Vec::with_capacity(numbers.len());
    for number in numbers {
        let record = graph::record(scene.read, number)?;
        let fields = client_event::fields(number, &record)?;
        if passes(wanted, &fields) {
            events.push(Raw::from_json(event::state(scene, number, &record, &fields)?));
        }
    }
    let events = StateEvents::with_events(events);
    Ok(if question.state_after { State::After(events) } else { State::Before(events) })
}

fn entries(scene: &Scene<'_>, room: &Room, span: &Span<'_>, batch: &Batch) -> Result<Vec<EventNo>, RoomError> {
    let lazy = filter::lazy(&scene.question.filter.room.state);
    let anew = span.from == state::EMPTY;
    // Members are told as they speak, but whoever knows some must hear of every one that changed.
    let new_members_wait = anew && lazy.is_some() && span.known.is_none();
    let start = match batch.start {
        _ if span.from == span.to || scene.question.state_after => span.to,
        Some(start) => before(scene, room, start, batch)?,
        None => span.to,
    };
    let mut entries = BTreeMap::new();
    if anew && lazy.is_some() {
        entries.extend(state::except_type(scene.read, start, MEMBER)?);
        if let Some(known) = span.known {
            let changed = state::difference_of(scene.read, known, start, TypeFilter::Only(MEMBER))?;
            entries.extend(changed.into_iter().filter_map(|(key, _, new)| Some((key, new?))));
        }
    } else {
        let changed = state::difference(scene.read, span.from, start)?;
        entries.extend(changed.into_iter().filter_map(|(key, _, new)| Some((key, new?))));
    }
    if start != span.to {
        // What became of the state within the timeline without standing in it: resolved, or kept back by a filter.
        for (key, _, new) in state::difference(scene.read, start, span.to)? {
            if let Some(new) = new
                && !batch.shown.contains(&new)
                && !(new_members_wait && key.0 == MEMBER)
            {
                entries.insert(key, new);
            }
        }
    }
    if let Some(include_redundant) = lazy {
        let named: BTreeSet<&str> = batch.senders.iter().chain(span.named).map(String::as_str).collect();
        for user in named {
            let key = (MEMBER.to_owned(), user.to_owned());
            let number = match entries.get(&key) {
                // Changed since, so to be told however often it was.
                Some(number) => Some(*number),
                None => scene
                    .syncs
                    .memo
                    .member(scene.read, start, user)?
                    .filter(|number| include_redundant || anew || !scene.syncs.lazy.knows(scene.question, *number)),
            };
            if let Some(number) = number {
                scene.syncs.lazy.learns(scene.question, number, scene.until);
                entries.insert(key, number);
            }
        }
    }
    Ok(entries.into_values().collect())
}

/// The state before the first event of a timeline.
fn before(scene: &Scene<'_>, room: &Room, start: TimelinePos, batch: &Batch) -> Result<Root, RoomError> {
    match u64::try_from(start.0) {
        Ok(start) => scene.root_at(room.number, StreamPos(start.saturating_sub(1))),
        // History from before this server came to the room: the event itself knows.
        Err(_) => {
            let first = batch.shown.iter().min().copied().unwrap_or_default();
            Ok(graph::record(scene.read, first)?.state_before.unwrap_or(state::EMPTY))
        }
    }
}
