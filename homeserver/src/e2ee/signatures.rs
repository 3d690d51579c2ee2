//! Signatures that users put on keys after these were published.
//! <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload>
//!
//! Who may sign what: a user's self-signing key the user's devices, a user's devices the user's master key, and a user's
//! user-signing key other users' master keys. The last kind is for the signer's eyes alone.

use super::{
    E2eeError,
    cross_signing::{self, Usage},
    device_lists, key_json,
};
use hearth_store::{
    Change, Read, StoreError,
    tables::{CROSS_SIGNING_KEYS, DEVICE_KEYS, KEY_SIGNATURES},
};
use ruma::{CanonicalJsonObject, CanonicalJsonValue, UserId};

/// Why one signed key was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such key.
    NotFound,
    /// It is not the key as it was published.
    OtherKey,
    /// The signature is wrong, or made by a key that may not sign this.
    InvalidSignature,
}

/// Where a key stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Device(String, String),
    CrossSigning(String, Usage),
}

impl Place {
    fn read(&self, read: &impl Read) -> Result<Option<String>, StoreError> {
        match self {
            Self::Device(user, device) => read.get(DEVICE_KEYS, (&**user, &**device)),
            Self::CrossSigning(user, usage) => read.get(CROSS_SIGNING_KEYS, (&**user, usage.as_str())),
        }
    }
}

/// A key whose new signatures are right, as long as the keys that they were checked with stand.
#[derive(Debug, Clone)]
pub struct Checked {
    owner: String,
    name: String,
    /// Key id -> signature.
    signatures: Vec<(String, String)>,
    /// The signed key and the keys that signed it, as they were.
    rests_on: Vec<(Place, String)>,
}

/// Checks a key with new signatures of `signer`'s. That takes time, so it is done before the change that stores them.
///
/// # Errors
/// [`E2eeError::Store`]; the inner error is for the answer.
pub fn check(
    read: &impl Read,
    signer: &UserId,
    owner: &UserId,
    name: &str,
    given: &CanonicalJsonObject,
) -> Result<Result<Checked, Refusal>, E2eeError> {
    let Some(place) = find(read, signer, owner, name)? else { return Ok(Err(Refusal::NotFound)) };
    let Some(json) = place.read(read)? else { return Ok(Err(Refusal::NotFound)) };
    let published = key_json::object(&json)?;
    if !key_json::same_content(&published, given) {
        return Ok(Err(Refusal::OtherKey));
    }
    let mut checked = Checked {
        owner: owner.to_string(),
        name: name.to_owned(),
        signatures: Vec::new(),
        rests_on: vec![(place.clone(), json)],
    };
    let mut known = false;
    let by_signer = given.get("signatures").and_then(|all| all.as_object()?.get(signer.as_str())?.as_object());
    for (key_id, signature) in by_signer.into_iter().flatten() {
        let Some(signature) = signature.as_str() else { return Ok(Err(Refusal::InvalidSignature)) };
        if key_json::signature(&published, signer, key_id) == Some(signature) {
            known = true;
            continue;
        }
        // Clients send along what else they find on a key; only what can be checked counts.
        let Some((by, by_json, public)) = signing_key(read, signer, &place, key_id)? else { continue };
        if !key_json::is_signed(given, &public, signature) {
            return Ok(Err(Refusal::InvalidSignature));
        }
        checked.signatures.push((key_id.clone(), signature.to_owned()));
        checked.rests_on.push((by, by_json));
    }
    if checked.signatures.is_empty() && !known {
        return Ok(Err(Refusal::InvalidSignature));
    }
    Ok(Ok(checked))
}

/// The key of that name, if `signer` may sign it.
fn find(read: &impl Read, signer: &UserId, owner: &UserId, name: &str) -> Result<Option<Place>, E2eeError> {
    if cross_signing::get(read, owner, Usage::Master)?.is_some_and(|master| master.public == name) {
        return Ok(Some(Place::CrossSigning(owner.to_string(), Usage::Master)));
    }
    Ok((signer == owner).then(|| Place::Device(owner.to_string(), name.to_owned())))
}

