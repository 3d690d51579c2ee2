//! The public room directory.

use super::rooms::room;
use crate::{
    http::{Anyone, App, Caller, Error, Routes as _},
    rooms::{Room, RoomError},
};
use axum::Router;
use hearth_store::{Read as _, Snapshot, tables};
use ruma::{
    OwnedMxcUri, OwnedRoomAliasId, OwnedServerName, UInt,
    api::client::{
        directory::{get_public_rooms, get_public_rooms_filtered, get_room_visibility, set_room_visibility},
        room::Visibility,
    },
    directory::{PublicRoomsChunk, PublicRoomsChunkInit},
    events::{StateEventType, TimelineEventType},
    room::{JoinRuleKind, RoomType},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{cmp::Reverse, sync::Arc};

/// Rooms in one answer at most, and where the client names no number.
const PAGE: usize = 100;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(get_public_rooms)
        .endpoint(get_public_rooms_filtered)
        .endpoint(get_room_visibility)
        .endpoint(set_room_visibility)
}

/// `GET /_matrix/client/v3/publicRooms`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms>
pub async fn get_public_rooms(
    app: Arc<App>,
    _: Anyone,
    request: get_public_rooms::v3::Request,
) -> Result<get_public_rooms::v3::Response, Error> {
    let page = page(&app, request.server, request.since.as_deref(), request.limit, |_| true)?;
    let mut response = get_public_rooms::v3::Response::new(page.rooms);
    response.next_batch = page.next;
    response.prev_batch = page.prev;
    response.total_room_count_estimate = Some(page.total);
    Ok(response)
}

/// `POST /_matrix/client/v3/publicRooms`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms>
pub async fn get_public_rooms_filtered(
    app: Arc<App>,
    _: Caller,
    request: get_public_rooms_filtered::v3::Request,
) -> Result<get_public_rooms_filtered::v3::Response, Error> {
    let term = request.filter.generic_search_term.map(|term| term.to_lowercase());
    let types = request.filter.room_types;
    let wanted = |room: &PublicRoomsChunk| {
        let text =
            [room.name.as_deref(), room.topic.as_deref(), room.canonical_alias.as_ref().map(|alias| alias.as_str())];
        term.as_ref().is_none_or(|term| text.iter().flatten().any(|text| text.to_lowercase().contains(term)))
            && (types.is_empty()
                || types.iter().any(|kind| kind.as_str() == room.room_type.as_ref().map(RoomType::as_str)))
    };
    let page = page(&app, request.server, request.since.as_deref(), request.limit, wanted)?;
    let mut response = get_public_rooms_filtered::v3::Response::new();
    response.chunk = page.rooms;
    response.next_batch = page.next;
    response.prev_batch = page.prev;
    response.total_room_count_estimate = Some(page.total);
    Ok(response)
}

/// `GET /_matrix/client/v3/directory/list/room/{roomId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directorylistroomroomid>
pub async fn get_room_visibility(
    app: Arc<App>,
    _: Anyone,
    request: get_room_visibility::v3::Request,
) -> Result<get_room_visibility::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = Room::by_id(&snapshot, &request.room_id)?;
    let listed = snapshot.contains(tables::PUBLIC_ROOMS, room.number)?;
    Ok(get_room_visibility::v3::Response::new(if listed { Visibility::Public } else { Visibility::Private }))
}

/// `PUT /_matrix/client/v3/directory/list/room/{roomId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistroomroomid>
pub async fn set_room_visibility(
    app: Arc<App>,
    caller: Caller,
    request: set_room_visibility::v3::Request,
) -> Result<set_room_visibility::v3::Response, Error> {
    let rooms = app.rooms.clone();
    app.store
        .change(move |change| {
            let room = room(change, &request.room_id)?;
            let powers = rooms.powers(change, &room, room.head(change)?.state)?;
            let member = crate::rooms::membership::membership(change, room.number, &caller.user)?;
            if member != hearth_store::records::Membership::Join
                || !powers.may_send(&caller.user, &TimelineEventType::RoomCanonicalAlias, Some(""))?
            {
                return Err(Error::forbidden("You may not change whether this room is listed."));
            }
            if request.visibility == Visibility::Public {
                change.put(tables::PUBLIC_ROOMS, room.number, &())?;
            } else {
                change.delete(tables::PUBLIC_ROOMS, room.number)?;
            }
            Ok(())
        })
        .await?;
    Ok(set_room_visibility::v3::Response::new())
}

