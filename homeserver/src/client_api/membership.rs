//! Room membership.

use super::rooms::{resolve, room};
use crate::{
    http::{App, Caller, Error, Routes as _},
    rooms::{
        Room,
        membership::{self, Invitation, Move},
    },
};
use axum::Router;
use hearth_store::{Change, Read as _, tables};
use ruma::{
    OwnedRoomId, OwnedUserId, RoomId,
    api::client::{
        knock::knock_room,
        membership::{
            ban_user, forget_room,
            invite_user::{self, v3::InvitationRecipient},
            join_room_by_id, join_room_by_id_or_alias, joined_rooms, kick_user, leave_room, unban_user,
        },
    },
};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(joined_rooms)
        .endpoint(join_room_by_id)
        .endpoint(join_room_by_id_or_alias)
        .endpoint(invite_user)
        .endpoint(leave_room)
        .endpoint(kick_user)
        .endpoint(ban_user)
        .endpoint(unban_user)
        .endpoint(knock_room)
        .endpoint(forget_room)
}

/// `GET /_matrix/client/v3/joined_rooms`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3joined_rooms>
pub async fn joined_rooms(
    app: Arc<App>,
    caller: Caller,
    _: joined_rooms::v3::Request,
) -> Result<joined_rooms::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let mut rooms = Vec::new();
    for number in membership::joined_rooms(&snapshot, &caller.user)? {
        if let Some(record) = snapshot.get(tables::ROOMS, number)? {
            rooms.extend(RoomId::parse(record.room_id));
        }
    }
    Ok(joined_rooms::v3::Response::new(rooms))
}

/// `POST /_matrix/client/v3/rooms/{roomId}/join`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin>
pub async fn join_room_by_id(
    app: Arc<App>,
    caller: Caller,
    request: join_room_by_id::v3::Request,
) -> Result<join_room_by_id::v3::Response, Error> {
    let room_id = join(&app, caller, request.room_id, request.reason).await?;
    Ok(join_room_by_id::v3::Response::new(room_id))
}

/// `POST /_matrix/client/v3/join/{roomIdOrAlias}`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3joinroomidoralias>
pub async fn join_room_by_id_or_alias(
    app: Arc<App>,
    caller: Caller,
    request: join_room_by_id_or_alias::v3::Request,
) -> Result<join_room_by_id_or_alias::v3::Response, Error> {
    let room_id = resolve(&app.store.snapshot()?, &request.room_id_or_alias)?;
    let room_id = join(&app, caller, room_id, request.reason).await?;
    Ok(join_room_by_id_or_alias::v3::Response::new(room_id))
}

async fn join(app: &App, caller: Caller, room_id: OwnedRoomId, reason: Option<String>) -> Result<OwnedRoomId, Error> {
    let (rooms, now) = (app.rooms.clone(), app.clock.now());
    app.store
        .change(move |change| {
            let room = Room::by_id(change, &room_id)?;
            rooms.join(change, &room, &caller.user, reason.as_deref(), now)?;
            Ok(room.id)
        })
        .await
}

/// `POST /_matrix/client/v3/rooms/{roomId}/invite`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite>
pub async fn invite_user(
    app: Arc<App>,
    caller: Caller,
    request: invite_user::v3::Request,
) -> Result<invite_user::v3::Response, Error> {
    let InvitationRecipient::UserId(invitee) = request.recipient else {
        return Err(Error::invalid("This server can't invite by e-mail address or telephone number."));
    };
    let (rooms, now) = (app.rooms.clone(), app.clock.now());
    app.store
        .change(move |change| {
            let room = room(change, &request.room_id)?;
            let reason = invitee.reason.as_deref();
            let invitation = Invitation { sender: &caller.user, user: &invitee.user_id, reason, is_direct: false, now };
            rooms.invite(change, &room, invitation)?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(invite_user::v3::Response::new())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/leave`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidleave>
pub async fn leave_room(
    app: Arc<App>,
    caller: Caller,
    request: leave_room::v3::Request,
) -> Result<leave_room::v3::Response, Error> {
    let user = caller.user.clone();
    let rooms = app.rooms.clone();
    moved(&app, caller, request.room_id, user, request.reason, move |change, room, moved| {
        Ok(rooms.leave(change, room, moved)?)
    })
    .await?;
    Ok(leave_room::v3::Response::new())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/kick`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidkick>
pub async fn kick_user(
    app: Arc<App>,
    caller: Caller,
    request: kick_user::v3::Request,
) -> Result<kick_user::v3::Response, Error> {
    let rooms = app.rooms.clone();
    moved(&app, caller, request.room_id, request.user_id, request.reason, move |change, room, moved| {
        Ok(rooms.kick(change, room, moved)?)
    })
    .await?;
    Ok(kick_user::v3::Response::new())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/ban`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidban>
pub async fn ban_user(
    app: Arc<App>,
    caller: Caller,
    request: ban_user::v3::Request,
) -> Result<ban_user::v3::Response, Error> {
    let rooms = app.rooms.clone();
    moved(&app, caller, request.room_id, request.user_id, request.reason, move |change, room, moved| {
        Ok(rooms.ban(change, room, moved)?)
    })
    .await?;
    Ok(ban_user::v3::Response::new())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/unban`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidunban>
pub async fn unban_user(
    app: Arc<App>,
    caller: Caller,
    request: unban_user::v3::Request,
) -> Result<unban_user::v3::Response, Error> {
    let rooms = app.rooms.clone();
    moved(&app, caller, request.room_id, request.user_id, request.reason, move |change, room, moved| {
        Ok(rooms.unban(change, room, moved)?)
    })
    .await?;
    Ok(unban_user::v3::Response::new())
}

/// `POST /_matrix/client/v3/knock/{roomIdOrAlias}`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3knockroomidoralias>
pub async fn knock_room(
    app: Arc<App>,
    caller: Caller,
    request: knock_room::v3::Request,
) -> Result<knock_room::v3::Response, Error> {
    let room_id = resolve(&app.store.snapshot()?, &request.room_id_or_alias)?;
    let (rooms, now) = (app.rooms.clone(), app.clock.now());
    let room_id = app
        .store
        .change(move |change| {
            let room = Room::by_id(change, &room_id)?;
            let moved = Move { sender: &caller.user, user: &caller.user, reason: request.reason.as_deref(), now };
            rooms.knock(change, &room, moved)?;
            Ok::<_, Error>(room.id)
        })
        .await?;
    Ok(knock_room::v3::Response::new(room_id))
}

/// `POST /_matrix/client/v3/rooms/{roomId}/forget`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget>
pub async fn forget_room(
    app: Arc<App>,
    caller: Caller,
    request: forget_room::v3::Request,
) -> Result<forget_room::v3::Response, Error> {
    app.store
        .change(move |change| {
            let room = room(change, &request.room_id)?;
            membership::forget(change, room.number, &caller.user)?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(forget_room::v3::Response::new())
}

/// Carries out a move of `user` that the caller asks for.
async fn moved(
    app: &App,
    caller: Caller,
    room_id: OwnedRoomId,
    user: OwnedUserId,
    reason: Option<String>,
    carry_out: impl FnOnce(&mut Change<'_>, &Room, Move<'_>) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let now = app.clock.now();
    app.store
        .change(move |change| {
            let room = room(change, &room_id)?;
            carry_out(change, &room, Move { sender: &caller.user, user: &user, reason: reason.as_deref(), now })
        })
        .await
}
