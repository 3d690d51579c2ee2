//! Push rules and what they make of an event.

pub mod evaluate;
pub mod rules;
pub mod unread;

use crate::accounts::account_data::GLOBAL;
use hearth_store::{Read, StoreError, tables};
use ruma::{UserId, push::Ruleset};
use serde::Deserialize;

/// A user's push rules: as stored, or the default ones.
///
/// # Errors
/// Those of the store.
pub fn rules_of(read: &impl Read, user: &UserId) -> Result<Ruleset, StoreError> {
    #[derive(Deserialize)]
    struct Content {
        global: Ruleset,
    }
    let stored = read.get(tables::ACCOUNT_DATA, (user.as_str(), GLOBAL, "m.push_rules"))?;
    Ok(stored
        .and_then(|record| serde_json::from_str::<Content>(&record.content).ok())
        .map_or_else(|| Ruleset::server_default(user), |content| content.global))
}
