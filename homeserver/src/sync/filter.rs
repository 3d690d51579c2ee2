//! What a client wants to see.
//! <https://spec.matrix.org/v1.19/client-server-api/#filtering>

use super::SyncError;
use crate::{accounts::filters, rooms::client_event::StoredEvent};
use hearth_store::Read;
use ruma::{
    OwnedRoomId, RoomId, UserId,
    api::client::{
        filter::{Filter, FilterDefinition, LazyLoadOptions, RoomEventFilter, UrlFilter},
        sync::sync_events::v3,
    },
};
use serde::Deserialize;

/// Events of a room's timeline in one sync, where the client doesn't say.
const LIMIT: usize = 10;
/// The most it gets of one room, whatever it says.
const MOST: usize = 1000;

/// The filter of a request, found or parsed.
///
/// # Errors
/// [`SyncError::UnknownFilter`], [`SyncError::BadFilter`]
pub(super) fn of_request(read: &impl Read, user: &UserId, filter: Option<v3::Filter>) -> Result<FilterDefinition, SyncError> {
    match filter {
        None => Ok(FilterDefinition::default()),
        Some(v3::Filter::FilterDefinition(filter)) => Ok(filter),
        Some(v3::Filter::FilterId(id)) if id.starts_with('{') => {
            // It came here because it is not a filter; find out why.
            let error = serde_json::from_str::<FilterDefinition>(&id).err().map(|error| error.to_string());
            Err(SyncError::BadFilter(error.unwrap_or_default()))
        }
        Some(v3::Filter::FilterId(id)) => {
            let stored = filters::get(read, user, &id)?.ok_or(SyncError::UnknownFilter)?;
            serde_json::from_str(&stored).map_err(|error| SyncError::BadFilter(error.to_string()))
        }
        Some(_) => Err(SyncError::BadFilter("it is neither a filter nor the name of one".to_owned())),
    }
}

/// Whether a room passes lists of rooms to include and to leave out.
pub(super) fn room_passes(rooms: Option<&[OwnedRoomId]>, not_rooms: &[OwnedRoomId], room: &RoomId) -> bool {
    !not_rooms.iter().any(|other| other == room) && rooms.is_none_or(|rooms| rooms.iter().any(|other| other == room))
}

/// Whether a part of the answer is wanted of a room at all.
pub(super) fn wants_room(filter: &RoomEventFilter, room: &RoomId) -> bool {
    room_passes(filter.rooms.as_deref(), &filter.not_rooms, room)
}

/// Whether an event passes; its room is another matter.
pub(super) fn wants_event(filter: &RoomEventFilter, event: &StoredEvent<'_>) -> bool {
    wants_type(filter.types.as_deref(), &filter.not_types, &event.kind)
        && !filter.not_senders.iter().any(|sender| *sender == *event.sender)
        && filter.senders.as_ref().is_none_or(|senders| senders.iter().any(|sender| *sender == *event.sender))
        && filter.url_filter.is_none_or(|wanted| (wanted == UrlFilter::EventsWithUrl) == has_url(event))
}

/// Whether something of this type passes the lists of types.
pub(super) fn wants_type(types: Option<&[String]>, not_types: &[String], kind: &str) -> bool {
    !not_types.iter().any(|pattern| matches(pattern, kind))
        && types.is_none_or(|types| types.iter().any(|pattern| matches(pattern, kind)))
}

/// Whether data of this type that belong to no room and come from that user pass.
pub(super) fn wants(filter: &Filter, kind: &str, sender: &UserId) -> bool {
    wants_type(filter.types.as_deref(), &filter.not_types, kind)
        && !filter.not_senders.iter().any(|other| other == sender)
        && filter.senders.as_ref().is_none_or(|senders| senders.iter().any(|other| other == sender))
}

/// How many events of a timeline to show.
pub(super) fn limit(filter: &RoomEventFilter) -> usize {
    filter.limit.and_then(|limit| usize::try_from(u64::from(limit)).ok()).unwrap_or(LIMIT).min(MOST)
}

/// Lazy loading of members: off, or on with or without those that the device has been sent already.
pub(super) const fn lazy(filter: &RoomEventFilter) -> Option<bool> {
    match filter.lazy_load_options {
        LazyLoadOptions::Disabled => None,
        LazyLoadOptions::Enabled { include_redundant_members } => Some(include_redundant_members),
    }
}

fn has_url(event: &StoredEvent<'_>) -> bool {
    #[derive(Deserialize)]
    struct Content {
        url: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_str::<Content>(event.content.get()).is_ok_and(|content| content.url.is_some())
}

/// Whether `kind` is what `pattern` says, in which `*` stands for anything.
fn matches(pattern: &str, kind: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == kind };
    let Some(mut kind) = kind.strip_prefix(start) else { return false };
    // The earliest place for each piece leaves the most to those that follow, and the last must end it.
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        let Some((_, behind)) = kind.split_once(piece) else { return false };
        kind = behind;
    }
    kind.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, kind, fits) in [
            ("m.room.message", "m.room.message", true),
            ("m.room.message", "m.room.messages", false),
            ("*", "", true),
            ("m.room.*", "m.room.name", true),
            ("m.room.*", "m.reaction", false),
            ("*.name", "m.room.name", true),
            ("m.*.name", "m.room.name", true),
            ("m.*.name", "m.name", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**a", "a", false),
            ("a**a", "aa", true),
        ] {
            assert_eq!(matches(pattern, kind), fits, "{pattern} {kind}");
        }
    }

    #[test]
    fn events_pass_by_type_sender_and_url() {
        let event = |json: &'static str| serde_json::from_str::<StoredEvent<'_>>(json).unwrap();
        let text = event(r#"{"type":"m.room.message","sender":"@a:x","origin_server_ts":1,"content":{"body":"hi"}}"#);
        let image = event(r#"{"type":"m.room.message","sender":"@b:x","origin_server_ts":1,"content":{"url":"mxc://x/y"}}"#);
        for (filter, wants_text, wants_image) in [
            (r#"{}"#, true, true),
            (r#"{"types":[]}"#, false, false),
            (r#"{"types":["m.*"],"not_types":["m.room.*"]}"#, false, false),
            (r#"{"senders":["@a:x"]}"#, true, false),
            (r#"{"senders":["@a:x"],"not_senders":["@a:x"]}"#, false, false),
            (r#"{"contains_url":true}"#, false, true),
            (r#"{"contains_url":false}"#, true, false),
        ] {
            let filter: RoomEventFilter = serde_json::from_str(filter).unwrap();
            assert_eq!((wants_event(&filter, &text), wants_event(&filter, &image)), (wants_text, wants_image), "{filter:?}");
        }
    }
}
