//! Reading a room's events: one, around one, page by page.

use super::rooms::{place, room, token, viewer};
use crate::{
    http::{App, Caller, Error, Routes as _},
    rooms::{
        Room, RoomError, client_event, filter, graph, state,
        timeline::{self, Direction},
        visibility::View,
    },
};
use axum::Router;
use hearth_store::{
    EventNo, Read, Snapshot, StreamPos,
    records::{Membership, TimelinePos},
};
use ruma::{
    UInt,
    api::{
        self,
        client::{
            context::get_context,
            filter::{LazyLoadOptions, RoomEventFilter},
            message::get_message_events,
            room::{get_event_by_timestamp, get_room_event},
        },
    },
    events::{AnyStateEvent, AnyTimelineEvent},
    serde::Raw,
};
use serde_json::value::RawValue;
use std::{collections::BTreeSet, sync::Arc};

/// Events in one answer at most.
const MAX_PAGE: usize = 1000;
/// Events around one event at most.
const MAX_CONTEXT: usize = 100;
/// Events looked at for one answer at most: a filter that nothing passes must not read a whole room.
const MAX_LOOKED_AT: usize = 20_000;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(get_room_event).endpoint(get_message_events).endpoint(get_context).endpoint(get_event_by_timestamp)
}

/// `GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid>
pub async fn get_room_event(
    app: Arc<App>,
    caller: Caller,
    request: get_room_event::v3::Request,
) -> Result<get_room_event::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    let number = visible(&app, &snapshot, &caller, &room, &request.event_id)?;
    let event = app.rooms.client_event(&snapshot, number, Some(&room.id), &viewer(&caller, app.clock.now()))?;
    Ok(get_room_event::v3::Response::new(Raw::from_json(event)))
}

/// The number of an event that the caller may see.
fn visible(app: &App, read: &impl Read, caller: &Caller, room: &Room, id: &ruma::EventId) -> Result<EventNo, Error> {
    let number = graph::event_no(read, id)?.ok_or(RoomError::UnknownEvent)?;
    let record = graph::record(read, number)?;
    let mut view = View::new(read, &app.rooms, room, &caller.user)?;
    if view.is_forgotten() {
        // Who has forgotten the room is a stranger to it, and learns as little of its events as of those that there are not.
        match view.state_root(read) {
            Err(RoomError::Forbidden(_)) => return Err(RoomError::UnknownEvent.into()),
            open => drop(open?),
        }
    }
    if !view.sees(read, number, &record)? {
        return Err(RoomError::UnknownEvent.into());
    }
    Ok(number)
}

/// `GET /_matrix/client/v3/rooms/{roomId}/messages`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages>
pub async fn get_message_events(
    app: Arc<App>,
    caller: Caller,
    request: get_message_events::v3::Request,
) -> Result<get_message_events::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    let mut reader = Reader::new(&app, &snapshot, &caller, &room, &request.filter)?;
    let direction = match request.dir {
        api::Direction::Forward => Direction::Forward,
        api::Direction::Backward => Direction::Backward,
    };
    let from = match (&request.from, direction) {
        (Some(from), _) => place(from)?,
        (None, Direction::Backward) => TimelinePos(i64::MAX),
        (None, Direction::Forward) => TimelinePos(i64::MIN),
    };
    let to = request.to.as_deref().map(place).transpose()?;
    let mut limit = page_size(request.limit);
    if let Some(own) = request.filter.limit {
        limit = limit.min(page_size(own));
    }
    let page = reader.page(from, to, direction, limit)?;
    let mut response = get_message_events::v3::Response::new();
    // The newest place there is makes no token that a client could hold on to.
    response.start = match &request.from {
        Some(from) => from.clone(),
        None if direction == Direction::Backward => token(room.head(&snapshot)?.newest.into()),
        None => token(from),
    };
    response.end = page.next.map(token);
    response.state = reader.lazy_members(reader.view.state_root(&snapshot)?)?;
    response.chunk = page.events.into_iter().map(Raw::from_json).collect();
    Ok(response)
}

