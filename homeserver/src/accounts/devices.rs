//! Devices: each is one login.
//!
//! What else belongs to a device (keys, to-device messages, pushers) lies in higher layers: whoever
//! removes a device here has them remove theirs in the same change.

use super::{AccountError, login_tokens, sessions};
use hearth_store::{Change, Read, records::DeviceRecord, tables::DEVICES};
use ruma::{DeviceId, OwnedDeviceId, UserId};

/// A device and its tokens to be.
#[derive(Debug, Clone)]
pub struct Login {
    /// The device: one that the user has, or a new one.
    pub device: OwnedDeviceId,
    /// Name of the device, if it is new.
    pub display_name: Option<String>,
    /// Its tokens.
    pub tokens: sessions::Tokens,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
    /// Where the request came from.
    pub ip: String,
}

/// Logs a device in. A device that the user has already keeps its name and its keys, but its tokens
/// from before end.
///
/// # Errors
/// [`AccountError::Store`]
pub fn log_in(change: &mut Change<'_>, user: &UserId, login: &Login) -> Result<(), AccountError> {
    let mut record = get(change, user, &login.device)?.unwrap_or_else(|| DeviceRecord {
        display_name: login.display_name.clone(),
        created_at: login.now,
        last_seen_at: None,
        last_seen_ip: None,
    });
    record.last_seen_at = Some(login.now);
    record.last_seen_ip = Some(login.ip.clone());
    change.put(DEVICES, (user.as_str(), login.device.as_str()), &record)?;
    sessions::begin(change, user, &login.device, &login.tokens)
}

/// One device.
///
/// # Errors
/// [`AccountError::Store`]
pub fn get(read: &impl Read, user: &UserId, device: &DeviceId) -> Result<Option<DeviceRecord>, AccountError> {
    Ok(read.get(DEVICES, (user.as_str(), device.as_str()))?)
}

/// All devices of a user.
///
/// # Errors
/// [`AccountError::Store`]
pub fn all(read: &impl Read, user: &UserId) -> Result<Vec<(OwnedDeviceId, DeviceRecord)>, AccountError> {
    let mut devices = Vec::new();
    for row in read.prefix(DEVICES, (user.as_str(),))? {
        let ((_, device), record) = row?;
        devices.push((device.into(), record));
    }
    Ok(devices)
}

/// Names a device.
///
/// # Errors
/// [`AccountError::NoSuchDevice`]
pub fn rename(
    change: &mut Change<'_>,
    user: &UserId,
    device: &DeviceId,
    name: Option<String>,
) -> Result<(), AccountError> {
    let mut record = get(change, user, device)?.ok_or(AccountError::NoSuchDevice)?;
    record.display_name = name;
    Ok(change.put(DEVICES, (user.as_str(), device.as_str()), &record)?)
}

/// Notes when a device was last heard of.
///
/// # Errors
/// [`AccountError::Store`]
pub fn seen(
    change: &mut Change<'_>,
    user: &UserId,
    device: &DeviceId,
    at: u64,
    ip: String,
) -> Result<(), AccountError> {
    let Some(mut record) = get(change, user, device)? else { return Ok(()) };
    record.last_seen_at = Some(at);
    record.last_seen_ip = Some(ip);
    Ok(change.put(DEVICES, (user.as_str(), device.as_str()), &record)?)
}

/// Removes a device and ends its tokens, those that it may have asked for to log others in among them. Says whether
/// there was one.
///
/// # Errors
/// [`AccountError::Store`]
pub fn remove(change: &mut Change<'_>, user: &UserId, device: &DeviceId) -> Result<bool, AccountError> {
    sessions::end(change, user, device)?;
    login_tokens::end_all(change, user)?;
    Ok(change.delete(DEVICES, (user.as_str(), device.as_str()))?)
}

/// Removes all devices of a user but one, and returns those removed.
///
/// # Errors
/// [`AccountError::Store`]
pub fn remove_all(
    change: &mut Change<'_>,
    user: &UserId,
    except: Option<&DeviceId>,
) -> Result<Vec<OwnedDeviceId>, AccountError> {
    // Also where there is no other device: a login token would make one.
    login_tokens::end_all(change, user)?;
    let mut removed = Vec::new();
    for (device, _) in all(change, user)? {
        if Some(&*device) != except {
            remove(change, user, &device)?;
            removed.push(device);
        }
    }
    Ok(removed)
}
