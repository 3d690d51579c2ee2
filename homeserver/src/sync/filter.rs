//! What a client wants to see.
//! <https://spec.matrix.org/v1.19/client-server-api/#filtering>

use super::SyncError;
use crate::{accounts::filters, rooms::filter::matches};
use hearth_store::Read;
use ruma::{
    OwnedRoomId, RoomId, UserId,
    api::client::{
        filter::{Filter, FilterDefinition, LazyLoadOptions, RoomEventFilter},
        sync::sync_events::v3,
    },
};

/// Events of a room's timeline in one sync, where the client doesn't say.
const LIMIT: usize = 10;
/// The most it gets of one room, whatever it says.
const MOST: usize = 1000;

/// The filter of a request, found or parsed.
///
/// # Errors
/// [`SyncError::UnknownFilter`], [`SyncError::BadFilter`]
pub(super) fn of_request(
    read: &impl Read,
    user: &UserId,
    filter: Option<v3::Filter>,
) -> Result<FilterDefinition, SyncError> {
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