/// `GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid>
pub async fn get_context(
    app: Arc<App>,
    caller: Caller,
    request: get_context::v3::Request,
) -> Result<get_context::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    let number = visible(&app, &snapshot, &caller, &room, &request.event_id)?;
    let record = graph::record(&snapshot, number)?;
    let Some(here) = record.timeline else { return Err(RoomError::UnknownEvent.into()) };
    let mut reader = Reader::new(&app, &snapshot, &caller, &room, &request.filter)?;
    let limit = usize::try_from(u64::from(request.limit)).unwrap_or(MAX_CONTEXT).min(MAX_CONTEXT);
    reader.senders.insert(client_event::fields(number, &record)?.sender.to_string());
    let before = reader.page(TimelinePos(here.0 - 1), None, Direction::Backward, limit / 2)?;
    let after = reader.page(here, None, Direction::Forward, limit - limit / 2)?;

    let mut response = get_context::v3::Response::new();
    response.event = Some(Raw::<AnyTimelineEvent>::from_json(reader.event(number)?));
    response.start = Some(token(before.next.unwrap_or(before.last)));
    response.end = Some(token(after.next.unwrap_or(after.last)));
    response.events_before = before.events.into_iter().map(Raw::from_json).collect();
    response.events_after = after.events.into_iter().map(Raw::from_json).collect();
    // That of the last event shown, which is as far as the caller may look.
    let root = match u64::try_from(after.last_shown.unwrap_or(here).0) {
        Ok(position) => state::at_position(&snapshot, room.number, StreamPos(position))?,
        // History from before this server came to the room.
        Err(_) => record.state_before.ok_or(RoomError::UnknownEvent)?,
    };
    response.state = reader.state(root)?;
    Ok(response)
}

/// `GET /_matrix/client/v1/rooms/{roomId}/timestamp_to_event`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event>
pub async fn get_event_by_timestamp(
    app: Arc<App>,
    caller: Caller,
    request: get_event_by_timestamp::v1::Request,
) -> Result<get_event_by_timestamp::v1::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    let mut view = View::new(&snapshot, &app.rooms, &room, &caller.user)?;
    view.state_root(&snapshot)?;
    let wanted = u64::from(request.ts.0);
    let forward = request.dir == api::Direction::Forward;
    let (from, direction) =
        match first_since(&snapshot, &room, if forward { wanted } else { wanted.saturating_add(1) })? {
            Some(place) if forward => (TimelinePos(place.0 - 1), Direction::Forward),
            None if forward => (TimelinePos(i64::MAX), Direction::Forward),
            Some(place) => (TimelinePos(place.0 - 1), Direction::Backward),
            None => (TimelinePos(i64::MAX), Direction::Backward),
        };
    for entry in timeline::events(&snapshot, room.number, from, None, direction)?.take(MAX_LOOKED_AT) {
        let (_, number) = entry?;
        let record = graph::record(&snapshot, number)?;
        let at = client_event::fields(number, &record)?.origin_server_ts;
        if (if forward { at >= wanted } else { at <= wanted }) && view.sees(&snapshot, number, &record)? {
            let event = graph::parse(number, &record)?;
            return Ok(get_event_by_timestamp::v1::Response::new(event.event_id, event.origin_server_ts));
        }
    }
    Err(Error::not_found("The room has no event on that side of the time."))
}

/// Place of the first event sent at or after that time, in milliseconds since the Unix epoch. Times are taken to rise along the
/// timeline, as this server's own do; where another server's clock is wrong, it is a place near by.
fn first_since(snapshot: &Snapshot, room: &Room, wanted: u64) -> Result<Option<TimelinePos>, Error> {
    let from = |place| -> Result<_, RoomError> {
        let Some(entry) = timeline::events(snapshot, room.number, place, None, Direction::Forward)?.next() else {
            return Ok(None);
        };
        let (place, number) = entry?;
        Ok(Some((place, client_event::fields(number, &graph::record(snapshot, number)?)?.origin_server_ts)))
    };
    // The first event behind `low` is too early, the first one behind `high` is not.
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    match from(TimelinePos(low))? {
        Some((_, at)) if at < wanted => {}
        first => return Ok(first.map(|(place, _)| place)),
    }
    while low < high - 1 {
        let middle = low.midpoint(high);
        match from(TimelinePos(middle))? {
            Some((_, at)) if at < wanted => low = middle,
            _ => high = middle,
        }
    }
    Ok(from(TimelinePos(high))?.map(|(place, _)| place))
}

