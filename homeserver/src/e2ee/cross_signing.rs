//! Cross-signing keys: a user's master key, and the self-signing and user-signing keys that it signs.
//! <https://spec.matrix.org/v1.19/client-server-api/#cross-signing>

use super::{E2eeError, check_size, device_lists, key_json, signatures};
use hearth_store::{
    Change, Read, StoreError,
    tables::{CROSS_SIGNING_KEYS, DEVICES},
};
use ruma::{CanonicalJsonObject, UserId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a cross-signing key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Usage {
    /// Stands for the user.
    Master,
    /// Signs the user's own devices.
    SelfSigning,
    /// Signs other users' master keys.
    UserSigning,
}

impl Usage {
    const ALL: [Self; 3] = [Self::Master, Self::SelfSigning, Self::UserSigning];

    /// The word of the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::SelfSigning => "self_signing",
            Self::UserSigning => "user_signing",
        }
    }
}

/// A cross-signing key, looked through.
#[derive(Debug, Clone)]
pub struct Key {
    /// The public key, which is also the key's name.
    pub public: String,
    /// The key with its signatures.
    pub object: CanonicalJsonObject,
    /// The same as text, as uploaded.
    pub json: String,
}

impl Key {
    /// Looks a key through that `user` wants to publish.
    ///
    /// # Errors
    /// [`E2eeError::Invalid`], [`E2eeError::TooLarge`]
    pub fn parse(user: &UserId, usage: Usage, json: &str) -> Result<Self, E2eeError> {
        #[derive(Deserialize)]
        struct Form {
            user_id: String,
            usage: Vec<String>,
            keys: BTreeMap<String, String>,
            #[serde(default, rename = "signatures")]
            _signatures: key_json::Signatures,
        }
        let bad = |what: &str| E2eeError::Invalid(format!("The {} key {what}.", usage.as_str()));
        check_size("A cross-signing key", json)?;
        let form: Form = serde_json::from_str(json).map_err(|error| bad(&format!("can't be read: {error}")))?;
        if form.user_id != user.as_str() {
            return Err(bad("names another user"));
        }
        if !form.usage.iter().any(|word| word == usage.as_str()) {
            return Err(bad("is not for that use"));
        }
        // Exactly one, whose name is the key itself.
        let mut keys = form.keys.into_iter();
        let (Some((id, public)), None) = (keys.next(), keys.next()) else {
            return Err(bad("must hold exactly one public key"));
        };
        if id.strip_prefix("ed25519:") != Some(public.as_str()) || !key_json::is_public_key(&public) {
            return Err(bad("is not an ed25519 key under its own name"));
        }
        Ok(Self { public, object: key_json::object(json)?, json: json.to_owned() })
    }

    /// The key's identifier in signatures.
    #[must_use]
    pub fn id(&self) -> String {
        format!("ed25519:{}", self.public)
    }
}

/// The keys of one request.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// The master key.
    pub master: Option<Key>,
    /// The self-signing key.
    pub self_signing: Option<Key>,
    /// The user-signing key.
    pub user_signing: Option<Key>,
}

impl Upload {
    const fn get(&self, usage: Usage) -> Option<&Key> {
        match usage {
            Usage::Master => self.master.as_ref(),
            Usage::SelfSigning => self.self_signing.as_ref(),
            Usage::UserSigning => self.user_signing.as_ref(),
        }
    }
}

/// A user's published key.
///
/// # Errors
/// [`E2eeError::Store`], [`E2eeError::Invalid`] for a row that can't be read.
pub fn get(read: &impl Read, user: &UserId, usage: Usage) -> Result<Option<Key>, E2eeError> {
    let json = read.get(CROSS_SIGNING_KEYS, (user.as_str(), usage.as_str()))?;
    json.map(|json| Key::parse(user, usage, &json)).transpose()
}