struct Page {
    rooms: Vec<PublicRoomsChunk>,
    next: Option<String>,
    prev: Option<String>,
    total: UInt,
}

/// The listed rooms that are wanted, largest first; the token is the number of rooms before the page.
fn page(
    app: &App,
    server: Option<OwnedServerName>,
    since: Option<&str>,
    limit: Option<UInt>,
    wanted: impl Fn(&PublicRoomsChunk) -> bool,
) -> Result<Page, Error> {
    if server.is_some_and(|server| server != app.config.server_name) {
        return Err(Error::not_found("This server does not reach the directory of that one."));
    }
    let start: usize =
        since.map_or(Ok(0), str::parse).map_err(|_| Error::invalid("That token is not of this server."))?;
    let limit = limit.map_or(PAGE, |limit| usize::try_from(u64::from(limit)).unwrap_or(PAGE)).clamp(1, PAGE);
    let snapshot = app.store.snapshot()?;
    let mut rooms = Vec::new();
    for entry in snapshot.prefix(tables::PUBLIC_ROOMS, ())? {
        let (number, ()) = entry?;
        let room = describe(app, &snapshot, &Room::by_number(&snapshot, number)?)?;
        if wanted(&room) {
            rooms.push(room);
        }
    }
    rooms.sort_by_key(|room| Reverse(room.num_joined_members));
    let total = rooms.len();
    let rooms: Vec<PublicRoomsChunk> = rooms.into_iter().skip(start).take(limit).collect();
    let end = start.saturating_add(rooms.len());
    Ok(Page {
        rooms,
        next: (end < total).then(|| end.to_string()),
        prev: (start > 0).then(|| start.saturating_sub(limit).to_string()),
        total: UInt::new_saturating(total as u64),
    })
}

/// What the directory tells of a room.
fn describe(app: &App, snapshot: &Snapshot, room: &Room) -> Result<PublicRoomsChunk, Error> {
    let head = room.head(snapshot)?;
    let content = |kind: StateEventType| -> Result<Map<String, Value>, RoomError> {
        Ok(app.rooms.state_content(snapshot, head.state, &kind, "")?.unwrap_or_default())
    };
    let mut chunk = PublicRoomsChunk::from(PublicRoomsChunkInit {
        num_joined_members: UInt::new_saturating(head.joined),
        room_id: room.id.clone(),
        world_readable: is(&content(StateEventType::RoomHistoryVisibility)?, "history_visibility", "world_readable"),
        guest_can_join: is(&content(StateEventType::RoomGuestAccess)?, "guest_access", "can_join"),
    });
    chunk.name = field(content(StateEventType::RoomName)?, "name");
    chunk.topic = field(content(StateEventType::RoomTopic)?, "topic");
    chunk.avatar_url = field::<OwnedMxcUri>(content(StateEventType::RoomAvatar)?, "url");
    chunk.canonical_alias = field::<OwnedRoomAliasId>(content(StateEventType::RoomCanonicalAlias)?, "alias");
    chunk.join_rule = field::<JoinRuleKind>(content(StateEventType::RoomJoinRules)?, "join_rule").unwrap_or_default();
    chunk.room_type = field::<RoomType>(content(StateEventType::RoomCreate)?, "type");
    Ok(chunk)
}

fn is(content: &Map<String, Value>, name: &str, value: &str) -> bool {
    content.get(name).and_then(Value::as_str) == Some(value)
}

fn field<T: for<'de> Deserialize<'de>>(mut content: Map<String, Value>, name: &str) -> Option<T> {
    serde_json::from_value(content.remove(name)?).ok()
}
