//! End-to-end encryption's public side: device keys, one-time keys, cross-signing, to-device messages, key backup.
//!
//! The server stores and hands on; it can't read what it stores. What it guarantees: a one-time key is given out
//! once, a to-device message is delivered once per token, and whoever shares a room learns of changed keys.

pub mod account;
pub mod cross_signing;
pub mod device_keys;
pub mod device_lists;
pub mod devices;
pub mod fallback_keys;
pub mod key_backup;
pub mod key_backup_sessions;
pub mod key_json;
pub mod one_time_keys;
pub mod restored;
pub mod signatures;
pub mod to_device;

use crate::rooms::RoomError;
use hearth_store::StoreError;

/// Largest JSON of one key. Real ones have some 200 bytes to 2 KiB.
pub const KEY_BYTES: usize = 16 << 10;
/// Longest name of a key, an algorithm or a session.
pub const NAME_BYTES: usize = 255;

/// Why something about keys or to-device messages can't be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum E2eeError {
    /// What the client sent is not what it should be.
    #[error("{0}")]
    Invalid(String),
    /// A signature is missing or wrong.
    #[error("{0}")]
    InvalidSignature(String),
    /// Something is larger than this server stores.
    #[error("{0}")]
    TooLarge(String),
    /// Self-signing and user-signing keys need a master key.
    #[error("There is no master key.")]
    NoMasterKey,
    /// Device ids and cross-signing keys share one name space.
    #[error("One of the keys has the name of a device.")]
    KeyIdInUse,
    /// Keys would be replaced, for which the user must prove anew who they are.
    #[error("Replacing cross-signing keys needs authentication.")]
    NeedsAuthentication,
    /// The user has no such backup.
    #[error("There is no such backup.")]
    NoSuchBackup,
    /// The backup holds no such session.
    #[error("The backup has no such key.")]
    NoSuchSession,
    /// Keys can be written to the newest backup only.
    #[error("That is not the current backup version.")]
    WrongBackupVersion {
        /// The newest backup.
        current: String,
    },
    /// A row holds JSON that is none.
    #[error("stored JSON can't be read: {0}")]
    Corrupt(#[from] serde_json::Error),
    /// Room state can't be read.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Refuses names that are empty or too long for a key of the store.
fn check_name(what: &str, name: &str) -> Result<(), E2eeError> {
    if name.is_empty() || name.len() > NAME_BYTES {
        return Err(E2eeError::Invalid(format!("The name of {what} must have 1 to {NAME_BYTES} bytes.")));
    }
    Ok(())
}

/// Refuses JSON of a key that is too large.
fn check_size(what: &str, json: &str) -> Result<(), E2eeError> {
    if json.len() > KEY_BYTES {
        return Err(E2eeError::TooLarge(format!("{what} is larger than {KEY_BYTES} bytes.")));
    }
    Ok(())
}

#[cfg(test)]
mod testing {
    //! What the tests of these modules share.

    use super::E2eeError;
    use hearth_store::{Change, Options, Store};
    use ruma::{
        CanonicalJsonObject, UserId,
        serde::{Base64, base64::Standard},
        signatures::{Ed25519KeyPair, sign_json},
    };
    use serde_json::{Value, json};

    /// A store in a folder that goes with it.
    pub struct TestStore {
        pub store: Store,
        _folder: tempfile::TempDir,
    }

    impl TestStore {
        pub fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("hearth.redb"), Options::default()).unwrap();
            Self { store, _folder: folder }
        }

        pub fn change<T: Send + 'static>(
            &self,
            work: impl FnOnce(&mut Change<'_>) -> Result<T, E2eeError> + Send + 'static,
        ) -> Result<T, E2eeError> {
            self.store.change_blocking(work)
        }

        /// A login, without all that belongs to one.
        pub fn device(&self, user: &'static str, device: &'static str) {
            use hearth_store::{records::DeviceRecord, tables::DEVICES};
            let record = DeviceRecord {
                display_name: Some(format!("{device}'s name")),
                created_at: 0,
                last_seen_at: None,
                last_seen_ip: None,
            };
            self.change(move |change| Ok(change.put(DEVICES, (user, device), &record)?)).unwrap();
        }
    }

    /// A signing key together with its public half in base64.
    pub struct SigningKey {
        pair: Ed25519KeyPair,
        pub public: String,
    }

    impl SigningKey {
        /// A key whose id is its own public half, as cross-signing keys have it.
        pub fn cross_signing() -> Self {
            let der = Ed25519KeyPair::generate();
            let public = Ed25519KeyPair::from_der(&der, "x".to_owned()).unwrap().public_key();
            let public = Base64::<Standard, _>::new(public.to_vec()).encode();
            Self { pair: Ed25519KeyPair::from_der(&der, public.clone()).unwrap(), public }
        }

        /// A device's key.
        pub fn of_device(device: &str) -> Self {
            let der = Ed25519KeyPair::generate();
            let pair = Ed25519KeyPair::from_der(&der, device.to_owned()).unwrap();
            let public = Base64::<Standard, _>::new(pair.public_key().to_vec()).encode();
            Self { pair, public }
        }

        pub fn sign(&self, user: &str, json: &mut Value) {
            let mut object: CanonicalJsonObject = serde_json::from_value(json.take()).unwrap();
            sign_json(user, &self.pair, &mut object).unwrap();
            *json = serde_json::to_value(object).unwrap();
        }

        pub fn device_keys(&self, user: &UserId, device: &str) -> Value {
            let mut keys = json!({
                "user_id": user, "device_id": device,
                "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
                "keys": { (format!("ed25519:{device}")): self.public, (format!("curve25519:{device}")): "curve" },
            });
            self.sign(user.as_str(), &mut keys);
            keys
        }

        pub fn cross_signing_key(&self, user: &UserId, usage: &str) -> Value {
            json!({ "user_id": user, "usage": [usage], "keys": { (format!("ed25519:{}", self.public)): self.public } })
        }
    }
}
