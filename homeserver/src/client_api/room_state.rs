//! A room's state and members.

use super::rooms::{place, room, viewer};
use crate::{
    http::{App, Caller, Error, Routes as _},
    rooms::{Room, RoomError, client_event, graph, membership, state, visibility::View},
};
use axum::Router;
use hearth_store::{Read, StreamPos, records::Membership, tables};
use ruma::{
    UserId,
    api::client::{
        membership::{get_member_events, joined_members},
        state::{
            get_state_event_for_key::{self, v3::StateEventFormat},
            get_state_events,
        },
    },
    events::{StateEventType, room::member::MembershipState},
    serde::Raw,
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(get_state_events)
        .endpoint(get_state_event_for_key)
        .endpoint(get_member_events)
        .endpoint(joined_members)
}

/// `GET /_matrix/client/v3/rooms/{roomId}/state`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstate>
pub async fn get_state_events(
    app: Arc<App>,
    caller: Caller,
    request: get_state_events::v3::Request,
) -> Result<get_state_events::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    let root = View::new(&snapshot, &app.rooms, &room, &caller.user)?.state_root(&snapshot)?;
    let viewer = viewer(&caller, app.clock.now());
    let mut numbers = Vec::new();
    state::for_each(&snapshot, root, |_, _, number| {
        numbers.push(number);
        Ok(())
    })?;
    let events = numbers
        .into_iter()
        .map(|number| app.rooms.client_event(&snapshot, number, Some(&room.id), &viewer).map(Raw::from_json))
        .collect::<Result<_, RoomError>>()?;
    Ok(get_state_events::v3::Response::new(events))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey>
pub async fn get_state_event_for_key(
    app: Arc<App>,
    caller: Caller,
    request: get_state_event_for_key::v3::Request,
) -> Result<get_state_event_for_key::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    let root = View::new(&snapshot, &app.rooms, &room, &caller.user)?.state_root(&snapshot)?;
    let number = state::get(&snapshot, root, &request.event_type.to_string(), &request.state_key)?
        .ok_or_else(|| Error::not_found("The room has no such state."))?;
    let body = if request.format == StateEventFormat::Event {
        app.rooms.client_event(&snapshot, number, Some(&room.id), &viewer(&caller, app.clock.now()))?
    } else {
        let record = graph::record(&snapshot, number)?;
        client_event::fields(number, &record)?.content.to_owned()
    };
    Ok(get_state_event_for_key::v3::Response::new(body))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/members`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers>
pub async fn get_member_events(
    app: Arc<App>,
    caller: Caller,
    request: get_member_events::v3::Request,
) -> Result<get_member_events::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    let current = View::new(&snapshot, &app.rooms, &room, &caller.user)?.state_root(&snapshot)?;
    let root = match &request.at {
        // Not further than the caller may look: a left room ends where it was left.
        Some(at) => members_at(&snapshot, &room, &caller.user, &place(at)?, current)?,
        None => current,
    };
    let viewer = viewer(&caller, app.clock.now());
    let mut chunk = Vec::new();
    for (_, number) in state::of_type(&snapshot, root, "m.room.member")? {
        let event = app.rooms.pdu(&snapshot, number)?;
        let membership: MembershipState = event.content_field("membership").unwrap_or(MembershipState::Leave);
        if request.membership.as_ref().is_some_and(|wanted| *wanted != membership)
            || request.not_membership.as_ref().is_some_and(|unwanted| *unwanted == membership)
        {
            continue;
        }
        chunk.push(Raw::from_json(app.rooms.client_event(&snapshot, number, Some(&room.id), &viewer)?));
    }
    Ok(get_member_events::v3::Response::new(chunk))
}

fn members_at(
    read: &impl Read,
    room: &Room,
    user: &UserId,
    at: &hearth_store::records::TimelinePos,
    current: state::Root,
) -> Result<state::Root, Error> {
    let mut position = StreamPos(u64::try_from(at.0).unwrap_or(0));
    if let Some(left) = membership::record(read, room.number, user)?.and_then(|standing| standing.left_at) {
        position = position.min(left);
    }
    if position >= room.head(read)?.newest {
        return Ok(current);
    }
    Ok(state::at_position(read, room.number, position)?)
}

/// `GET /_matrix/client/v3/rooms/{roomId}/joined_members`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members>
pub async fn joined_members(
    app: Arc<App>,
    caller: Caller,
    request: joined_members::v3::Request,
) -> Result<joined_members::v3::Response, Error> {
    #[derive(Deserialize)]
    struct Content {
        displayname: Option<String>,
        avatar_url: Option<ruma::OwnedMxcUri>,
    }
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    if membership::membership(&snapshot, room.number, &caller.user)? != Membership::Join {
        return Err(Error::forbidden("You are not in that room, or there is none."));
    }
    let root = room.head(&snapshot)?.state;
    let mut joined = BTreeMap::new();
    for entry in snapshot.prefix(tables::ROOM_MEMBERS, (room.number, Membership::Join))? {
        let ((_, _, user), _) = entry?;
        let content: Option<Content> = app.rooms.state_content(&snapshot, root, &StateEventType::RoomMember, &user)?;
        let Ok(user) = UserId::parse(user) else { continue };
        let mut member = joined_members::v3::RoomMember::new();
        if let Some(content) = content {
            member.display_name = content.displayname;
            member.avatar_url = content.avatar_url;
        }
        joined.insert(user, member);
    }
    Ok(joined_members::v3::Response::new(joined))
}
