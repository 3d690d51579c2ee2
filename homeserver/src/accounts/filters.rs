//! Filters that clients have stored.
//! <https://spec.matrix.org/v1.19/client-server-api/#filtering>

use super::AccountError;
use hearth_store::{
    Change, Read,
    tables::{FILTERS, restored_to},
};
use ruma::UserId;

/// Filters kept for a user; the oldest gives way. Clients store one or two and name them for ever.
const KEPT: usize = 100;

/// Stores a filter, JSON. One that is there already keeps its number.
///
/// # Errors
/// [`AccountError::Store`]
pub fn add(change: &mut Change<'_>, user: &UserId, filter: &str) -> Result<u64, AccountError> {
    let mut numbers = Vec::new();
    for row in change.prefix(FILTERS, (user.as_str(),))? {
        let ((_, number), stored) = row?;
        if stored == filter {
            return Ok(number);
        }
        numbers.push(number);
    }
    for oldest in numbers.iter().take((numbers.len() + 1).saturating_sub(KEPT)) {
        change.delete(FILTERS, (user.as_str(), *oldest))?;
    }
    // After a restore a client may hold a number that was given out in what was lost.
    let number = numbers.last().map_or(0, |last| last + 1).max(restored_to(change)?.0);
    change.put(FILTERS, (user.as_str(), number), &filter.to_owned())?;
    Ok(number)
}

/// A stored filter, JSON.
///
/// # Errors
/// [`AccountError::Store`]
pub fn get(read: &impl Read, user: &UserId, filter_id: &str) -> Result<Option<String>, AccountError> {
    match filter_id.parse::<u64>() {
        Ok(number) => Ok(read.get(FILTERS, (user.as_str(), number))?),
        Err(_) => Ok(None),
    }
}
