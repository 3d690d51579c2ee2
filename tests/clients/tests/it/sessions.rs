//! Being signed in: refresh, logout, and who is not let in.

use hearth_test_clients::{House, encrypted_room_of};
use hearth_test_support::{Account, CallError, Http, Target};
use matrix_sdk::Client;
use serde_json::json;

#[tokio::test]
async fn nobody_signs_up_with_a_wrong_token() {
    let house = House::open();
    let wrong = Target { url: house.url().to_owned(), token: "let-me-in".to_owned() };
    let refused = Account::sign_up(&wrong, "mallory").await.err().expect("a wrong registration token was accepted");
    assert_eq!(refused.status(), 401, "a wrong registration token must be answered with 401: {refused}");
}

#[tokio::test]
async fn nobody_logs_in_with_a_wrong_password() {
    let house = House::open();
    let alice = house.sign_up("alice").await;
    let stranger = house.client().await;
    let error = stranger
        .matrix_auth()
        .login_username(alice.user_id(), "guess")
        .send()
        .await
        .expect_err("a wrong password was accepted");
    assert_eq!(
        error.client_api_error_kind().map(|kind| kind.errcode().to_string()).as_deref(),
        Some("M_FORBIDDEN"),
        "{error}"
    );
}

#[tokio::test]
async fn a_session_goes_on_by_its_refresh_token() {
    let house = House::open();
    let alice = house.sign_up("alice").await;
    let phone = house.client().await;
    phone
        .matrix_auth()
        .login_username(alice.user_id(), alice.password())
        .request_refresh_token()
        .send()
        .await
        .expect("alice can log in");
    let before = phone.session_tokens().expect("phone is signed in");
    assert!(before.refresh_token.is_some(), "a refresh token was asked for and none was given");

    phone.refresh_access_token().await.expect("the refresh token is good");
    let after = phone.session_tokens().expect("phone is still signed in");
    assert_ne!(before.access_token, after.access_token, "refreshing must give a new access token");
    assert_eq!(phone.whoami().await.expect("the new token is good").user_id, alice.user_id());
    phone.refresh_access_token().await.expect("a session can be refreshed again");
    assert_eq!(phone.whoami().await.expect("the newest token is good").user_id, alice.user_id());
}

/// An app that never got the answer asks again with the token that it has; once it has used the new ones, whoever still
/// has the old one must get nowhere with it.
#[tokio::test]
async fn a_refresh_can_be_repeated_until_its_answer_was_used() {
    let house = House::open();
    let alice = Account::sign_up(house.target(), "alice").await.expect("alice can sign up");
    let http = Http::new(house.url());
    let log_in = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": alice.user_id },
        "password": alice.password,
        "refresh_token": true,
    });
    let session = http.post(&["login"], &log_in).await.expect("alice can log in");
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    http.post(&["refresh"], &refresh).await.expect("the refresh token is good");
    let again = http.post(&["refresh"], &refresh).await.expect("nothing new was used yet, so it is still good");

    let access_token = again["access_token"].as_str().expect("refreshing gives an access token");
    http.with_token(access_token).get(&["account", "whoami"], &[]).await.expect("the new token is good");
    let refused = http.post(&["refresh"], &refresh).await.expect_err("an old refresh token was accepted");
    assert!(matches!(refused.status(), 401 | 403), "{refused}");
}

#[tokio::test]
async fn who_logs_out_is_gone_for_everybody() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let tablet = house.log_in_again(&alice, "alice's tablet").await;
    encrypted_room_of(&alice, &[&bob]).await;
    let gone = tablet.client().device_id().expect("tablet is signed in").to_owned();
    let token = tablet.client().access_token().expect("tablet is signed in");
    let bob_sees_it = async |client: &Client| {
        let devices = client.encryption().get_user_devices(alice.user_id()).await.expect("the store answers");
        devices.get(&gone).is_some()
    };
    bob.until_true("alice's tablet among her devices", bob_sees_it).await;

    tablet.client().logout().await.expect("everybody may log out");
    refuses_token(&house, &token).await;
    let left = alice.client().devices().await.expect("one may list one's own devices").devices;
    assert!(left.iter().all(|device| device.device_id != gone), "the logged out device is still listed");
    bob.until_true("alice's tablet to be gone", async |client| !bob_sees_it(client).await).await;
}

async fn refuses_token(house: &House, token: &str) {
    let refused: CallError = Http::new(house.url())
        .with_token(token)
        .get(&["account", "whoami"], &[])
        .await
        .expect_err("a token that has ended was accepted");
    assert_eq!((refused.status(), refused.errcode()), (401, "M_UNKNOWN_TOKEN"), "{refused}");
}
