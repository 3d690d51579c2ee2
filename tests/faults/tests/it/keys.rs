//! One-time keys, deterministically: each is used by one peer only, or the two share a secret that is none.

use hearth_test_faults::{one_time_keys, upload_device_keys};
use hearth_test_support::{Account, Homeserver, Options};
use serde_json::{Value, json};
use tokio::task::block_in_place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claimed_key_stays_claimed_when_the_server_is_killed_right_after() {
    let mut server = Homeserver::start(Options::default());
    let (alice, bob) = two_people(&server).await;
    upload(&alice, 0, 2).await;
    let first = claim(&bob, &alice).await;
    block_in_place(|| server.kill9());
    block_in_place(|| server.restart());
    let second = claim(&bob, &alice).await;
    assert_ne!(first, second, "a key that had been given out was given out again after the kill");
    assert_eq!(claim(&bob, &alice).await, Value::Null, "two keys were uploaded and a third was given out");
}

/// An app whose upload was cut off repeats it with the same keys. One of them may have been claimed in the meantime.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_uploaded_again_after_its_claim_is_not_given_out_again() {
    let mut server = Homeserver::start(Options::default());
    let (alice, bob) = two_people(&server).await;
    upload(&alice, 0, 1).await;
    let claimed = claim(&bob, &alice).await;
    assert_ne!(claimed, Value::Null, "a key was uploaded and none is given out");
    block_in_place(|| server.kill9());
    block_in_place(|| server.restart());
    upload(&alice, 0, 1).await;
    assert_eq!(
        claim(&bob, &alice).await,
        Value::Null,
        "the app repeated an upload, and the server gives the key out that it had given out before"
    );
}

async fn two_people(server: &Homeserver) -> (Account, Account) {
    let alice = Account::sign_up(&server.target(), "alice").await.expect("alice can sign up");
    let bob = Account::sign_up(&server.target(), "bob").await.expect("bob can sign up");
    upload_device_keys(&alice).await.expect("device keys can be uploaded");
    (alice, bob)
}

async fn upload(account: &Account, first: usize, count: usize) {
    let body = json!({ "one_time_keys": one_time_keys(account, first, count) });
    account.http.post(&["keys", "upload"], &body).await.expect("one-time keys can be uploaded");
}

/// The key that `account` is given of `owner`'s device, by id, or null if there is none left.
async fn claim(account: &Account, owner: &Account) -> Value {
    let body = json!({ "one_time_keys": { &owner.user_id: { &owner.device_id: "signed_curve25519" } } });
    let answer = account.http.post(&["keys", "claim"], &body).await.expect("keys can be claimed");
    answer["one_time_keys"][&owner.user_id][&owner.device_id].clone()
}
