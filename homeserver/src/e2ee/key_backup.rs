//! Versions of a user's key backup.
//! <https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups>

use super::{E2eeError, NAME_BYTES};
use hearth_store::{
    Change, Read,
    records::KeyBackupRecord,
    tables::{KEY_BACKUP_SESSIONS, KEY_BACKUPS, restored_to},
};
use ruma::UserId;

/// Largest JSON of an algorithm's data; it holds a public key and signatures.
pub const AUTH_DATA_BYTES: usize = 65_536;

/// What a client says of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The algorithm's name.
    pub algorithm: String,
    /// The algorithm's data, a JSON object.
    pub auth_data: String,
}

impl Description {
    fn check(&self) -> Result<(), E2eeError> {
        if self.algorithm.is_empty() || self.algorithm.len() > NAME_BYTES {
            return Err(E2eeError::Invalid("The algorithm has no name.".to_owned()));
        }
        if !self.auth_data.starts_with('{') {
            return Err(E2eeError::Invalid("`auth_data` must be an object.".to_owned()));
        }
        if self.auth_data.len() > AUTH_DATA_BYTES {
            return Err(E2eeError::TooLarge(format!("`auth_data` is larger than {AUTH_DATA_BYTES} bytes.")));
        }
        Ok(())
    }
}

/// The number of a version as clients write it. Others are of no backup.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`]
pub fn number(version: &str) -> Result<u64, E2eeError> {
    version.parse().ok().filter(|number: &u64| number.to_string() == version).ok_or(E2eeError::NoSuchBackup)
}

/// Makes a new version, with a number that the user has never had.
///
/// # Errors
/// [`E2eeError::Invalid`], [`E2eeError::TooLarge`]
pub fn create(change: &mut Change<'_>, user: &UserId, description: &Description) -> Result<u64, E2eeError> {
    description.check()?;
    let last = change.last(KEY_BACKUPS, (user.as_str(),))?.map_or(0, |((_, version), _)| version);
    // After a restore a client may hold a version that was made in what was lost, and would write to this one.
    let version = last.max(restored_to(change)?.0) + 1;
    let record = KeyBackupRecord {
        algorithm: description.algorithm.clone(),
        auth_data: description.auth_data.clone(),
        etag: 0,
        count: 0,
        deleted: false,
    };
    change.put(KEY_BACKUPS, (user.as_str(), version), &record)?;
    Ok(version)
}

/// The newest version that is not deleted.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`]
pub fn current(read: &impl Read, user: &UserId) -> Result<(u64, KeyBackupRecord), E2eeError> {
    for row in read.prefix(KEY_BACKUPS, (user.as_str(),))?.rev() {
        let ((_, version), record) = row?;
        if !record.deleted {
            return Ok((version, record));
        }
    }
    Err(E2eeError::NoSuchBackup)
}

/// One version.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`]
pub fn get(read: &impl Read, user: &UserId, version: u64) -> Result<KeyBackupRecord, E2eeError> {
    let record = read.get(KEY_BACKUPS, (user.as_str(), version))?;
    record.filter(|record| !record.deleted).ok_or(E2eeError::NoSuchBackup)
}

/// Changes the algorithm's data of a version.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`]; [`E2eeError::Invalid`] for another algorithm.
pub fn update(
    change: &mut Change<'_>,
    user: &UserId,
    version: u64,
    description: &Description,
) -> Result<(), E2eeError> {
    description.check()?;
    let mut record = get(change, user, version)?;
    if record.algorithm != description.algorithm {
        return Err(E2eeError::Invalid("The algorithm of a backup can't be changed.".to_owned()));
    }
    record.auth_data.clone_from(&description.auth_data);
    Ok(change.put(KEY_BACKUPS, (user.as_str(), version), &record)?)
}

/// Deletes a version with its sessions. A version deleted before is no error.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`] for a version that never was.
pub fn delete(change: &mut Change<'_>, user: &UserId, version: u64) -> Result<(), E2eeError> {
    let row = (user.as_str(), version);
    let mut record = change.get(KEY_BACKUPS, row)?.ok_or(E2eeError::NoSuchBackup)?;
    if record.deleted {
        return Ok(());
    }
    change.delete_prefix(KEY_BACKUP_SESSIONS, row)?;
    record.deleted = true;
    record.count = 0;
    record.auth_data.clear();
    Ok(change.put(KEY_BACKUPS, row, &record)?)
}
