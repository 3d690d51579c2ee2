//! Account data, for the account and for a room.

use crate::{
    accounts::account_data::{self, GLOBAL},
    http::{App, Caller, Error, Routes as _},
};
use axum::Router;
use http::StatusCode;
use ruma::{
    UserId,
    api::{
        client::config::{
            get_global_account_data, get_room_account_data, set_global_account_data, set_room_account_data,
        },
        error::ErrorKind,
    },
    serde::Raw,
};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Types that have endpoints of their own.
const CONTROLLED: [&str; 2] = ["m.fully_read", "m.push_rules"];

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(get_global_account_data)
        .endpoint(set_global_account_data)
        .endpoint(get_room_account_data)
        .endpoint(set_room_account_data)
}

/// `GET /_matrix/client/v3/user/{userId}/account_data/{type}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype>
pub async fn get_global_account_data(
    app: Arc<App>,
    caller: Caller,
    request: get_global_account_data::v3::Request,
) -> Result<get_global_account_data::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    let content = get(&app, &caller, GLOBAL, &request.event_type.to_string())?;
    Ok(get_global_account_data::v3::Response::new(Raw::from_json(content)))
}

/// `PUT /_matrix/client/v3/user/{userId}/account_data/{type}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype>
pub async fn set_global_account_data(
    app: Arc<App>,
    caller: Caller,
    request: set_global_account_data::v3::Request,
) -> Result<set_global_account_data::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    set(&app, caller, GLOBAL.to_owned(), request.event_type.to_string(), request.data.into_json()).await?;
    Ok(set_global_account_data::v3::Response::new())
}

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidaccount_datatype>
pub async fn get_room_account_data(
    app: Arc<App>,
    caller: Caller,
    request: get_room_account_data::v3::Request,
) -> Result<get_room_account_data::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    let content = get(&app, &caller, request.room_id.as_str(), &request.event_type.to_string())?;
    Ok(get_room_account_data::v3::Response::new(Raw::from_json(content)))
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidaccount_datatype>
pub async fn set_room_account_data(
    app: Arc<App>,
    caller: Caller,
    request: set_room_account_data::v3::Request,
) -> Result<set_room_account_data::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    set(&app, caller, request.room_id.to_string(), request.event_type.to_string(), request.data.into_json()).await?;
    Ok(set_room_account_data::v3::Response::new())
}

fn get(app: &App, caller: &Caller, room: &str, kind: &str) -> Result<Box<RawValue>, Error> {
    let content = account_data::get(&app.store.snapshot()?, &caller.user, room, kind)?
        .ok_or_else(|| Error::not_found("There is no such account data."))?;
    RawValue::from_string(content).map_err(|error| Error::internal(&error))
}

async fn set(app: &App, caller: Caller, room: String, kind: String, content: Box<RawValue>) -> Result<(), Error> {
    if CONTROLLED.contains(&kind.as_str()) {
        let message = format!("{kind} is set by an endpoint of its own.");
        return Err(Error::new(StatusCode::METHOD_NOT_ALLOWED, ErrorKind::BadJson, message));
    }
    let content = String::from(Box::<str>::from(content));
    if !content.trim_start().starts_with('{') {
        return Err(Error::bad_json("Account data has to be an object."));
    }
    Ok(app.store.change(move |change| account_data::set(change, &caller.user, &room, &kind, content)).await?)
}

/// A user's data are for that user's devices only.
///
/// # Errors
/// 403 `M_FORBIDDEN`
pub(super) fn check_own(caller: &Caller, user: &UserId) -> Result<(), Error> {
    if caller.user == user { Ok(()) } else { Err(Error::forbidden("That belongs to another user.")) }
}
