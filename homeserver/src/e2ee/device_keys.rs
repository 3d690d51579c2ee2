//! Device keys: who a device is, signed by itself and by its user's self-signing key.
//! <https://spec.matrix.org/v1.19/client-server-api/#device-keys>

use super::{E2eeError, check_size, device_lists, key_json, signatures};
use hearth_store::{
    Change, Read,
    tables::{DEVICE_KEYS, DEVICES},
};
use ruma::{CanonicalJsonObject, CanonicalJsonValue, DeviceId, UserId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A device's keys, looked through.
#[derive(Debug, Clone)]
pub struct DeviceKeys {
    object: CanonicalJsonObject,
    json: String,
}

impl DeviceKeys {
    /// Looks keys through that `device` of `user` wants to publish. Whether they are signed right is for the devices
    /// to check that use them; they must not take a server's word for it.
    ///
    /// # Errors
    /// [`E2eeError::Invalid`], [`E2eeError::TooLarge`]
    pub fn parse(user: &UserId, device: &DeviceId, json: &str) -> Result<Self, E2eeError> {
        #[derive(Deserialize)]
        struct Form {
            user_id: String,
            device_id: String,
            #[serde(rename = "algorithms")]
            _algorithms: Vec<String>,
            keys: BTreeMap<String, String>,
            #[serde(rename = "signatures")]
            _signatures: key_json::Signatures,
        }
        check_size("The device keys' object", json)?;
        let form: Form = serde_json::from_str(json)
            .map_err(|error| E2eeError::Invalid(format!("These are no device keys: {error}")))?;
        if form.user_id != user.as_str() || form.device_id != device.as_str() {
            return Err(E2eeError::Invalid("The keys name another user or device.".to_owned()));
        }
        // A key that bears another device's name could pass for that device's.
        let foreign = form.keys.keys().find(|id| id.split_once(':').is_none_or(|(_, name)| name != device.as_str()));
        if let Some(id) = foreign {
            return Err(E2eeError::Invalid(format!("{id:?} is not `algorithm:device id` of this device.")));
        }
        Ok(Self { object: key_json::object(json)?, json: json.to_owned() })
    }
}

/// Publishes a device's keys. The same keys again change nothing.
///
/// # Errors
/// [`E2eeError::Store`]
pub fn upload(change: &mut Change<'_>, user: &UserId, device: &DeviceId, keys: &DeviceKeys) -> Result<(), E2eeError> {
    let (user, device) = (user.as_str(), device.as_str());
    if let Some(old) = change.get(DEVICE_KEYS, (user, device))? {
        let old = key_json::object(&old)?;
        if old == keys.object {
            return Ok(());
        }
        if !key_json::same_content(&old, &keys.object) {
            signatures::target_replaced(change, user, device)?;
        }
    }
    change.put(DEVICE_KEYS, (user, device), &keys.json)?;
    Ok(device_lists::changed(change, user)?)
}

/// The device keys of a user as `asker` may see them: device id -> JSON. All devices, or those named.
///
/// # Errors
/// [`E2eeError::Store`], [`E2eeError::Invalid`] for a row that can't be read.
pub fn query(
    read: &impl Read,
    asker: &UserId,
    user: &UserId,
    devices: &[impl AsRef<DeviceId>],
) -> Result<BTreeMap<String, String>, E2eeError> {
    let mut found = BTreeMap::new();
    if devices.is_empty() {
        for row in read.prefix(DEVICE_KEYS, (user.as_str(),))? {
            let ((_, device), json) = row?;
            let json = shown(read, asker, user, &device, &json)?;
            found.insert(device, json);
        }
    }
    for device in devices {
        let device = device.as_ref().as_str();
        if let Some(json) = read.get(DEVICE_KEYS, (user.as_str(), device))? {
            found.insert(device.to_owned(), shown(read, asker, user, device, &json)?);
        }
    }
    Ok(found)
}

/// Keys with the signatures that the asker may see and the device's name.
fn shown(read: &impl Read, asker: &UserId, user: &UserId, device: &str, json: &str) -> Result<String, E2eeError> {
    let mut object = key_json::object(json)?;
    signatures::merge(read, asker, user, device, &mut object)?;
    let name = read.get(DEVICES, (user.as_str(), device))?.and_then(|device| device.display_name);
    let unsigned = name.map(|name| ("device_display_name".to_owned(), CanonicalJsonValue::String(name)));
    object.insert("unsigned".to_owned(), CanonicalJsonValue::Object(unsigned.into_iter().collect()));
    Ok(serde_json::to_string(&object)?)
}
