//! Fallback keys: given out again and again when a device has no one-time key left.
//! <https://spec.matrix.org/v1.19/client-server-api/#one-time-and-fallback-keys>

use super::{E2eeError, key_json::ClaimableKey, one_time_keys::Claimed};
use hearth_store::{Change, Read, StoreError, records::FallbackKeyRecord, tables::FALLBACK_KEYS};
use ruma::{DeviceId, UserId};
use std::collections::BTreeSet;

/// A device has one for so many algorithms at most; there is one algorithm today.
const MAX_ALGORITHMS: usize = 16;

/// The algorithms whose fallback key nobody has got yet.
///
/// # Errors
/// [`StoreError`]
pub fn unused(read: &impl Read, user: &UserId, device: &DeviceId) -> Result<Vec<String>, StoreError> {
    let mut algorithms = Vec::new();
    for row in read.prefix(FALLBACK_KEYS, (user.as_str(), device.as_str()))? {
        let ((_, _, algorithm), record) = row?;
        if !record.used {
            algorithms.push(algorithm);
        }
    }
    Ok(algorithms)
}

/// Stores keys in place of those of their algorithms. A key that is there already stays as used as it is.
///
/// # Errors
/// [`E2eeError::Invalid`] for two keys of one algorithm, [`E2eeError::TooLarge`]
pub fn upload(
    change: &mut Change<'_>,
    user: &UserId,
    device: &DeviceId,
    keys: Vec<ClaimableKey>,
) -> Result<(), E2eeError> {
    let (user, device) = (user.as_str(), device.as_str());
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key.algorithm.clone()) {
            return Err(E2eeError::Invalid(format!("There can be one fallback key of {} only.", key.algorithm)));
        }
        let old = change.get(FALLBACK_KEYS, (user, device, &*key.algorithm))?;
        if old.is_some_and(|old| old.key_id == key.id && old.key == key.json) {
            continue;
        }
        let record = FallbackKeyRecord { key_id: key.id, key: key.json, used: false };
        change.put(FALLBACK_KEYS, (user, device, &*key.algorithm), &record)?;
    }
    if change.prefix(FALLBACK_KEYS, (user, device))?.count() > MAX_ALGORITHMS {
        return Err(E2eeError::TooLarge(format!("A device can have {MAX_ALGORITHMS} fallback keys at most.")));
    }
    Ok(())
}

/// Gives the fallback key out and marks it as used.
///
/// # Errors
/// [`StoreError`]
pub fn give_out(
    change: &mut Change<'_>,
    user: &str,
    device: &str,
    algorithm: &str,
) -> Result<Option<Claimed>, StoreError> {
    let Some(mut record) = change.get(FALLBACK_KEYS, (user, device, algorithm))? else { return Ok(None) };
    let claimed = Claimed { name: format!("{algorithm}:{}", record.key_id), json: record.key.clone() };
    if !record.used {
        record.used = true;
        change.put(FALLBACK_KEYS, (user, device, algorithm), &record)?;
    }
    Ok(Some(claimed))
}

/// Drops everything of a device that is gone.
///
/// # Errors
/// [`StoreError`]
pub fn removed(change: &mut Change<'_>, user: &str, device: &str) -> Result<(), StoreError> {
    change.delete_prefix(FALLBACK_KEYS, (user, device))?;
    Ok(())
}