fn page_size(limit: UInt) -> usize {
    usize::try_from(u64::from(limit)).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE)
}

/// Reads pages of one room for one caller.
struct Reader<'r> {
    app: &'r App,
    snapshot: &'r Snapshot,
    caller: &'r Caller,
    room: &'r Room,
    filter: &'r RoomEventFilter,
    view: View<'r>,
    senders: BTreeSet<String>,
    now: u64,
}

/// Events in the order of reading, and where the next page begins if there is one.
struct Page {
    events: Vec<Box<RawValue>>,
    next: Option<TimelinePos>,
    /// Place of the last event looked at, or where reading began.
    last: TimelinePos,
    /// Place of the last event of the page.
    last_shown: Option<TimelinePos>,
}

impl<'r> Reader<'r> {
    fn new(
        app: &'r App,
        snapshot: &'r Snapshot,
        caller: &'r Caller,
        room: &'r Room,
        filter: &'r RoomEventFilter,
    ) -> Result<Self, Error> {
        let view = View::new(snapshot, &app.rooms, room, &caller.user)?;
        if view.membership() != Membership::Join {
            // Refuses those who never were here; what the others see is up to each event.
            view.state_root(snapshot)?;
        }
        Ok(Self { app, snapshot, caller, room, filter, view, senders: BTreeSet::new(), now: app.clock.now() })
    }

    fn event(&self, number: EventNo) -> Result<Box<RawValue>, Error> {
        Ok(self.app.rooms.client_event(self.snapshot, number, Some(&self.room.id), &viewer(self.caller, self.now))?)
    }

    fn page(
        &mut self,
        from: TimelinePos,
        to: Option<TimelinePos>,
        direction: Direction,
        limit: usize,
    ) -> Result<Page, Error> {
        let mut page = Page { events: Vec::new(), next: None, last: from, last_shown: None };
        let entries = timeline::events(self.snapshot, self.room.number, from, to, direction)?;
        for (looked_at, entry) in entries.enumerate() {
            let (place, number) = entry?;
            if page.events.len() == limit || looked_at == MAX_LOOKED_AT {
                // A token names the gap behind its event: backwards the next page begins with this one.
                page.next = Some(if direction == Direction::Backward { place } else { page.last });
                return Ok(page);
            }
            page.last = if direction == Direction::Backward { TimelinePos(place.0 - 1) } else { place };
            let record = graph::record(self.snapshot, number)?;
            let event = client_event::fields(number, &record)?;
            if !filter::passes(self.filter, &event) || !self.view.sees(self.snapshot, number, &record)? {
                continue;
            }
            self.senders.insert(event.sender.to_string());
            page.last_shown = Some(place);
            page.events.push(self.event(number)?);
        }
        Ok(page)
    }

    /// The membership events of the senders so far in that version, for clients that load members lazily.
    fn lazy_members(&self, root: state::Root) -> Result<Vec<Raw<AnyStateEvent>>, Error> {
        if matches!(self.filter.lazy_load_options, LazyLoadOptions::Disabled) {
            return Ok(Vec::new());
        }
        let mut events = Vec::new();
        for sender in &self.senders {
            if let Some(number) = state::get(self.snapshot, root, "m.room.member", sender)? {
                events.push(Raw::from_json(self.event(number)?));
            }
        }
        Ok(events)
    }

    /// The state in that version, members only of the senders where they are loaded lazily.
    fn state(&self, root: state::Root) -> Result<Vec<Raw<AnyStateEvent>>, Error> {
        if matches!(self.filter.lazy_load_options, LazyLoadOptions::Disabled) {
            let mut numbers = Vec::new();
            state::for_each(self.snapshot, root, |_, _, number| {
                numbers.push(number);
                Ok(())
            })?;
            return numbers.into_iter().map(|number| Ok(Raw::from_json(self.event(number)?))).collect();
        }
        let mut events = self.lazy_members(root)?;
        for (_, number) in state::except_type(self.snapshot, root, "m.room.member")? {
            events.push(Raw::from_json(self.event(number)?));
        }
        Ok(events)
    }
}
