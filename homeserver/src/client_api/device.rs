//! Managing devices.

use crate::{
    accounts::{devices, uia::Purpose},
    e2ee,
    http::{App, Caller, Error, Routes as _, uia},
};
use axum::Router;
use hearth_store::{Change, records::DeviceRecord};
use ruma::{
    DeviceId, MilliSecondsSinceUnixEpoch, OwnedDeviceId, UInt, UserId,
    api::client::device::{Device, delete_device, delete_devices, get_device, get_devices, update_device},
};
use std::{net::IpAddr, sync::Arc};

/// Longest identifier of a device, in bytes.
const LONGEST_ID: usize = 255;
/// Longest name of a device, in bytes.
const LONGEST_NAME: usize = 255;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(get_devices)
        .endpoint(get_device)
        .endpoint(update_device)
        .endpoint(delete_device)
        .endpoint(delete_devices)
}

/// `GET /_matrix/client/v3/devices`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices>
pub async fn get_devices(
    app: Arc<App>,
    caller: Caller,
    _request: get_devices::v3::Request,
) -> Result<get_devices::v3::Response, Error> {
    let all = devices::all(&app.store.snapshot()?, &caller.user)?;
    let all = all.into_iter().map(|(id, record)| {
        let seen = app.last_seen.of(&caller.user, &id);
        shown(id, record, seen)
    });
    Ok(get_devices::v3::Response::new(all.collect()))
}

/// `GET /_matrix/client/v3/devices/{deviceId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid>
pub async fn get_device(
    app: Arc<App>,
    caller: Caller,
    request: get_device::v3::Request,
) -> Result<get_device::v3::Response, Error> {
    let record = devices::get(&app.store.snapshot()?, &caller.user, &request.device_id)?;
    let record = record.ok_or_else(|| Error::not_found("You have no such device."))?;
    let seen = app.last_seen.of(&caller.user, &request.device_id);
    Ok(get_device::v3::Response::new(shown(request.device_id, record, seen)))
}

/// `PUT /_matrix/client/v3/devices/{deviceId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid>
pub async fn update_device(
    app: Arc<App>,
    caller: Caller,
    request: update_device::v3::Request,
) -> Result<update_device::v3::Response, Error> {
    let name = name(request.display_name)?;
    app.store
        .change(move |change| {
            if name.is_none() {
                // Nothing to change; but the device has to be there all the same.
                devices::get(change, &caller.user, &request.device_id)?
                    .ok_or_else(|| Error::not_found("You have no such device."))?;
                return Ok(());
            }
            devices::rename(change, &caller.user, &request.device_id, name)?;
            e2ee::devices::renamed(change, &caller.user, &request.device_id)?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(update_device::v3::Response::new())
}

/// `DELETE /_matrix/client/v3/devices/{deviceId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3devicesdeviceid>
pub async fn delete_device(
    app: Arc<App>,
    caller: Caller,
    request: delete_device::v3::Request,
) -> Result<delete_device::v3::Response, Error> {
    let purpose = Purpose::new("delete device").with(request.device_id.as_str());
    uia::require(&app, &caller, purpose, request.auth.as_ref()).await?;
    app.store.change(move |change| remove(change, &caller.user, &[request.device_id])).await?;
    Ok(delete_device::v3::Response::new())
}

/// `POST /_matrix/client/v3/delete_devices`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3delete_devices>
pub async fn delete_devices(
    app: Arc<App>,
    caller: Caller,
    request: delete_devices::v3::Request,
) -> Result<delete_devices::v3::Response, Error> {
    let purpose = request.devices.iter().fold(Purpose::new("delete devices"), |purpose, id| purpose.with(id.as_str()));
    uia::require(&app, &caller, purpose, request.auth.as_ref()).await?;
    app.store.change(move |change| remove(change, &caller.user, &request.devices)).await?;
    Ok(delete_devices::v3::Response::new())
}

/// Removes devices with all that any layer holds of them. Devices that the user doesn't have are passed
/// over, as the specification wants it.
///
/// # Errors
/// Failures of the store.
pub fn remove(change: &mut Change<'_>, user: &UserId, ids: &[OwnedDeviceId]) -> Result<(), Error> {
    for id in ids {
        if devices::remove(change, user, id)? {
            forget(change, user, id)?;
        }
    }
    Ok(())
}

/// Removes all devices of a user, but one where that is wanted.
///
/// # Errors
/// Failures of the store.
pub fn remove_all(change: &mut Change<'_>, user: &UserId, except: Option<&DeviceId>) -> Result<(), Error> {
    Ok(e2ee::devices::remove_all(change, user, except)?)
}

/// What the layers above the accounts hold of a device goes with it.
///
/// # Errors
/// Failures of the store.
pub fn forget(change: &mut Change<'_>, user: &UserId, device: &DeviceId) -> Result<(), Error> {
    Ok(e2ee::devices::removed(change, user, device)?)
}

/// The device's identifier: the client's choice, or a new one.
///
/// # Errors
/// 400 `M_INVALID_PARAM`
pub fn id(app: &App, chosen: Option<OwnedDeviceId>) -> Result<OwnedDeviceId, Error> {
    match chosen {
        Some(id) if id.as_str().is_empty() || id.as_str().len() > LONGEST_ID => {
            Err(Error::invalid(format!("A device's identifier has 1 to {LONGEST_ID} bytes.")))
        }
        Some(id) => Ok(id),
        None => Ok(app.random.word(10).to_ascii_uppercase().into()),
    }
}

/// Logs a device in, unless it bears the name of one of the user's cross-signing keys: signatures by the one could pass
/// for the other's.
///
/// # Errors
/// 400 `M_INVALID_PARAM`
pub fn log_in(change: &mut Change<'_>, user: &UserId, login: &devices::Login) -> Result<(), Error> {
    if e2ee::cross_signing::is_key_id(change, user, login.device.as_str())? {
        return Err(Error::invalid("A device can't have the name of a cross-signing key."));
    }
    Ok(devices::log_in(change, user, login)?)
}

/// A name that a device may have.
///
/// # Errors
/// 400 `M_INVALID_PARAM`
pub fn name(name: Option<String>) -> Result<Option<String>, Error> {
    match name {
        Some(name) if name.len() > LONGEST_NAME => {
            Err(Error::invalid(format!("A device's name has at most {LONGEST_NAME} bytes.")))
        }
        name => Ok(name),
    }
}

fn shown(id: OwnedDeviceId, record: DeviceRecord, seen: Option<(u64, IpAddr)>) -> Device {
    let mut device = Device::new(id);
    device.display_name = record.display_name;
    let (at, ip) = match seen {
        Some((at, ip)) if record.last_seen_at.is_none_or(|stored| stored <= at) => (Some(at), Some(ip.to_string())),
        _ => (record.last_seen_at, record.last_seen_ip),
    };
    device.last_seen_ts = at.map(|at| MilliSecondsSinceUnixEpoch(UInt::new_saturating(at)));
    device.last_seen_ip = ip;
    device
}
