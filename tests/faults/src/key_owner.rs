//! A device that keeps one-time keys in stock at the server.

use std::time::Duration;

use hearth_test_support::{Account, CallError};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::{crowd::Enough, insist::insist};

/// The algorithm that every client uses.
pub const ALGORITHM: &str = "signed_curve25519";

/// Keys uploaded at once.
const BATCH: usize = 10;

/// With this many keys in stock an app uploads no more. Small, so that the stock often runs dry and each key is claimed
/// soon after it came.
const STOCK: u64 = 40;

/// What the server has promised a device about its keys.
pub struct Stock {
    /// The device's account.
    pub account: Account,
    /// Ids of the keys whose upload was acknowledged, such as `signed_curve25519:A000007`.
    pub uploaded: Vec<String>,
}

/// Keeps keys in stock. An upload without an answer is repeated with the very same keys, for that is what apps do:
/// their cryptographic library holds a key as unpublished until the upload is acknowledged.
pub async fn keep_keys_in_stock(account: Account, enough: Enough) -> Stock {
    let mut stock = Stock { account, uploaded: Vec::new() };
    while !enough.is_reached() {
        let keys = one_time_keys(&stock.account, stock.uploaded.len(), BATCH);
        let ids: Vec<String> = keys.keys().cloned().collect();
        let body = json!({ "one_time_keys": keys });
        let (answer, _) =
            insist("an upload of one-time keys", || stock.account.http.post(&["keys", "upload"], &body)).await;
        stock.uploaded.extend(ids);
        let mut left = in_stock(&answer);
        while left > STOCK && !enough.is_reached() {
            sleep(Duration::from_millis(5)).await;
            let nothing = json!({});
            let ask = || stock.account.http.post(&["keys", "upload"], &nothing);
            left = in_stock(&insist("asking for the number of keys", ask).await.0);
        }
    }
    stock
}

fn in_stock(answer: &Value) -> u64 {
    answer["one_time_key_counts"][ALGORITHM].as_u64().unwrap_or(0)
}

/// Publishes the device's identity keys, without which nobody claims anything from it.
pub async fn upload_device_keys(account: &Account) -> Result<(), CallError> {
    let Account { user_id, device_id, .. } = account;
    let keys = json!({ "device_keys": {
        "user_id": user_id,
        "device_id": device_id,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": {
            format!("curve25519:{device_id}"): base64_of(device_id, 43),
            format!("ed25519:{device_id}"): base64_of(device_id, 43),
        },
        "signatures": { user_id: { format!("ed25519:{device_id}"): base64_of(device_id, 86) } },
    }});
    account.http.post(&["keys", "upload"], &keys).await.map(drop)
}

/// `count` signed one-time keys by id, numbered from `first`. The same number always makes the same key.
pub fn one_time_keys(account: &Account, first: usize, count: usize) -> Map<String, Value> {
    let Account { user_id, device_id, .. } = account;
    (first..first + count)
        .map(|number| {
            let id = format!("{ALGORITHM}:A{number:06}");
            let signature = json!({ user_id: { format!("ed25519:{device_id}"): base64_of(&id, 86) } });
            (id.clone(), json!({ "key": base64_of(&id, 43), "signatures": signature }))
        })
        .collect()
}

/// Text that looks like unpadded base64 of the given length: servers store keys, they don't compute with them.
fn base64_of(seed: &str, length: usize) -> String {
    seed.chars().filter(char::is_ascii_alphanumeric).cycle().take(length - 1).chain(['A']).collect()
}
