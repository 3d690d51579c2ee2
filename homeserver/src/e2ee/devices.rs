//! What happens to keys when a device is removed or renamed.

use super::{device_lists, fallback_keys, one_time_keys, signatures, to_device};
use crate::accounts::{AccountError, devices};
use hearth_store::{Change, Read as _, StoreError, records::LogRecord, tables::DEVICE_KEYS};
use ruma::{DeviceId, UserId};

/// A device is being removed, in the same change: its keys, its messages and the signatures by and for it go too.
///
/// # Errors
/// [`StoreError`]
pub fn removed(change: &mut Change<'_>, user: &UserId, device: &DeviceId) -> Result<(), StoreError> {
    let (user, device) = (user.as_str(), device.as_str());
    one_time_keys::removed(change, user, device)?;
    fallback_keys::removed(change, user, device)?;
    to_device::removed(change, user, device)?;
    signatures::device_removed(change, user, device)?;
    if change.delete(DEVICE_KEYS, (user, device))? {
        device_lists::changed(change, user)?;
    } else {
        // A device without keys was on nobody's list, but a sync of its own that waits must end.
        change.log(LogRecord::ToDevice(user.to_owned(), device.to_owned()))?;
    }
    Ok(())
}

/// Removes all devices of a user with their keys, but one where that is wanted.
///
/// # Errors
/// Those of the store.
pub fn remove_all(change: &mut Change<'_>, user: &UserId, except: Option<&DeviceId>) -> Result<(), AccountError> {
    for device in devices::remove_all(change, user, except)? {
        removed(change, user, &device)?;
    }
    Ok(())
}

/// A device has got another name, in the same change: it stands beside its keys.
///
/// # Errors
/// [`StoreError`]
pub fn renamed(change: &mut Change<'_>, user: &UserId, device: &DeviceId) -> Result<(), StoreError> {
    if change.contains(DEVICE_KEYS, (user.as_str(), device.as_str()))? {
        device_lists::changed(change, user.as_str())?;
    }
    Ok(())
}