/// The key of `signer`'s with that id, if keys of its kind sign such keys: where it stands, its JSON, its public half.
fn signing_key(
    read: &impl Read,
    signer: &UserId,
    signed: &Place,
    key_id: &str,
) -> Result<Option<(Place, String, String)>, E2eeError> {
    let usage = match signed {
        Place::Device(..) => Usage::SelfSigning,
        Place::CrossSigning(owner, _) if owner != signer.as_str() => Usage::UserSigning,
        Place::CrossSigning(..) => return device_key(read, signer, key_id),
    };
    let key = cross_signing::get(read, signer, usage)?.filter(|key| key.id() == key_id);
    Ok(key.map(|key| (Place::CrossSigning(signer.to_string(), usage), key.json, key.public)))
}

fn device_key(read: &impl Read, user: &UserId, key_id: &str) -> Result<Option<(Place, String, String)>, E2eeError> {
    let Some(device) = key_id.strip_prefix("ed25519:") else { return Ok(None) };
    let place = Place::Device(user.to_string(), device.to_owned());
    let Some(json) = place.read(read)? else { return Ok(None) };
    let object = key_json::object(&json)?;
    let public = object.get("keys").and_then(|keys| keys.as_object()?.get(key_id)?.as_str()).map(ToOwned::to_owned);
    Ok(public.map(|public| (place, json, public)))
}

/// Stores checked signatures of `signer`'s. Returns those that were overtaken by a change of the keys: (owner, name).
///
/// # Errors
/// [`StoreError`]
pub fn store(change: &mut Change<'_>, signer: &UserId, all: &[Checked]) -> Result<Vec<(String, String)>, StoreError> {
    let signer = signer.as_str();
    let mut overtaken = Vec::new();
    let mut own_changed = false;
    for Checked { owner, name, signatures, rests_on } in all {
        let mut stands = true;
        for (place, json) in rests_on {
            stands &= place.read(change)?.as_ref() == Some(json);
        }
        if !stands {
            overtaken.push((owner.clone(), name.clone()));
            continue;
        }
        let target = (&**owner, &**name, signer);
        let mut old = Vec::new();
        for row in change.prefix(KEY_SIGNATURES, target)? {
            let ((_, _, _, key_id), signature) = row?;
            old.push((key_id, signature));
        }
        if signatures.iter().all(|signature| old.contains(signature)) {
            continue;
        }
        // One key at a time signs devices and other users, so an older one's signature is worth nothing. A master key has many signers.
        if !matches!(rests_on.first(), Some((Place::CrossSigning(owner, _), _)) if owner == signer) {
            change.delete_prefix(KEY_SIGNATURES, target)?;
        }
        for (key_id, signature) in signatures {
            change.put(KEY_SIGNATURES, (target.0, target.1, target.2, &**key_id), signature)?;
        }
        if owner == signer {
            own_changed = true;
        } else {
            device_lists::signed(change, signer, owner)?;
        }
    }
    if own_changed {
        device_lists::changed(change, signer)?;
    }
    Ok(overtaken)
}

/// Leaves in a key the signatures that `asker` may see, and adds those that came later: the owner's and the asker's own.
///
/// # Errors
/// [`StoreError`]
pub fn merge(
    read: &impl Read,
    asker: &UserId,
    owner: &UserId,
    name: &str,
    object: &mut CanonicalJsonObject,
) -> Result<(), StoreError> {
    let mut merged = CanonicalJsonObject::new();
    if let Some(CanonicalJsonValue::Object(published)) = object.remove("signatures") {
        merged.extend(published.into_iter().filter(|(user, _)| user == owner.as_str() || user == asker.as_str()));
    }
    let signers = [owner, asker];
    for signer in signers.into_iter().take(if owner == asker { 1 } else { 2 }) {
        for row in read.prefix(KEY_SIGNATURES, (owner.as_str(), name, signer.as_str()))? {
            let ((_, _, _, key_id), signature) = row?;
            let of_signer =
                merged.entry(signer.to_string()).or_insert_with(|| CanonicalJsonValue::Object(Default::default()));
            if let CanonicalJsonValue::Object(of_signer) = of_signer {
                of_signer.insert(key_id, CanonicalJsonValue::String(signature));
            }
        }
    }
    if !merged.is_empty() {
        object.insert("signatures".to_owned(), CanonicalJsonValue::Object(merged));
    }
    Ok(())
}

