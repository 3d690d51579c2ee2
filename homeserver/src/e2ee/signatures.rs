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
