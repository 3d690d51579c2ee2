//! Profiles.

use crate::{
    accounts::{profiles, users},
    http::{Anyone, App, Caller, Error, Routes as _},
    rooms::Rooms,
};
use axum::Router;
use hearth_store::{Change, Read};
use http::StatusCode;
use ruma::{
    OwnedUserId, UserId,
    api::{
        IncomingRequest, Metadata,
        client::profile::{ProfileFieldValue, delete_profile_field, get_profile, get_profile_field, set_profile_field},
        error::{DeserializationError, ErrorKind},
    },
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Longest display name in bytes. Rooms repeat it in every membership event.
const LONGEST_DISPLAY_NAME: usize = 256;
/// Longest avatar address in bytes.
const LONGEST_AVATAR_URL: usize = 1000;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(get_profile).endpoint(get_profile_field).endpoint(set_profile_field).endpoint(delete_profile_field)
}

/// `GET /_matrix/client/v3/profile/{userId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid>
pub async fn get_profile(
    app: Arc<App>,
    _caller: Anyone,
    request: get_profile::v3::Request,
) -> Result<get_profile::v3::Response, Error> {
    let snapshot = app.store.snapshot()?;
    check_known(&snapshot, &request.user_id)?;
    Ok(profiles::all(&snapshot, &request.user_id)?.into_iter().collect())
}

/// `GET /_matrix/client/v3/profile/{userId}/{keyName}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuseridkeyname>
pub async fn get_profile_field(
    app: Arc<App>,
    _caller: Anyone,
    request: get_profile_field::v3::Request,
) -> Result<get_profile_field::v3::Response, Error> {
    let field = request.field.as_str();
    check_name(field)?;
    let snapshot = app.store.snapshot()?;
    check_known(&snapshot, &request.user_id)?;
    let value = profiles::get(&snapshot, &request.user_id, field)?
        .ok_or_else(|| Error::not_found("The profile has no such field."))?;
    let value = ProfileFieldValue::new(field, value).map_err(|error| Error::internal(&error))?;
    Ok(get_profile_field::v3::Response::new(value))
}

/// ruma's request for setting a field, but with the value as it came: clients empty a name or an avatar
/// by other values than ruma's type has, and each mistake has an error of its own.
#[derive(Debug)]
pub struct SetProfileField {
    user_id: OwnedUserId,
    field: String,
    body: Map<String, Value>,
}

impl Metadata for SetProfileField {
    const METHOD: http::Method = set_profile_field::v3::Request::METHOD;
    const RATE_LIMITED: bool = set_profile_field::v3::Request::RATE_LIMITED;
    type Authentication = <set_profile_field::v3::Request as Metadata>::Authentication;
    type PathBuilder = <set_profile_field::v3::Request as Metadata>::PathBuilder;
    const PATH_BUILDER: Self::PathBuilder = set_profile_field::v3::Request::PATH_BUILDER;
}

impl IncomingRequest for SetProfileField {
    type EndpointError = <set_profile_field::v3::Request as IncomingRequest>::EndpointError;
    type OutgoingResponse = set_profile_field::v3::Response;

    fn try_from_http_request_inner(
        request: http::Request<&[u8]>,
        path_args: &[&str],
    ) -> Result<Self, DeserializationError> {
        use serde::{
            Deserialize as _,
            de::value::{Error, SeqDeserializer},
        };
        let arguments = SeqDeserializer::<_, Error>::new(path_args.iter().copied());
        let (user_id, field) = <(OwnedUserId, String)>::deserialize(arguments)?;
        Ok(Self { user_id, field, body: serde_json::from_slice(request.body())? })
    }
}

/// `PUT /_matrix/client/v3/profile/{userId}/{keyName}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname>
pub async fn set_profile_field(
    app: Arc<App>,
    caller: Caller,
    mut request: SetProfileField,
) -> Result<set_profile_field::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    let field = request.field;
    check_name(&field)?;
    let value = request.body.remove(&field).ok_or_else(|| Error::missing(format!("The body lacks {field}.")))?;
    let value = checked(&field, value)?;
    let (rooms, now) = (app.rooms.clone(), app.clock.now());
    app.store
        .change(move |change| {
            let changed = match &value {
                Some(value) => profiles::set(change, &caller.user, &field, value)?,
                None => profiles::delete(change, &caller.user, &field)?,
            };
            if changed { publish(&rooms, change, &caller.user, &field, now) } else { Ok(()) }
        })
        .await?;
    Ok(set_profile_field::v3::Response::new())
}

/// `DELETE /_matrix/client/v3/profile/{userId}/{keyName}`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3profileuseridkeyname>
pub async fn delete_profile_field(
    app: Arc<App>,
    caller: Caller,
    request: delete_profile_field::v3::Request,
) -> Result<delete_profile_field::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    let field = request.field.to_string();
    check_name(&field)?;
    let (rooms, now) = (app.rooms.clone(), app.clock.now());
    app.store
        .change(move |change| {
            let changed = profiles::delete(change, &caller.user, &field)?;
            if changed { publish(&rooms, change, &caller.user, &field, now) } else { Ok(()) }
        })
        .await?;
    Ok(delete_profile_field::v3::Response::new())
}

/// Name and avatar stand in the membership event of each room, so a change of them goes there.
fn publish(rooms: &Rooms, change: &mut Change<'_>, user: &UserId, field: &str, now: u64) -> Result<(), Error> {
    if matches!(field, "displayname" | "avatar_url") {
        rooms.profile_changed(change, user, now)?;
    }
    Ok(())
}

/// What is to be stored: none where the field is to be empty.
fn checked(field: &str, value: Value) -> Result<Option<Value>, Error> {
    let text = |longest: usize| match &value {
        // How clients took their name or avatar back before fields could be deleted.
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) if text.len() > longest => {
            Err(Error::invalid(format!("{field} has at most {longest} bytes.")))
        }
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(Error::bad_json(format!("{field} has to be a string."))),
    };
    match field {
        "displayname" => Ok(text(LONGEST_DISPLAY_NAME)?.map(Value::String)),
        "avatar_url" => match text(LONGEST_AVATAR_URL)? {
            Some(url) if <&ruma::MxcUri>::from(url.as_str()).is_valid() => Ok(Some(Value::String(url))),
            Some(_) => Err(Error::invalid("avatar_url has to be an mxc: address.")),
            None => Ok(None),
        },
        "m.tz" if !value.is_string() => Err(Error::bad_json("m.tz has to be a string.")),
        _ => Ok(Some(value)),
    }
}

fn check_own(caller: &Caller, user: &UserId) -> Result<(), Error> {
    if caller.user == user { Ok(()) } else { Err(Error::forbidden("You can change your own profile only.")) }
}

fn check_name(field: &str) -> Result<(), Error> {
    if field.len() > profiles::LONGEST_NAME {
        let message = format!("The name of a field has at most {} bytes.", profiles::LONGEST_NAME);
        return Err(Error::new(StatusCode::BAD_REQUEST, ErrorKind::KeyTooLarge, message));
    }
    if profiles::is_valid_name(field) { Ok(()) } else { Err(Error::invalid("That is no name of a profile field.")) }
}

/// Local users have a profile, be it empty; but who asked to be erased is as if never there.
fn check_known(read: &impl Read, user: &UserId) -> Result<(), Error> {
    match users::get(read, user)? {
        Some(record) if !record.erased => Ok(()),
        _ => Err(Error::not_found("There is no such user here.")),
    }
}
