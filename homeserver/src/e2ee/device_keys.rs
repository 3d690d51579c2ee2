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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::{
        devices,
        testing::{SigningKey, TestStore},
    };
    use hearth_store::{StreamPos, tables::DEVICE_LIST_LOG};
    use ruma::{device_id, user_id};
    use serde_json::{Value, json};

    fn ann_id() -> &'static UserId {
        user_id!("@ann:here")
    }

    fn publish(store: &TestStore, keys: &Value) {
        let keys = DeviceKeys::parse(ann_id(), device_id!("A"), &keys.to_string()).unwrap();
        store.change(move |change| upload(change, ann_id(), device_id!("A"), &keys)).unwrap();
    }

    fn log(store: &TestStore) -> Vec<StreamPos> {
        store.store.snapshot().unwrap().prefix(DEVICE_LIST_LOG, ()).unwrap().map(|row| row.unwrap().0).collect()
    }

    #[test]
    fn keys_must_be_those_of_the_caller_and_the_device() {
        let good = SigningKey::of_device("A").device_keys(ann_id(), "A");
        let parse = |keys: &Value| DeviceKeys::parse(ann_id(), device_id!("A"), &keys.to_string());
        assert!(parse(&good).is_ok());
        for (field, value) in [
            ("user_id", json!("@eve:here")),
            ("device_id", json!("E")),
            ("algorithms", json!("m.olm.v1.curve25519-aes-sha2")),
            ("algorithms", json!([1])),
            ("keys", json!({ "ed25519:B": "abc" })),
            ("keys", json!({ "ed25519": "abc" })),
            ("keys", json!({ "ed25519:A": 1 })),
            ("signatures", json!(null)),
            ("extra", json!(0.5)),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert!(matches!(parse(&bad), Err(E2eeError::Invalid(_))), "{bad}");
        }
        let mut large = good;
        large["extra"] = json!("x".repeat(20_000));
        assert!(matches!(parse(&large), Err(E2eeError::TooLarge(_))));
    }

    #[test]
    fn a_query_shows_keys_as_uploaded_and_the_name_of_the_device() {
        let store = TestStore::new();
        store.device("@ann:here", "A");
        let mut keys = SigningKey::of_device("A").device_keys(ann_id(), "A");
        publish(&store, &keys);
        let snapshot = store.store.snapshot().unwrap();
        let all: [&DeviceId; 0] = [];
        let found = query(&snapshot, user_id!("@bob:here"), ann_id(), &all).unwrap();
        keys["unsigned"] = json!({ "device_display_name": "A's name" });
        assert_eq!(serde_json::from_str::<Value>(&found["A"]).unwrap(), keys);
        assert_eq!(query(&snapshot, ann_id(), ann_id(), &[device_id!("A"), device_id!("GONE")]).unwrap().len(), 1);
    }

    #[test]
    fn only_a_change_is_a_change_and_only_the_newest_is_kept() {
        let store = TestStore::new();
        store.device("@ann:here", "A");
        let keys = SigningKey::of_device("A").device_keys(ann_id(), "A");
        publish(&store, &keys);
        let first = log(&store);
        publish(&store, &keys);
        assert_eq!(log(&store), first);
        publish(&store, &SigningKey::of_device("A").device_keys(ann_id(), "A"));
        let second = log(&store);
        assert_eq!(second.len(), 1);
        assert!(second > first);
        store.change(|change| Ok(devices::removed(change, ann_id(), device_id!("A"))?)).unwrap();
        let third = log(&store);
        assert!(third.len() == 1 && third > second);
        store.change(|change| Ok(devices::removed(change, ann_id(), device_id!("A"))?)).unwrap();
        assert_eq!(log(&store), third, "a device without keys is on nobody's list");
    }
}
