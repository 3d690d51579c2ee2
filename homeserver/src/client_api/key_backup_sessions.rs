//! Server-side key backups: the sessions in them.
//! <https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups>

use crate::{
    e2ee::{
        E2eeError, key_backup,
        key_backup_sessions::{self, BackedUpSession, Standing, Which},
    },
    http::{App, Caller, Error, Routes as _},
};
use axum::Router;
use ruma::{
    OwnedRoomId, RoomId, UInt,
    api::client::backup::{
        KeyBackupData, RoomKeyBackup, add_backup_keys, add_backup_keys_for_room, add_backup_keys_for_session,
        delete_backup_keys, delete_backup_keys_for_room, delete_backup_keys_for_session, get_backup_keys,
        get_backup_keys_for_room, get_backup_keys_for_session,
    },
    serde::Raw,
};
use std::{collections::BTreeMap, sync::Arc};

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(add_backup_keys)
        .endpoint(get_backup_keys)
        .endpoint(delete_backup_keys)
        .endpoint(add_backup_keys_for_room)
        .endpoint(get_backup_keys_for_room)
        .endpoint(delete_backup_keys_for_room)
        .endpoint(add_backup_keys_for_session)
        .endpoint(get_backup_keys_for_session)
        .endpoint(delete_backup_keys_for_session)
}

type Sessions = BTreeMap<String, Raw<KeyBackupData>>;

fn parse(room: &RoomId, sessions: &Sessions, into: &mut Vec<BackedUpSession>) -> Result<(), E2eeError> {
    for (session, data) in sessions {
        into.push(BackedUpSession::parse(room, session, data.json().get())?);
    }
    Ok(())
}

async fn store(
    app: &App,
    caller: Caller,
    version: &str,
    sessions: Vec<BackedUpSession>,
) -> Result<(String, UInt), Error> {
    let version = key_backup::number(version)?;
    let work = move |change: &mut hearth_store::Change<'_>| {
        key_backup_sessions::store(change, &caller.user, version, sessions)
    };
    Ok(answer(app.store.change(work).await?))
}

async fn delete(app: &App, caller: Caller, version: &str, which: Which) -> Result<(String, UInt), Error> {
    let version = key_backup::number(version)?;
    let work =
        move |change: &mut hearth_store::Change<'_>| key_backup_sessions::delete(change, &caller.user, version, &which);
    Ok(answer(app.store.change(work).await?))
}

fn answer(standing: Standing) -> (String, UInt) {
    (standing.etag.to_string(), UInt::new_saturating(standing.count))
}

fn read(
    app: &App,
    caller: &Caller,
    version: &str,
    room: Option<&RoomId>,
) -> Result<BTreeMap<OwnedRoomId, Sessions>, Error> {
    let version = key_backup::number(version)?;
    let mut rooms: BTreeMap<OwnedRoomId, Sessions> = BTreeMap::new();
    let mut bad = None;
    key_backup_sessions::for_each(&app.store.snapshot()?, &caller.user, version, room, |room, session, json| {
        match (RoomId::parse(room), Raw::from_json_string(json)) {
            (Ok(room), Ok(data)) => drop(rooms.entry(room).or_default().insert(session, data)),
            (Err(error), _) => bad = Some(error.to_string()),
            (_, Err(error)) => bad = Some(error.to_string()),
        }
    })?;
    bad.map_or(Ok(rooms), |bad| Err(Error::internal(&bad)))
}

/// `PUT /_matrix/client/v3/room_keys/keys`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeys>
pub async fn add_backup_keys(
    app: Arc<App>,
    caller: Caller,
    request: add_backup_keys::v3::Request,
) -> Result<add_backup_keys::v3::Response, Error> {
    let mut sessions = Vec::new();
    for (room, backup) in &request.rooms {
        parse(room, &backup.sessions, &mut sessions)?;
    }
    let (etag, count) = store(&app, caller, &request.version, sessions).await?;
    Ok(add_backup_keys::v3::Response::new(etag, count))
}

