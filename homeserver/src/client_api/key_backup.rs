//! Server-side key backups: their versions.
//! <https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups>

use crate::{
    e2ee::key_backup::{self, Description},
    http::{App, Caller, Error, Routes as _},
};
use axum::Router;
use hearth_store::records::KeyBackupRecord;
use ruma::{
    UInt,
    api::client::backup::{
        BackupAlgorithm, create_backup_version, delete_backup_version, get_backup_info, get_latest_backup_info,
        update_backup_version,
    },
    serde::Raw,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(create_backup_version)
        .endpoint(get_latest_backup_info)
        .endpoint(get_backup_info)
        .endpoint(update_backup_version)
        .endpoint(delete_backup_version)
}

/// The body of a request that describes a backup.
#[derive(Deserialize)]
struct Body {
    algorithm: String,
    auth_data: Box<RawValue>,
    version: Option<String>,
}

impl Body {
    fn parse(body: &Raw<BackupAlgorithm>) -> Result<Self, Error> {
        serde_json::from_str(body.json().get())
            .map_err(|error| Error::bad_json(format!("The body does not describe a backup: {error}")))
    }

    fn into_description(self) -> Description {
        Description { algorithm: self.algorithm, auth_data: String::from(Box::<str>::from(self.auth_data)) }
    }
}

/// `POST /_matrix/client/v3/room_keys/version`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3room_keysversion>
pub async fn create_backup_version(
    app: Arc<App>,
    caller: Caller,
    request: create_backup_version::v3::Request,
) -> Result<create_backup_version::v3::Response, Error> {
    let description = Body::parse(&request.algorithm)?.into_description();
    let version = app.store.change(move |change| key_backup::create(change, &caller.user, &description)).await?;
    Ok(create_backup_version::v3::Response::new(version.to_string()))
}

/// `GET /_matrix/client/v3/room_keys/version`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversion>
pub async fn get_latest_backup_info(
    app: Arc<App>,
    caller: Caller,
    _: get_latest_backup_info::v3::Request,
) -> Result<get_latest_backup_info::v3::Response, Error> {
    let (version, record) = key_backup::current(&app.store.snapshot()?, &caller.user)?;
    let count = UInt::new_saturating(record.count);
    Ok(get_latest_backup_info::v3::Response::new(
        description(&record)?,
        count,
        record.etag.to_string(),
        version.to_string(),
    ))
}

/// `GET /_matrix/client/v3/room_keys/version/{version}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversionversion>
pub async fn get_backup_info(
    app: Arc<App>,
    caller: Caller,
    request: get_backup_info::v3::Request,
) -> Result<get_backup_info::v3::Response, Error> {
    let record = key_backup::get(&app.store.snapshot()?, &caller.user, key_backup::number(&request.version)?)?;
    let count = UInt::new_saturating(record.count);
    Ok(get_backup_info::v3::Response::new(description(&record)?, count, record.etag.to_string(), request.version))
}

fn description(record: &KeyBackupRecord) -> Result<Raw<BackupAlgorithm>, Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        algorithm: &'a str,
        auth_data: &'a RawValue,
    }
    let auth_data = serde_json::from_str(&record.auth_data).map_err(|error| Error::internal(&error))?;
    let shown = Shown { algorithm: &record.algorithm, auth_data };
    Ok(Raw::from_json(serde_json::value::to_raw_value(&shown).map_err(|error| Error::internal(&error))?))
}

/// `PUT /_matrix/client/v3/room_keys/version/{version}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keysversionversion>
pub async fn update_backup_version(
    app: Arc<App>,
    caller: Caller,
    request: update_backup_version::v3::Request,
) -> Result<update_backup_version::v3::Response, Error> {
    let body = Body::parse(&request.algorithm)?;
    if body.version.as_ref().is_some_and(|version| *version != request.version) {
        return Err(Error::invalid("The body names another version than the path."));
    }
    let version = key_backup::number(&request.version)?;
    let description = body.into_description();
    app.store.change(move |change| key_backup::update(change, &caller.user, version, &description)).await?;
    Ok(update_backup_version::v3::Response::new())
}

/// `DELETE /_matrix/client/v3/room_keys/version/{version}`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keysversionversion>
pub async fn delete_backup_version(
    app: Arc<App>,
    caller: Caller,
    request: delete_backup_version::v3::Request,
) -> Result<delete_backup_version::v3::Response, Error> {
    let version = key_backup::number(&request.version)?;
    app.store.change(move |change| key_backup::delete(change, &caller.user, version)).await?;
    Ok(delete_backup_version::v3::Response::new())
}
