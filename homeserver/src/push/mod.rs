//! Push rules and what they make of an event.

pub mod evaluate;
pub mod rules;
pub mod unread;
mod words;

use crate::accounts::AccountError;
use hearth_store::{Read, StoreError};
use ruma::{UserId, push::Ruleset};

/// A user's push rules: as stored, or the default ones.
///
/// # Errors
/// Those of the store.
pub fn rules_of(read: &impl Read, user: &UserId) -> Result<Ruleset, StoreError> {
    match rules::get(read, user) {
        Ok(rules) => Ok(rules),
        Err(AccountError::Store(error)) => Err(error),
        // Rules that can't be read must not keep anybody from their messages.
        Err(_) => Ok(Ruleset::server_default(user)),
    }
}