/// Another key has taken the place of this one: signatures over the old one go.
///
/// # Errors
/// [`StoreError`]
pub fn target_replaced(change: &mut Change<'_>, owner: &str, name: &str) -> Result<(), StoreError> {
    change.delete_prefix(KEY_SIGNATURES, (owner, name))?;
    Ok(())
}

/// A key of the user's is gone: what it signed of the user's own is not signed any more.
///
/// # Errors
/// [`StoreError`]
pub fn signer_gone(change: &mut Change<'_>, user: &str, key_id: &str) -> Result<(), StoreError> {
    let mut made_by_it = Vec::new();
    for row in change.prefix(KEY_SIGNATURES, (user,))? {
        let (key, _) = row?;
        if key.2 == user && key.3 == key_id {
            made_by_it.push(key);
        }
    }
    for key in made_by_it {
        change.delete(KEY_SIGNATURES, key)?;
    }
    Ok(())
}

/// A device is being removed: the signatures over it and those that it made go.
///
/// # Errors
/// [`StoreError`]
pub fn device_removed(change: &mut Change<'_>, user: &str, device: &str) -> Result<(), StoreError> {
    target_replaced(change, user, device)?;
    signer_gone(change, user, &format!("ed25519:{device}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::{
        cross_signing::{Key, Upload},
        device_keys::{self, DeviceKeys},
        devices,
        testing::{SigningKey, TestStore},
    };
    use hearth_store::StreamPos;
    use ruma::{DeviceId, device_id, user_id};
    use serde_json::{Value, json};

    fn ann_id() -> &'static UserId {
        user_id!("@ann:here")
    }

    fn bob_id() -> &'static UserId {
        user_id!("@bob:here")
    }

    /// Somebody with one device and cross-signing keys, all published.
    struct Person {
        id: &'static UserId,
        device: SigningKey,
        master: SigningKey,
        self_signing: SigningKey,
        user_signing: SigningKey,
    }

    impl Person {
        fn new(store: &TestStore, id: &'static UserId) -> Self {
            store.device(id.as_str(), "DEV");
            let [master, self_signing, user_signing] = std::array::from_fn(|_| SigningKey::cross_signing());
            let person = Self { id, device: SigningKey::of_device("DEV"), master, self_signing, user_signing };
            let keys = DeviceKeys::parse(id, device_id!("DEV"), &person.device_keys().to_string()).unwrap();
            store.change(move |change| device_keys::upload(change, id, device_id!("DEV"), &keys)).unwrap();
            person.publish(store);
            person
        }

        fn publish(&self, store: &TestStore) {
            let id = self.id;
            let signed = |key: &SigningKey, usage: Usage| {
                let mut json = key.cross_signing_key(id, usage.as_str());
                self.master.sign(id.as_str(), &mut json);
                Some(Key::parse(id, usage, &json.to_string()).unwrap())
            };
            let keys = Upload {
                master: Some(Key::parse(id, Usage::Master, &self.master_key().to_string()).unwrap()),
                self_signing: signed(&self.self_signing, Usage::SelfSigning),
                user_signing: signed(&self.user_signing, Usage::UserSigning),
            };
            store.change(move |change| cross_signing::upload(change, id, &keys, true)).unwrap();
        }

        fn device_keys(&self) -> Value {
            self.device.device_keys(self.id, "DEV")
        }

        fn master_key(&self) -> Value {
            self.master.cross_signing_key(self.id, "master")
        }
    }

    fn sign(
        store: &TestStore,
        signer: &'static UserId,
        by: &SigningKey,
        owner: &UserId,
        name: &str,
        mut key: Value,
    ) -> Result<(), Refusal> {
        by.sign(signer.as_str(), &mut key);
        send(store, signer, owner, name, &key)
    }

    fn send(
        store: &TestStore,
        signer: &'static UserId,
        owner: &UserId,
        name: &str,
        key: &Value,
    ) -> Result<(), Refusal> {
        let object = key_json::object(&key.to_string()).unwrap();
        let checked = check(&store.store.snapshot().unwrap(), signer, owner, name, &object).unwrap()?;
        let overtaken = store.change(move |change| Ok(super::store(change, signer, &[checked])?)).unwrap();
        assert!(overtaken.is_empty());
        Ok(())
    }

    /// The signatures of `by` on the master key of `owner`, as `asker` sees them.
    fn on_master(store: &TestStore, asker: &UserId, owner: &UserId, by: &UserId) -> usize {
        let shown = cross_signing::query(&store.store.snapshot().unwrap(), asker, owner).unwrap().master.unwrap();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        shown["signatures"][by.as_str()].as_object().map_or(0, serde_json::Map::len)
    }

    fn on_device(store: &TestStore, asker: &UserId, owner: &UserId) -> usize {
        let all: [&DeviceId; 0] = [];
        let shown = device_keys::query(&store.store.snapshot().unwrap(), asker, owner, &all).unwrap();
        let shown: Value = serde_json::from_str(&shown["DEV"]).unwrap();
        shown["signatures"][owner.as_str()].as_object().map_or(0, serde_json::Map::len)
    }

    /// Whose keys `user` must fetch anew, if everybody shares a room.
    fn changed(store: &TestStore, user: &UserId, since: StreamPos) -> Vec<String> {
        let (snapshot, end) = (store.store.snapshot().unwrap(), StreamPos(u64::MAX));
        let mut users = device_lists::anywhere_between(&snapshot, since, end).unwrap();
        users.extend(device_lists::signed_between(&snapshot, user, since, end).unwrap());
        users
    }

    #[test]
    fn self_signing_keys_sign_devices_and_everybody_sees_it() {
        let store = TestStore::new();
        let ann = Person::new(&store, ann_id());
        assert_eq!(on_device(&store, bob_id(), ann_id()), 1);
        let before = store.store.durable_pos();
        assert_eq!(sign(&store, ann_id(), &ann.self_signing, ann_id(), "DEV", ann.device_keys()), Ok(()));
        assert_eq!(on_device(&store, bob_id(), ann_id()), 2);
        assert_eq!(changed(&store, bob_id(), before), ["@ann:here"]);
        let before = store.store.durable_pos();
        assert_eq!(sign(&store, ann_id(), &ann.self_signing, ann_id(), "DEV", ann.device_keys()), Ok(()));
        assert!(changed(&store, bob_id(), before).is_empty(), "the same signature again is no change");
    }

    #[test]
    fn devices_sign_their_users_master_key() {
        let store = TestStore::new();
        let ann = Person::new(&store, ann_id());
        assert_eq!(sign(&store, ann_id(), &ann.device, ann_id(), &ann.master.public, ann.master_key()), Ok(()));
        assert_eq!(on_master(&store, bob_id(), ann_id(), ann_id()), 1);
        store.change(|change| Ok(devices::removed(change, ann_id(), device_id!("DEV"))?)).unwrap();
        assert_eq!(on_master(&store, bob_id(), ann_id(), ann_id()), 0, "a removed device's signature goes with it");
    }

    #[test]
    fn only_the_signer_sees_and_learns_of_a_signature_for_another_user() {
        let store = TestStore::new();
        let (ann, bob) = (Person::new(&store, ann_id()), Person::new(&store, bob_id()));
        let before = store.store.durable_pos();
        assert_eq!(sign(&store, ann_id(), &ann.user_signing, bob_id(), &bob.master.public, bob.master_key()), Ok(()));
        assert_eq!(on_master(&store, ann_id(), bob_id(), ann_id()), 1);
        assert_eq!(on_master(&store, bob_id(), bob_id(), ann_id()), 0);
        assert_eq!(on_master(&store, user_id!("@eve:here"), bob_id(), ann_id()), 0);
        assert_eq!(changed(&store, ann_id(), before), ["@bob:here"]);
        assert!(changed(&store, bob_id(), before).is_empty());
    }

    #[test]
    fn keys_that_may_not_sign_and_wrong_signatures_are_refused() {
        let store = TestStore::new();
        let (ann, bob) = (Person::new(&store, ann_id()), Person::new(&store, bob_id()));
        let (ann_master, bob_master) = (&*ann.master.public, &*bob.master.public);
        let invalid = Err(Refusal::InvalidSignature);
        // The device's own signature is known already, so another's beside it is passed over; alone it is refused.
        let mut bare = ann.device_keys();
        bare.as_object_mut().unwrap().remove("signatures");
        assert_eq!(sign(&store, ann_id(), &ann.user_signing, ann_id(), "DEV", bare), invalid);
        assert_eq!(sign(&store, ann_id(), &ann.self_signing, bob_id(), bob_master, bob.master_key()), invalid);
        assert_eq!(sign(&store, ann_id(), &ann.device, bob_id(), bob_master, bob.master_key()), invalid);
        assert_eq!(sign(&store, ann_id(), &ann.user_signing, ann_id(), ann_master, ann.master_key()), invalid);
        assert_eq!(
            sign(&store, ann_id(), &ann.user_signing, bob_id(), "DEV", bob.device_keys()),
            Err(Refusal::NotFound)
        );
        assert_eq!(
            sign(&store, ann_id(), &ann.self_signing, ann_id(), "GONE", ann.device_keys()),
            Err(Refusal::NotFound)
        );

        let mut forged = ann.device_keys();
        let key_id = format!("ed25519:{}", ann.self_signing.public);
        forged["signatures"]["@ann:here"][key_id] = forged["signatures"]["@ann:here"]["ed25519:DEV"].clone();
        assert_eq!(send(&store, ann_id(), ann_id(), "DEV", &forged), invalid);
        let mut other = ann.device_keys();
        other["algorithms"] = json!([]);
        assert_eq!(sign(&store, ann_id(), &ann.self_signing, ann_id(), "DEV", other), Err(Refusal::OtherKey));
        assert_eq!(send(&store, ann_id(), ann_id(), ann_master, &ann.master_key()), invalid, "nothing signed");
    }

    #[test]
    fn a_signature_by_a_key_replaced_in_between_is_not_stored() {
        let store = TestStore::new();
        let mut ann = Person::new(&store, ann_id());
        let mut key = ann.device_keys();
        ann.self_signing.sign(ann_id().as_str(), &mut key);
        let object = key_json::object(&key.to_string()).unwrap();
        let checked = check(&store.store.snapshot().unwrap(), ann_id(), ann_id(), "DEV", &object).unwrap().unwrap();
        ann.self_signing = SigningKey::cross_signing();
        ann.publish(&store);
        let overtaken = store.change(move |change| Ok(super::store(change, ann_id(), &[checked])?)).unwrap();
        assert_eq!(overtaken, [("@ann:here".to_owned(), "DEV".to_owned())]);
        assert_eq!(on_device(&store, ann_id(), ann_id()), 1);
    }

    #[test]
    fn a_replaced_self_signing_key_signs_nothing_any_more() {
        let store = TestStore::new();
        let mut ann = Person::new(&store, ann_id());
        sign(&store, ann_id(), &ann.self_signing, ann_id(), "DEV", ann.device_keys()).unwrap();
        ann.self_signing = SigningKey::cross_signing();
        ann.publish(&store);
        assert_eq!(on_device(&store, bob_id(), ann_id()), 1);
    }

    #[test]
    fn signatures_of_strangers_in_published_keys_are_not_shown() {
        let store = TestStore::new();
        let ann = Person::new(&store, ann_id());
        let mut keys = ann.device_keys();
        keys["signatures"]["@bob:here"] = json!({ "ed25519:B": "sig" });
        let keys = DeviceKeys::parse(ann_id(), device_id!("DEV"), &keys.to_string()).unwrap();
        store.change(move |change| device_keys::upload(change, ann_id(), device_id!("DEV"), &keys)).unwrap();
        let seen = |asker: &UserId| {
            let shown =
                device_keys::query(&store.store.snapshot().unwrap(), asker, ann_id(), &[device_id!("DEV")]).unwrap();
            serde_json::from_str::<Value>(&shown["DEV"]).unwrap()["signatures"].get("@bob:here").is_some()
        };
        assert!(seen(bob_id()) && !seen(user_id!("@eve:here")));
    }
}
