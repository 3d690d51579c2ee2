//! Somebody who claims one-time keys of others, as an app does before it speaks to a device for the first time.

use std::time::Duration;

use hearth_test_support::{Account, CallError};
use serde_json::json;
use tokio::time::sleep;

use crate::{crowd::Enough, insist::insist, key_owner::ALGORITHM};

/// A device to claim from.
#[derive(Clone)]
pub struct Owner {
    /// Whose device it is.
    pub user_id: String,
    /// The device.
    pub device_id: String,
}

/// What one claimer was given.
#[derive(Default)]
pub struct Claims {
    /// (user id of the owner, id of the key), in the order they came.
    pub given: Vec<(String, String)>,
    /// Claims without an answer: each may have used up one key that nobody got to see.
    pub unknown: u64,
}

/// Claims from the owners in turn.
pub async fn claim_keys(account: Account, owners: Vec<Owner>, enough: Enough) -> Claims {
    let mut claims = Claims::default();
    for owner in owners.iter().cycle() {
        if enough.is_reached() {
            break;
        }
        let (given, unknown) = insist("a claim of a one-time key", || claim(&account, owner)).await;
        claims.unknown += unknown;
        match given {
            Some(key) => claims.given.push((owner.user_id.clone(), key)),
            None => sleep(Duration::from_millis(2)).await,
        }
    }
    claims
}

/// Claims one key; answers its id, or `None` if there is none left.
pub async fn claim(account: &Account, owner: &Owner) -> Result<Option<String>, CallError> {
    let Owner { user_id, device_id } = owner;
    let body = json!({ "one_time_keys": { user_id: { device_id: ALGORITHM } } });
    let answer = account.http.post(&["keys", "claim"], &body).await?;
    let given = answer["one_time_keys"][user_id][device_id].as_object();
    Ok(given.and_then(|keys| keys.keys().next().cloned()))
}
