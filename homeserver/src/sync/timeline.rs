//! The newest events of a room that the device has not seen.

use super::{event, filter, scene::Scene, token};
use crate::rooms::{
    Room, RoomError, client_event,
    filter::passes,
    graph,
    timeline::{Direction, events},
    visibility::View,
};
use hearth_store::{
    EventNo,
    records::{MembershipRecord, TimelinePos},
};
use ruma::{api::client::sync::sync_events::v3::Timeline, serde::Raw};
use std::collections::{BTreeSet, HashSet};

/// Events that are looked at for one room in one answer, beyond those that it may show. What a filter or the room's
/// history visibility keeps back must not make a sync walk through all of a room.
const LOOKED_AT: usize = 500;

/// A stretch of a room's timeline that ends at the newest event.
#[derive(Debug)]
pub(super) struct Batch {
    /// As the client gets it.
    pub timeline: Timeline,
    /// The events in it.
    pub shown: HashSet<EventNo>,
    /// Their senders.
    pub senders: BTreeSet<String>,
    /// Where the first one stands.
    pub start: Option<TimelinePos>,
}

/// Which stretch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Behind this place; none for as far as the limit goes.
    pub since: Option<TimelinePos>,
    /// Up to this place.
    pub until: TimelinePos,
    /// Only the user's own membership: they were never in the room, or no longer.
    pub own_only: bool,
}

/// Reads the stretch backwards until the limit is reached.
pub(super) fn batch(
    scene: &Scene<'_>,
    room: &Room,
    standing: &MembershipRecord,
    stretch: Stretch,
) -> Result<Batch, RoomError> {
    let wanted = &scene.question.filter.room.timeline;
    let wants_room = filter::wants_room(wanted, &room.id);
    let limit = filter::limit(wanted);
    let mut view = View::new(scene.read, scene.rooms, room, &scene.question.user)?;
    let (mut newest_first, mut shown, mut senders) = (Vec::new(), HashSet::new(), BTreeSet::new());
    let (mut start, mut limited, mut looked_at) = (None, false, 0);
    // The gap behind the oldest event looked at.
    let mut reached = stretch.until;
    for entry in events(scene.read, room.number, stretch.until, stretch.since, Direction::Backward)? {
        let (place, number) = entry?;
        looked_at += 1;
        if looked_at > limit + LOOKED_AT {
            limited = true;
            break;
        }
        let record = graph::record(scene.read, number)?;
        let fields = client_event::fields(number, &record)?;
        let own = fields.kind == "m.room.member" && fields.state_key.as_deref() == Some(scene.question.user.as_str());
        let passes = wants_room
            && passes(wanted, &fields)
            && !scene.ignores(&fields.sender, fields.state_key.is_some())
            && (own
                || !stretch.own_only
                    && (event::always_joined(standing, &record) || view.sees(scene.read, number, &record)?));
        if passes {
            if newest_first.len() == limit {
                limited = true;
                break;
            }
            newest_first.push(Raw::from_json(event::timeline(scene, standing, number, &record, &fields)?));
            shown.insert(number);
            senders.insert(fields.sender.into_owned());
            start = Some(place);
        }
        reached = TimelinePos(place.0.saturating_sub(1));
    }
    newest_first.reverse();
    let mut timeline = Timeline::new();
    timeline.limited = limited;
    if limited || !newest_first.is_empty() {
        timeline.prev_batch = Some(token::of_place(reached));
    }
    timeline.events = newest_first;
    Ok(Batch { timeline, shown, senders, start })
}