/// `PUT /_matrix/client/v3/room_keys/keys/{roomId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomid>
pub async fn add_backup_keys_for_room(
    app: Arc<App>,
    caller: Caller,
    request: add_backup_keys_for_room::v3::Request,
) -> Result<add_backup_keys_for_room::v3::Response, Error> {
    let mut sessions = Vec::new();
    parse(&request.room_id, &request.sessions, &mut sessions)?;
    let (etag, count) = store(&app, caller, &request.version, sessions).await?;
    Ok(add_backup_keys_for_room::v3::Response::new(etag, count))
}

/// `PUT /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomidsessionid>
pub async fn add_backup_keys_for_session(
    app: Arc<App>,
    caller: Caller,
    request: add_backup_keys_for_session::v3::Request,
) -> Result<add_backup_keys_for_session::v3::Response, Error> {
    let session = BackedUpSession::parse(&request.room_id, &request.session_id, request.session_data.json().get())?;
    let (etag, count) = store(&app, caller, &request.version, vec![session]).await?;
    Ok(add_backup_keys_for_session::v3::Response::new(etag, count))
}

/// `GET /_matrix/client/v3/room_keys/keys`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeys>
pub async fn get_backup_keys(
    app: Arc<App>,
    caller: Caller,
    request: get_backup_keys::v3::Request,
) -> Result<get_backup_keys::v3::Response, Error> {
    let rooms = read(&app, &caller, &request.version, None)?;
    let rooms = rooms.into_iter().map(|(room, sessions)| (room, RoomKeyBackup::new(sessions)));
    Ok(get_backup_keys::v3::Response::new(rooms.collect()))
}

/// `GET /_matrix/client/v3/room_keys/keys/{roomId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeysroomid>
pub async fn get_backup_keys_for_room(
    app: Arc<App>,
    caller: Caller,
    request: get_backup_keys_for_room::v3::Request,
) -> Result<get_backup_keys_for_room::v3::Response, Error> {
    let mut rooms = read(&app, &caller, &request.version, Some(&request.room_id))?;
    Ok(get_backup_keys_for_room::v3::Response::new(rooms.remove(&request.room_id).unwrap_or_default()))
}

/// `GET /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeysroomidsessionid>
pub async fn get_backup_keys_for_session(
    app: Arc<App>,
    caller: Caller,
    request: get_backup_keys_for_session::v3::Request,
) -> Result<get_backup_keys_for_session::v3::Response, Error> {
    let version = key_backup::number(&request.version)?;
    let json =
        key_backup_sessions::get(&app.store.snapshot()?, &caller.user, version, &request.room_id, &request.session_id)?;
    let data = Raw::from_json_string(json).map_err(|error| Error::internal(&error))?;
    Ok(get_backup_keys_for_session::v3::Response::new(data))
}

/// `DELETE /_matrix/client/v3/room_keys/keys`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeys>
pub async fn delete_backup_keys(
    app: Arc<App>,
    caller: Caller,
    request: delete_backup_keys::v3::Request,
) -> Result<delete_backup_keys::v3::Response, Error> {
    let (etag, count) = delete(&app, caller, &request.version, Which::All).await?;
    Ok(delete_backup_keys::v3::Response::new(etag, count))
}

/// `DELETE /_matrix/client/v3/room_keys/keys/{roomId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeysroomid>
pub async fn delete_backup_keys_for_room(
    app: Arc<App>,
    caller: Caller,
    request: delete_backup_keys_for_room::v3::Request,
) -> Result<delete_backup_keys_for_room::v3::Response, Error> {
    let (etag, count) = delete(&app, caller, &request.version, Which::Room(request.room_id.to_string())).await?;
    Ok(delete_backup_keys_for_room::v3::Response::new(etag, count))
}

/// `DELETE /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeysroomidsessionid>
pub async fn delete_backup_keys_for_session(
    app: Arc<App>,
    caller: Caller,
    request: delete_backup_keys_for_session::v3::Request,
) -> Result<delete_backup_keys_for_session::v3::Response, Error> {
    let which = Which::One(request.room_id.to_string(), request.session_id);
    let (etag, count) = delete(&app, caller, &request.version, which).await?;
    Ok(delete_backup_keys_for_session::v3::Response::new(etag, count))
}