/// Whether a device of the user may not bear this name, as one of the user's keys does.
/// <https://spec.matrix.org/v1.19/client-server-api/#cross-signing>
///
/// # Errors
/// As [`get`].
pub fn is_key_id(read: &impl Read, user: &UserId, name: &str) -> Result<bool, E2eeError> {
    for usage in Usage::ALL {
        if get(read, user, usage)?.is_some_and(|key| key.public == name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Publishes keys. The same keys again change nothing.
///
/// # Errors
/// [`E2eeError::NeedsAuthentication`] where keys would be replaced or added to a master key and the user is not
/// `authenticated`; [`E2eeError::NoMasterKey`], [`E2eeError::InvalidSignature`], [`E2eeError::KeyIdInUse`]
pub fn upload(change: &mut Change<'_>, user: &UserId, keys: &Upload, authenticated: bool) -> Result<(), E2eeError> {
    let mut stored = BTreeMap::new();
    for usage in Usage::ALL {
        if let Some(key) = get(change, user, usage)? {
            stored.insert(usage, key);
        }
    }
    let is_new = |usage: &Usage| match (keys.get(*usage), stored.get(usage)) {
        (Some(key), Some(old)) => key.object != old.object,
        (given, _) => given.is_some(),
    };
    let new: Vec<Usage> = Usage::ALL.into_iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }
    // The first set of keys is free, as is the same set again; all else could be an intruder's.
    if stored.contains_key(&Usage::Master) && !authenticated {
        return Err(E2eeError::NeedsAuthentication);
    }
    let master = keys.master.as_ref().or_else(|| stored.get(&Usage::Master)).ok_or(E2eeError::NoMasterKey)?;
    for usage in [Usage::SelfSigning, Usage::UserSigning] {
        let Some(key) = keys.get(usage) else { continue };
        let signature = key_json::signature(&key.object, user, &master.id());
        if !signature.is_some_and(|signature| key_json::is_signed(&key.object, &master.public, signature)) {
            return Err(E2eeError::InvalidSignature(format!(
                "The {} key is not signed by the master key.",
                usage.as_str()
            )));
        }
    }
    for usage in &new {
        if let Some(key) = keys.get(*usage)
            && change.contains(DEVICES, (user.as_str(), &*key.public))?
        {
            return Err(E2eeError::KeyIdInUse);
        }
    }
    for usage in Usage::ALL {
        replace(change, user, usage, keys, &stored)?;
    }
    Ok(device_lists::changed(change, user.as_str())?)
}

/// Stores one of the keys, and takes away what the one before it vouched for.
fn replace(
    change: &mut Change<'_>,
    user: &UserId,
    usage: Usage,
    keys: &Upload,
    stored: &BTreeMap<Usage, Key>,
) -> Result<(), StoreError> {
    let row = (user.as_str(), usage.as_str());
    let is_other = |usage: Usage| match (keys.get(usage), stored.get(&usage)) {
        (Some(key), Some(old)) => key.public != old.public,
        _ => false,
    };
    match (keys.get(usage), stored.get(&usage)) {
        (Some(key), _) => change.put(CROSS_SIGNING_KEYS, row, &key.json)?,
        // Signed by the old master key only, it is worth nothing now.
        (None, Some(_)) if is_other(Usage::Master) => drop(change.delete(CROSS_SIGNING_KEYS, row)?),
        (None, _) => return Ok(()),
    }
    let Some(old) = stored.get(&usage) else { return Ok(()) };
    match usage {
        Usage::Master if is_other(usage) => signatures::target_replaced(change, user.as_str(), &old.public),
        Usage::SelfSigning if is_other(usage) || is_other(Usage::Master) && keys.self_signing.is_none() => {
            signatures::signer_gone(change, user.as_str(), &old.id())
        }
        _ => Ok(()),
    }
}

/// A user's keys as somebody may see them, JSON.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// The master key.
    pub master: Option<String>,
    /// The self-signing key.
    pub self_signing: Option<String>,
    /// The user-signing key, for the user alone.
    pub user_signing: Option<String>,
}

/// The cross-signing keys of a user as `asker` may see them.
///
/// # Errors
/// As [`get`].
pub fn query(read: &impl Read, asker: &UserId, user: &UserId) -> Result<Shown, E2eeError> {
    let shown = |usage: Usage| {
        let Some(mut key) = get(read, user, usage)? else { return Ok::<_, E2eeError>(None) };
        signatures::merge(read, asker, user, &key.public, &mut key.object)?;
        Ok(Some(serde_json::to_string(&key.object)?))
    };
    Ok(Shown {
        master: shown(Usage::Master)?,
        self_signing: shown(Usage::SelfSigning)?,
        user_signing: if asker == user { shown(Usage::UserSigning)? } else { None },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::testing::{SigningKey, TestStore};
    use hearth_store::tables::DEVICE_LIST_CHANGES;
    use ruma::user_id;
    use serde_json::{Value, json};

    fn ann_id() -> &'static UserId {
        user_id!("@ann:here")
    }

    /// A user's three keys.
    struct Keys {
        master: SigningKey,
        self_signing: SigningKey,
        user_signing: SigningKey,
    }

    impl Keys {
        fn new() -> Self {
            let [master, self_signing, user_signing] = std::array::from_fn(|_| SigningKey::cross_signing());
            Self { master, self_signing, user_signing }
        }

        fn upload(&self) -> Upload {
            let signed = |key: &SigningKey, usage: Usage| {
                let mut json = key.cross_signing_key(ann_id(), usage.as_str());
                self.master.sign(ann_id().as_str(), &mut json);
                Some(Key::parse(ann_id(), usage, &json.to_string()).unwrap())
            };
            let master = self.master.cross_signing_key(ann_id(), "master").to_string();
            Upload {
                master: Some(Key::parse(ann_id(), Usage::Master, &master).unwrap()),
                self_signing: signed(&self.self_signing, Usage::SelfSigning),
                user_signing: signed(&self.user_signing, Usage::UserSigning),
            }
        }
    }

    fn put(store: &TestStore, keys: &Upload, authenticated: bool) -> Result<(), E2eeError> {
        let keys = keys.clone();
        store.change(move |change| upload(change, ann_id(), &keys, authenticated))
    }

    #[test]
    fn the_first_keys_and_the_same_keys_again_are_free_and_all_else_needs_authentication() {
        let store = TestStore::new();
        let first = Keys::new().upload();
        put(&store, &Upload::default(), false).unwrap();
        put(&store, &first, false).unwrap();
        let changed = store.store.snapshot().unwrap().get(DEVICE_LIST_CHANGES, ann_id().as_str()).unwrap();
        assert!(changed.is_some());
        put(&store, &first, false).unwrap();
        put(&store, &Upload { user_signing: None, ..first.clone() }, false).unwrap();
        assert_eq!(store.store.snapshot().unwrap().get(DEVICE_LIST_CHANGES, ann_id().as_str()).unwrap(), changed);

        let second = Keys::new().upload();
        assert!(matches!(put(&store, &second, false), Err(E2eeError::NeedsAuthentication)));
        let mixed = Upload { master: first.master, ..second.clone() };
        assert!(matches!(put(&store, &mixed, false), Err(E2eeError::NeedsAuthentication)));
        assert!(matches!(put(&store, &mixed, true), Err(E2eeError::InvalidSignature(_))));
        put(&store, &second, true).unwrap();
        assert_eq!(
            get(&store.store.snapshot().unwrap(), ann_id(), Usage::Master).unwrap().unwrap().json,
            second.master.unwrap().json
        );
    }

    #[test]
    fn adding_keys_to_a_master_key_needs_authentication() {
        let store = TestStore::new();
        let keys = Keys::new().upload();
        put(&store, &Upload { master: keys.master.clone(), ..Upload::default() }, false).unwrap();
        assert!(matches!(put(&store, &keys, false), Err(E2eeError::NeedsAuthentication)));
        put(&store, &Upload { master: None, ..keys }, true).unwrap();
        assert!(get(&store.store.snapshot().unwrap(), ann_id(), Usage::UserSigning).unwrap().is_some());
    }

    #[test]
    fn the_other_keys_need_a_master_key_and_its_signature() {
        let store = TestStore::new();
        let (keys, other) = (Keys::new().upload(), Keys::new().upload());
        assert!(matches!(put(&store, &Upload { master: None, ..keys.clone() }, false), Err(E2eeError::NoMasterKey)));
        let crossed = Upload { self_signing: other.self_signing, ..keys };
        assert!(matches!(put(&store, &crossed, false), Err(E2eeError::InvalidSignature(_))));
        assert!(get(&store.store.snapshot().unwrap(), ann_id(), Usage::Master).unwrap().is_none());
    }

    #[test]
    fn a_new_master_key_takes_the_keys_of_the_old_one_away() {
        let store = TestStore::new();
        put(&store, &Keys::new().upload(), false).unwrap();
        let new = Keys::new().upload();
        put(&store, &Upload { master: new.master, ..Upload::default() }, true).unwrap();
        let shown = query(&store.store.snapshot().unwrap(), ann_id(), ann_id()).unwrap();
        assert!(shown.master.is_some() && shown.self_signing.is_none() && shown.user_signing.is_none());
    }

    #[test]
    fn a_key_with_the_name_of_a_device_is_refused() {
        let store = TestStore::new();
        let keys = Keys::new();
        let device: &'static str = String::leak(keys.self_signing.public.clone());
        store.device("@ann:here", device);
        assert!(matches!(put(&store, &keys.upload(), false), Err(E2eeError::KeyIdInUse)));
        let other = TestStore::new();
        put(&other, &keys.upload(), false).unwrap();
        assert!(is_key_id(&other.store.snapshot().unwrap(), ann_id(), device).unwrap());
        assert!(!is_key_id(&other.store.snapshot().unwrap(), ann_id(), "A").unwrap());
    }

    #[test]
    fn only_the_user_sees_the_user_signing_key() {
        let store = TestStore::new();
        put(&store, &Keys::new().upload(), false).unwrap();
        let snapshot = store.store.snapshot().unwrap();
        assert!(query(&snapshot, ann_id(), ann_id()).unwrap().user_signing.is_some());
        let bobs = query(&snapshot, user_id!("@bob:here"), ann_id()).unwrap();
        assert!(bobs.user_signing.is_none() && bobs.self_signing.is_some() && bobs.master.is_some());
    }

    #[test]
    fn keys_must_be_what_they_say() {
        let key = SigningKey::cross_signing();
        let good = key.cross_signing_key(ann_id(), "master");
        let other = SigningKey::cross_signing().public;
        for (field, value) in [
            ("user_id", json!("@eve:here")),
            ("usage", json!(["self_signing"])),
            ("usage", json!([])),
            ("keys", json!({})),
            ("keys", json!({ (format!("ed25519:{}", key.public)): other.clone() })),
            ("keys", json!({ (format!("rsa:{other}")): other.clone() })),
            (
                "keys",
                json!({ (format!("ed25519:{other}")): other.clone(), (format!("ed25519:{}", key.public)): key.public.clone() }),
            ),
            ("keys", json!({ "ed25519:abc": "abc" })),
            ("signatures", json!({ "@ann:here": 1 })),
        ] {
            let mut bad: Value = good.clone();
            bad[field] = value;
            assert!(
                matches!(Key::parse(ann_id(), Usage::Master, &bad.to_string()), Err(E2eeError::Invalid(_))),
                "{bad}"
            );
        }
    }
}
