//! Account data: what clients keep for themselves on the server, for the account or for a room.
//! <https://spec.matrix.org/v1.19/client-server-api/#client-config>

use super::AccountError;
use hearth_store::{
    Change, Read,
    records::{AccountDataRecord, LogRecord, RoomAndType},
    tables::{ACCOUNT_DATA, ACCOUNT_DATA_LOG},
};
use ruma::UserId;

/// The room of data that belong to the account as a whole.
pub const GLOBAL: &str = "";
/// Greatest size of one datum. Clients keep secrets and lists here; media have a place of their own.
const LARGEST: usize = 512 * 1024;
/// Greatest size of all data of a user: a first sync holds them in memory, and once more as its answer.
const LARGEST_TOTAL: usize = 16 * 1024 * 1024;
/// What a datum counts for besides its content.
const OVERHEAD: usize = 256;
/// Longest name of a type, in bytes, as with events.
const LONGEST_TYPE: usize = 255;

/// The content of one datum, JSON.
///
/// # Errors
/// [`AccountError::Store`]
pub fn get(read: &impl Read, user: &UserId, room: &str, kind: &str) -> Result<Option<String>, AccountError> {
    Ok(read.get(ACCOUNT_DATA, (user.as_str(), room, kind))?.map(|record| record.content))
}

/// Sets one datum; `content` is a JSON object.
///
/// # Errors
/// [`AccountError::AccountDataTooLarge`]
pub fn set(
    change: &mut Change<'_>,
    user: &UserId,
    room: &str,
    kind: &str,
    content: String,
) -> Result<(), AccountError> {
    if content.len() > LARGEST || kind.len() > LONGEST_TYPE {
        return Err(AccountError::AccountDataTooLarge);
    }
    let before = change.get(ACCOUNT_DATA, (user.as_str(), room, kind))?;
    let size = |content: &str| content.len() + OVERHEAD;
    let grows = size(&content).saturating_sub(before.as_ref().map_or(0, |before| size(&before.content)));
    // What is written again and again, as the place up to which a room was read, keeps its size.
    if grows > 0 {
        let mut total = grows;
        for row in change.prefix(ACCOUNT_DATA, (user.as_str(),))? {
            total += size(&row?.1.content);
        }
        if total > LARGEST_TOTAL {
            return Err(AccountError::AccountDataTooLarge);
        }
    }
    if let Some(before) = before {
        if before.content == content {
            // Nothing for a sync to show.
            return Ok(());
        }
        change.delete(ACCOUNT_DATA_LOG, (user.as_str(), before.position))?;
    }
    let position = change.log(LogRecord::AccountData(user.to_string()))?;
    change.put(ACCOUNT_DATA, (user.as_str(), room, kind), &AccountDataRecord { position, content })?;
    let changed = RoomAndType(room.to_owned(), kind.to_owned());
    change.put(ACCOUNT_DATA_LOG, (user.as_str(), position), &changed)?;
    Ok(())
}
