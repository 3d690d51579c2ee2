//! Room aliases.

use super::rooms::room;
use crate::{
    http::{Anyone, App, Caller, Error, Routes as _},
    rooms::{RoomError, aliases, membership, visibility::View},
};
use axum::Router;
use hearth_store::records::Membership;
use http::StatusCode;
use ruma::{
    RoomAliasId,
    api::{
        client::{
            alias::{create_alias, delete_alias, get_alias},
            room::aliases as list,
        },
        error::ErrorKind,
    },
    events::TimelineEventType,
};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(create_alias).endpoint(get_alias).endpoint(delete_alias).endpoint(aliases_of_room)
}

/// `PUT /_matrix/client/v3/directory/room/{roomAlias}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directoryroomroomalias>
pub async fn create_alias(
    app: Arc<App>,
    caller: Caller,
    request: create_alias::v3::Request,
) -> Result<create_alias::v3::Response, Error> {
    check_is_ours(&app, &request.room_alias)?;
    app.store
        .change(move |change| {
            let room = room(change, &request.room_id)?;
            if membership::membership(change, room.number, &caller.user)? != Membership::Join {
                return Err(Error::forbidden("You are not in that room, or there is none."));
            }
            match aliases::add(change, &request.room_alias, &room.id, &caller.user) {
                // `M_ROOM_IN_USE` is said by `createRoom` alone.
                Err(taken @ RoomError::AliasInUse) => {
                    Err(Error::new(StatusCode::CONFLICT, ErrorKind::Unknown, taken.to_string()))
                }
                other => Ok(other?),
            }
        })
        .await?;
    Ok(create_alias::v3::Response::new())
}

/// `GET /_matrix/client/v3/directory/room/{roomAlias}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias>
pub async fn get_alias(
    app: Arc<App>,
    _: Anyone,
    request: get_alias::v3::Request,
) -> Result<get_alias::v3::Response, Error> {
    let (room_id, _) = aliases::resolve(&app.store.snapshot()?, &request.room_alias)?;
    Ok(get_alias::v3::Response::new(room_id, vec![app.config.server_name.clone()]))
}

/// `DELETE /_matrix/client/v3/directory/room/{roomAlias}`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3directoryroomroomalias>
pub async fn delete_alias(
    app: Arc<App>,
    caller: Caller,
    request: delete_alias::v3::Request,
) -> Result<delete_alias::v3::Response, Error> {
    check_is_ours(&app, &request.room_alias)?;
    let rooms = app.rooms.clone();
    app.store
        .change(move |change| {
            let (room_id, creator) = aliases::resolve(change, &request.room_alias)?;
            let room = room(change, &room_id)?;
            // Its maker, or whoever may say which alias is the room's own.
            let powers = rooms.powers(change, &room, room.head(change)?.state)?;
            let may = creator == caller.user.as_str()
                || membership::membership(change, room.number, &caller.user)? == Membership::Join
                    && powers.may_send(&caller.user, &TimelineEventType::RoomCanonicalAlias, Some(""))?;
            if !may {
                return Err(Error::forbidden("You may not remove that alias."));
            }
            Ok(aliases::remove(change, &request.room_alias)?)
        })
        .await?;
    Ok(delete_alias::v3::Response::new())
}

/// `GET /_matrix/client/v3/rooms/{roomId}/aliases`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidaliases>
pub async fn aliases_of_room(
    app: Arc<App>,
    caller: Caller,
    request: list::v3::Request,
) -> Result<list::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    let room = room(&snapshot, &request.room_id)?;
    View::new(&snapshot, &app.rooms, &room, &caller.user)?.state_root(&snapshot)?;
    Ok(list::v3::Response::new(aliases::of_room(&snapshot, &room.id)?))
}

fn check_is_ours(app: &App, alias: &RoomAliasId) -> Result<(), Error> {
    if alias.server_name() == app.config.server_name {
        return Ok(());
    }
    Err(Error::invalid(format!("Aliases here end in :{}.", app.config.server_name)))
}
