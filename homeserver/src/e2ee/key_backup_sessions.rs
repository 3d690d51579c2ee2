//! The sessions in a key backup.
//! <https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups>

use super::{E2eeError, check_name, key_backup};
use hearth_store::{
    Change, Read,
    tables::{KEY_BACKUP_SESSIONS, KEY_BACKUPS},
};
use ruma::{RoomId, UserId};
use serde::Deserialize;
use std::cmp::Reverse;

/// Largest JSON of a session; real ones have less than 1 KiB.
pub const SESSION_BYTES: usize = 65_536;

/// How good a backed-up key is; the better one is kept.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Quality {
    first_message_index: u64,
    forwarded_count: u64,
    is_verified: bool,
}

impl Quality {
    /// Verified before unverified, then the lower index, then the fewer hands that it went through.
    fn is_better_than(self, other: Self) -> bool {
        let rank = |quality: Self| {
            (quality.is_verified, Reverse(quality.first_message_index), Reverse(quality.forwarded_count))
        };
        rank(self) > rank(other)
    }
}

/// A session to be backed up, looked through.
#[derive(Debug, Clone)]
pub struct BackedUpSession {
    room: String,
    session: String,
    quality: Quality,
    json: String,
}

impl BackedUpSession {
    /// Looks a session through.
    ///
    /// # Errors
    /// [`E2eeError::Invalid`], [`E2eeError::TooLarge`]
    pub fn parse(room: &RoomId, session: &str, json: &str) -> Result<Self, E2eeError> {
        #[derive(Deserialize)]
        struct Form {
            #[serde(flatten)]
            quality: Quality,
            #[serde(rename = "session_data")]
            _session_data: serde_json::Map<String, serde_json::Value>,
        }
        check_name("a session", session)?;
        if json.len() > SESSION_BYTES {
            return Err(E2eeError::TooLarge(format!("A session is larger than {SESSION_BYTES} bytes.")));
        }
        let form: Form = serde_json::from_str(json)
            .map_err(|error| E2eeError::Invalid(format!("That is not a backed-up session: {error}")))?;
        Ok(Self { room: room.to_string(), session: session.to_owned(), quality: form.quality, json: json.to_owned() })
    }
}

/// Which sessions of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those of a room.
    Room(String),
    /// One of a room.
    One(String, String),
}

/// How a version stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Another number after every change.
    pub etag: u64,
    /// Sessions held.
    pub count: u64,
}

/// Stores sessions in the current version; of two for one session the better is kept.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`], [`E2eeError::WrongBackupVersion`]
pub fn store(
    change: &mut Change<'_>,
    user: &UserId,
    version: u64,
    sessions: Vec<BackedUpSession>,
) -> Result<Standing, E2eeError> {
    let mut record = key_backup::get(change, user, version)?;
    let (current, _) = key_backup::current(change, user)?;
    if current != version {
        return Err(E2eeError::WrongBackupVersion { current: current.to_string() });
    }
    let mut changed = false;
    for BackedUpSession { room, session, quality, json } in sessions {
        let row = (user.as_str(), version, &*room, &*session);
        match change.get(KEY_BACKUP_SESSIONS, row)? {
            Some(old) if !quality.is_better_than(serde_json::from_str(&old)?) => continue,
            Some(_) => {}
            None => record.count += 1,
        }
        change.put(KEY_BACKUP_SESSIONS, row, &json)?;
        changed = true;
    }
    if changed {
        record.etag += 1;
        change.put(KEY_BACKUPS, (user.as_str(), version), &record)?;
    }
    Ok(Standing { etag: record.etag, count: record.count })
}

/// Calls `visit` with each session of all rooms or of one: room, session, JSON.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`]
pub fn for_each(
    read: &impl Read,
    user: &UserId,
    version: u64,
    room: Option<&RoomId>,
    mut visit: impl FnMut(String, String, String),
) -> Result<(), E2eeError> {
    key_backup::get(read, user, version)?;
    let rows = match room {
        None => read.prefix(KEY_BACKUP_SESSIONS, (user.as_str(), version))?,
        Some(room) => read.prefix(KEY_BACKUP_SESSIONS, (user.as_str(), version, room.as_str()))?,
    };
    for row in rows {
        let ((_, _, room, session), json) = row?;
        visit(room, session, json);
    }
    Ok(())
}

/// One session, JSON.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`], [`E2eeError::NoSuchSession`]
pub fn get(read: &impl Read, user: &UserId, version: u64, room: &RoomId, session: &str) -> Result<String, E2eeError> {
    key_backup::get(read, user, version)?;
    read.get(KEY_BACKUP_SESSIONS, (user.as_str(), version, room.as_str(), session))?.ok_or(E2eeError::NoSuchSession)
}

/// Deletes sessions. That there are none is no error.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`]
pub fn delete(change: &mut Change<'_>, user: &UserId, version: u64, which: &Which) -> Result<Standing, E2eeError> {
    let mut record = key_backup::get(change, user, version)?;
    let key = (user.as_str(), version);
    let deleted = match which {
        Which::All => change.delete_prefix(KEY_BACKUP_SESSIONS, key)?,
        Which::Room(room) => change.delete_prefix(KEY_BACKUP_SESSIONS, (key.0, key.1, &**room))?,
        Which::One(room, session) => {
            u64::from(change.delete(KEY_BACKUP_SESSIONS, (key.0, key.1, &**room, &**session))?)
        }
    };
    if deleted > 0 {
        record.count = record.count.saturating_sub(deleted);
        record.etag += 1;
        change.put(KEY_BACKUPS, key, &record)?;
    }
    Ok(Standing { etag: record.etag, count: record.count })
}
