//! One-time keys: each is given out once.
//! <https://spec.matrix.org/v1.19/client-server-api/#one-time-and-fallback-keys>

use super::{E2eeError, fallback_keys, key_json::ClaimableKey};
use hearth_store::{Change, Read, StoreError, tables::ONE_TIME_KEYS};
use ruma::{DeviceId, UserId};
use std::collections::BTreeMap;

/// A device holds so many at most. Clients keep 50 to 100.
pub const MAX_KEYS: usize = 1000;

/// How many keys of each algorithm wait to be claimed.
///
/// # Errors
/// [`StoreError`]
pub fn counts(read: &impl Read, user: &UserId, device: &DeviceId) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut counts = BTreeMap::new();
    for row in read.prefix(ONE_TIME_KEYS, (user.as_str(), device.as_str()))? {
        let ((_, _, algorithm, _, _), _) = row?;
        *counts.entry(algorithm).or_insert(0) += 1;
    }
    Ok(counts)
}

/// Adds keys. One that is there already stays as it is, and another with its name is refused: the device must not
/// think that a key of its is on offer when it is not.
///
/// # Errors
/// [`E2eeError::Invalid`] for a name that is taken, [`E2eeError::TooLarge`] where there would be more than [`MAX_KEYS`].
pub fn upload(
    change: &mut Change<'_>,
    user: &UserId,
    device: &DeviceId,
    keys: Vec<ClaimableKey>,
) -> Result<(), E2eeError> {
    if keys.is_empty() {
        return Ok(());
    }
    let (user, device) = (user.as_str(), device.as_str());
    let mut there = BTreeMap::new();
    for row in change.prefix(ONE_TIME_KEYS, (user, device))? {
        let ((_, _, algorithm, _, id), json) = row?;
        there.insert((algorithm, id), json);
    }
    let uploaded = change.next_pos();
    for key in keys {
        let name = (key.algorithm, key.id);
        match there.get(&name) {
            Some(old) if is_same(old, &key.json) => continue,
            Some(_) => {
                return Err(E2eeError::Invalid(format!(
                    "There is another one-time key {}:{} already.",
                    name.0, name.1
                )));
            }
            None => {}
        }
        if there.len() >= MAX_KEYS {
            return Err(E2eeError::TooLarge(format!("A device can have {MAX_KEYS} one-time keys at most.")));
        }
        change.put(ONE_TIME_KEYS, (user, device, &*name.0, uploaded, &*name.1), &key.json)?;
        there.insert(name, key.json);
    }
    Ok(())
}

/// The same JSON, however it is written.
fn is_same(a: &str, b: &str) -> bool {
    a == b
        || match (serde_json::from_str::<serde_json::Value>(a), serde_json::from_str::<serde_json::Value>(b)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        }
}

/// A key that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// `algorithm:id`
    pub name: String,
    /// The key, JSON.
    pub json: String,
}

/// Takes a key off the device's stock: of the oldest upload first, or the fallback key where there is none.
/// It is deleted in the change that gives it out, so nobody else gets it, whatever happens.
///
/// # Errors
/// [`StoreError`]
pub fn claim(
    change: &mut Change<'_>,
    user: &str,
    device: &str,
    algorithm: &str,
) -> Result<Option<Claimed>, StoreError> {
    let Some((key, json)) = change.first(ONE_TIME_KEYS, (user, device, algorithm))? else {
        return fallback_keys::give_out(change, user, device, algorithm);
    };
    let name = format!("{algorithm}:{}", key.4);
    change.delete(ONE_TIME_KEYS, key)?;
    Ok(Some(Claimed { name, json }))
}

/// Drops everything of a device that is gone.
///
/// # Errors
/// [`StoreError`]
pub fn removed(change: &mut Change<'_>, user: &str, device: &str) -> Result<(), StoreError> {
    change.delete_prefix(ONE_TIME_KEYS, (user, device))?;
    Ok(())
}
