//! Logging in and out, tokens, devices, user-interactive authentication, rate limits.

use crate::harness::{Client, START, Server, login_body, password};
use hearth_homeserver::accounts::{
    emails::{self, Confirmed},
    sessions::ACCESS_LIFETIME,
    users,
};
use hearth_store::Change;
use http::{Method, StatusCode};
use ruma::user_id;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

const LOGIN: &str = "/_matrix/client/v3/login";
const WHOAMI: &str = "/_matrix/client/v3/account/whoami";

#[tokio::test]
async fn a_user_logs_in_by_password_under_each_form_of_the_name() {
    let server = Server::new();
    server.user("alice").await;
    let anyone = server.anyone();
    let flows = anyone.get(LOGIN).await.ok()["flows"].clone();
    assert_eq!(flows, json!([{ "type": "m.login.password" }, { "type": "m.login.token", "get_login_token": true }]));
    for name in ["alice", "@alice:example.org", "Alice", "@ALICE:example.org"] {
        let mut body = login_body("alice");
        body["identifier"]["user"] = name.into();
        let answer = anyone.post(LOGIN, body).await.ok();
        assert_eq!(answer["user_id"], "@alice:example.org");
        assert_eq!(answer["well_known"]["m.homeserver"]["base_url"], "https://matrix.example.org");
    }
    let old = json!({ "type": "m.login.password", "user": "alice", "password": password("alice") });
    anyone.post(LOGIN, old).await.ok();
}

#[tokio::test]
async fn a_login_that_is_wrong_says_not_in_what() {
    let server = Server::new();
    server.user("alice").await;
    let anyone = server.anyone();
    let mut wrong = login_body("alice");
    wrong["password"] = "wrong".into();
    let password = anyone.post(LOGIN, wrong).await.error(403, "M_FORBIDDEN");
    let user = anyone.post(LOGIN, login_body("nobody")).await.error(403, "M_FORBIDDEN");
    assert_eq!(password, user);
    let mut elsewhere = login_body("alice");
    elsewhere["identifier"]["user"] = "@alice:other.org".into();
    anyone.post(LOGIN, elsewhere).await.error(403, "M_FORBIDDEN");
    let mail = json!({ "type": "m.id.thirdparty", "medium": "email", "address": "a@b.c" });
    let body = json!({ "type": "m.login.password", "identifier": mail, "password": "x" });
    anyone.post(LOGIN, body).await.error(403, "M_FORBIDDEN");

    anyone.post(LOGIN, json!({})).await.error(400, "M_BAD_JSON");
    anyone.post(LOGIN, json!({ "type": 5 })).await.error(400, "M_BAD_JSON");
    anyone.post(LOGIN, json!([])).await.error(400, "M_BAD_JSON");
    anyone.post(LOGIN, json!({ "type": "m.login.password", "password": "x" })).await.error(400, "M_MISSING_PARAM");
    anyone.post(LOGIN, json!({ "type": "m.login.magic" })).await.error(400, "M_UNKNOWN");
    let service = json!({ "type": "m.login.application_service", "identifier": { "type": "m.id.user", "user": "x" } });
    anyone.post(LOGIN, service).await.error(403, "M_FORBIDDEN");
    anyone.send(Method::POST, LOGIN, "{").await.error(400, "M_NOT_JSON");
    anyone.send(Method::POST, LOGIN, "").await.error(400, "M_NOT_JSON");
    let mut long = login_body("alice");
    long["device_id"] = "x".repeat(300).into();
    anyone.post(LOGIN, long).await.error(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn a_device_that_logs_in_again_keeps_its_name_and_loses_its_old_token() {
    let server = Server::new();
    server.user("alice").await;
    let mut body = login_body("alice");
    body["device_id"] = "PHONE".into();
    body["initial_device_display_name"] = "the phone".into();
    let first = server.client(&server.anyone().post(LOGIN, body.clone()).await.ok());
    body["initial_device_display_name"] = "other".into();
    let second = server.client(&server.anyone().post(LOGIN, body).await.ok());
    first.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    let device = second.get("/_matrix/client/v3/devices/PHONE").await.ok();
    assert_eq!(device["display_name"], "the phone");
}

#[tokio::test]
async fn tokens_are_looked_for_where_they_may_be_and_only_good_ones_pass() {
    let server = Server::new();
    let mut alice = server.user("alice").await;
    let token = alice.token.take().unwrap();
    alice.get(WHOAMI).await.error(401, "M_MISSING_TOKEN");
    alice.get(&format!("{WHOAMI}?access_token={token}")).await.ok();
    for wrong in ["", "x", "hrt_x", &format!("{token}x")] {
        alice.token = Some(wrong.to_owned());
        let answer = alice.get(WHOAMI).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let answer = alice.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    assert_ne!(answer["soft_logout"], true);
}

#[tokio::test]
async fn a_client_logs_out_and_its_token_ends() {
    let server = Server::new();
    let (one, two, three) = (server.user("alice").await, server.login("alice").await, server.login("alice").await);
    let bob = server.user("bob").await;
    one.post("/_matrix/client/v3/logout", json!({})).await.ok();
    one.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    two.get(WHOAMI).await.ok();
    let devices = two.get("/_matrix/client/v3/devices").await.ok();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2);
    two.send(Method::POST, "/_matrix/client/v3/logout/all", "").await.ok();
    two.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    three.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    bob.get(WHOAMI).await.ok();
}

async fn refreshable(server: &Server) -> Value {
    let mut body = login_body("alice");
    body["refresh_token"] = true.into();
    body["device_id"] = "PHONE".into();
    server.anyone().post(LOGIN, body).await.ok()
}

async fn refresh(server: &Server, login: &Value) -> crate::harness::Answer {
    server.anyone().post("/_matrix/client/v3/refresh", json!({ "refresh_token": login["refresh_token"] })).await
}

fn with<'a>(client: &Client<'a>, login: &Value) -> Client<'a> {
    Client { token: Some(login["access_token"].as_str().unwrap().to_owned()), ..client.clone() }
}

#[tokio::test]
async fn an_access_token_ends_softly_and_is_refreshed() {
    let server = Server::new();
    server.user("alice").await;
    let login = refreshable(&server).await;
    assert_eq!(login["expires_in_ms"], 3_600_000);
    let old = server.client(&login);
    old.get(WHOAMI).await.ok();
    server.pass(u64::try_from(ACCESS_LIFETIME.as_millis()).unwrap());
    assert_eq!(old.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN")["soft_logout"], true);

    let next = refresh(&server, &login).await.ok();
    assert!(next["refresh_token"].as_str().unwrap().starts_with("hrr_"));
    let new = with(&old, &next);
    assert_eq!(new.get(WHOAMI).await.ok()["device_id"], "PHONE");
    // In use, so what came before is over for good.
    refresh(&server, &login).await.error(401, "M_UNKNOWN_TOKEN");
    assert_ne!(old.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN")["soft_logout"], true);
    // And after a restart, too.
    let server = server.restart();
    refresh(&server, &login).await.error(401, "M_UNKNOWN_TOKEN");
    refresh(&server, &next).await.ok();
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_can_be_asked_again() {
    let server = Server::new();
    server.user("alice").await;
    let login = refreshable(&server).await;
    let client = server.client(&login);
    let lost = refresh(&server, &login).await.ok();
    client.get(WHOAMI).await.ok();
    let next = refresh(&server, &login).await.ok();
    // The new refresh token is used before the new access token: that ends the old ones as well.
    let after = refresh(&server, &next).await.ok();
    refresh(&server, &login).await.error(401, "M_UNKNOWN_TOKEN");
    client.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    // And the pair whose answer was lost, which whoever found it could have gone on with for ever.
    with(&client, &lost).get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    refresh(&server, &lost).await.error(401, "M_UNKNOWN_TOKEN");
    with(&client, &after).get(WHOAMI).await.ok();
    // A device's logout ends every one of them.
    with(&client, &after).post("/_matrix/client/v3/logout", json!({})).await.ok();
    for login in [&login, &lost, &next, &after] {
        refresh(&server, login).await.error(401, "M_UNKNOWN_TOKEN");
        with(&client, login).get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    }
}

#[tokio::test]
async fn the_first_use_of_a_pair_ends_all_others_of_the_same_refresh_token() {
    use hearth_store::{Read as _, tables::DEVICE_TOKENS};
    let server = Server::new();
    server.user("alice").await;
    let login = refreshable(&server).await;
    let client = server.client(&login);
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(refresh(&server, &login).await.ok());
    }
    // Here by the access token; above by the refresh token.
    with(&client, &pairs[1]).get(WHOAMI).await.ok();
    for abandoned in [&pairs[0], &pairs[2]] {
        with(&client, abandoned).get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
        refresh(&server, abandoned).await.error(401, "M_UNKNOWN_TOKEN");
    }
    let snapshot = server.app.store.snapshot().unwrap();
    assert_eq!(snapshot.prefix(DEVICE_TOKENS, ("@alice:example.org", "PHONE")).unwrap().count(), 2);
    refresh(&server, &pairs[1]).await.ok();
}

#[tokio::test]
async fn a_client_that_refreshes_in_a_loop_does_not_fill_the_disk() {
    use hearth_store::{Read as _, tables::DEVICE_TOKENS};
    let server = Server::new();
    server.user("alice").await;
    let login = refreshable(&server).await;
    for _ in 0..20 {
        server.pass(1000);
        refresh(&server, &login).await.ok();
    }
    let snapshot = server.app.store.snapshot().unwrap();
    let tokens = snapshot.prefix(DEVICE_TOKENS, ("@alice:example.org", "PHONE")).unwrap().count();
    assert_eq!(tokens, 2 + 2 * 4);
    // The newest is among those kept.
    let next = refresh(&server, &login).await.ok();
    with(&server.anyone(), &next).get(WHOAMI).await.ok();
}

/// An access token that ends after an hour was never an hour old, which is when its use would have been stored.
#[tokio::test]
async fn the_last_use_of_a_device_that_refreshes_outlives_a_restart() {
    let server = Server::new();
    server.user("alice").await;
    let mut login = refreshable(&server).await;
    let hour = u64::try_from(ACCESS_LIFETIME.as_millis()).unwrap();
    for _ in 0..3 {
        server.pass(hour);
        login = refresh(&server, &login).await.ok();
        with(&server.anyone(), &login).get(WHOAMI).await.ok();
    }
    let server = server.restart();
    let other = server.login("alice").await;
    let phone = other.get("/_matrix/client/v3/devices/PHONE").await.ok();
    assert_eq!((&phone["last_seen_ts"], &phone["last_seen_ip"]), (&json!(START + 3 * hour), &json!("127.0.0.1")));
}

#[tokio::test]
async fn a_login_token_logs_in_once_and_soon() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let path = "/_matrix/client/v1/login/get_token";
    let issued = alice.prove(Method::POST, path, json!({}), "alice").await.ok();
    assert_eq!(issued["expires_in_ms"], 120_000);
    let body = json!({ "type": "m.login.token", "token": issued["login_token"] });
    assert_eq!(server.anyone().post(LOGIN, body.clone()).await.ok()["user_id"], alice.user);
    server.anyone().post(LOGIN, body).await.error(403, "M_FORBIDDEN");
    let issued = alice.prove(Method::POST, path, json!({}), "alice").await.ok();
    server.pass(120_000);
    let body = json!({ "type": "m.login.token", "token": issued["login_token"] });
    server.anyone().post(LOGIN, body).await.error(403, "M_FORBIDDEN");
}

/// Who had a minute at somebody's open client could log in after a new password and a logout from everywhere.
#[tokio::test]
async fn a_login_token_ends_with_the_password_and_with_the_devices() {
    let server = Server::new();
    let get_token = "/_matrix/client/v1/login/get_token";
    let body = |issued: &Value| json!({ "type": "m.login.token", "token": issued["login_token"] });
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let of_bob = bob.prove(Method::POST, get_token, json!({}), "bob").await.ok();

    let second = server.login("alice").await;
    let issued = second.prove(Method::POST, get_token, json!({}), "alice").await.ok();
    // The same password anew, and the devices stay.
    let new = json!({ "new_password": password("alice"), "logout_devices": false });
    alice.prove(Method::POST, "/_matrix/client/v3/account/password", new, "alice").await.ok();
    second.get(WHOAMI).await.ok();
    server.anyone().post(LOGIN, body(&issued)).await.error(403, "M_FORBIDDEN");

    let issued = second.prove(Method::POST, get_token, json!({}), "alice").await.ok();
    second.post("/_matrix/client/v3/logout", json!({})).await.ok();
    server.anyone().post(LOGIN, body(&issued)).await.error(403, "M_FORBIDDEN");

    let issued = alice.prove(Method::POST, get_token, json!({}), "alice").await.ok();
    alice.post("/_matrix/client/v3/logout/all", json!({})).await.ok();
    server.anyone().post(LOGIN, body(&issued)).await.error(403, "M_FORBIDDEN");
    // Nobody else's.
    assert_eq!(server.anyone().post(LOGIN, body(&of_bob)).await.ok()["user_id"], bob.user);
}

#[tokio::test]
async fn a_device_is_deleted_only_with_the_password() {
    let server = Server::new();
    let (one, two) = (server.user("alice").await, server.login("alice").await);
    let bob = server.user("bob").await;
    let path = format!("/_matrix/client/v3/devices/{}", two.device);
    let asked = one.delete(&path, json!({})).await.status(StatusCode::UNAUTHORIZED);
    assert_eq!(asked["flows"], json!([{ "stages": ["m.login.password"] }]));
    let auth = |name: &str, secret: &str| {
        json!({ "auth": {
            "type": "m.login.password", "identifier": { "type": "m.id.user", "user": name },
            "password": secret, "session": asked["session"],
        } })
    };
    let wrong = one.delete(&path, auth("alice", "wrong")).await.error(401, "M_FORBIDDEN");
    assert_eq!(wrong["session"], asked["session"]);
    // Bob's password is right, and nothing to do with Alice.
    one.delete(&path, auth("bob", &password("bob"))).await.error(401, "M_FORBIDDEN");
    one.delete(&path, json!({ "auth": { "type": "m.login.dummy" } })).await.error(401, "M_UNRECOGNIZED");
    one.delete(&path, json!({ "auth": { "session": asked["session"] } })).await.status(StatusCode::UNAUTHORIZED);
    one.send(Method::DELETE, &path, "").await.status(StatusCode::UNAUTHORIZED);
    two.get(WHOAMI).await.ok();
    one.delete(&path, auth("alice", &password("alice"))).await.ok();
    two.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    // The proof is used up, and was for that device alone.
    let again = one.delete(&path, json!({ "auth": { "session": asked["session"] } })).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    bob.get(WHOAMI).await.ok();
    // A device that is no more is deleted as well as can be.
    one.prove(Method::DELETE, &path, json!({}), "alice").await.ok();
}

#[tokio::test]
async fn devices_are_listed_renamed_and_deleted_together() {
    let server = Server::new();
    let (one, two, three) = (server.user("alice").await, server.login("alice").await, server.login("alice").await);
    server.pass(5000);
    two.get(WHOAMI).await.ok();
    let path = format!("/_matrix/client/v3/devices/{}", two.device);
    one.put(&path, json!({ "display_name": "laptop" })).await.ok();
    let device = one.get(&path).await.ok();
    assert_eq!(device["display_name"], "laptop");
    assert_eq!(device["last_seen_ts"], crate::harness::START + 5000);
    assert_eq!(device["last_seen_ip"], "127.0.0.1");
    one.put(&path, json!({})).await.ok();
    one.put(&path, json!({ "display_name": "x".repeat(300) })).await.error(400, "M_INVALID_PARAM");
    one.put("/_matrix/client/v3/devices/NONE", json!({ "display_name": "x" })).await.error(404, "M_NOT_FOUND");
    one.put("/_matrix/client/v3/devices/NONE", json!({})).await.error(404, "M_NOT_FOUND");
    one.get("/_matrix/client/v3/devices/NONE").await.error(404, "M_NOT_FOUND");
    server.user("bob").await.get(&path).await.error(404, "M_NOT_FOUND");

    let body = json!({ "devices": [two.device, three.device, "NONE"] });
    one.prove(Method::POST, "/_matrix/client/v3/delete_devices", body, "alice").await.ok();
    let left = one.get("/_matrix/client/v3/devices").await.ok();
    assert_eq!(left["devices"].as_array().unwrap().len(), 1);
    three.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
}

#[tokio::test]
async fn a_new_password_logs_the_other_devices_out_unless_told_not_to() {
    let server = Server::new();
    let (one, two) = (server.user("alice").await, server.login("alice").await);
    let path = "/_matrix/client/v3/account/password";
    server.anyone().post(path, json!({ "new_password": "x" })).await.error(401, "M_MISSING_TOKEN");
    let body = json!({ "new_password": "password of other", "logout_devices": false });
    one.prove(Method::POST, path, body, "alice").await.ok();
    two.get(WHOAMI).await.ok();
    server.anyone().post(LOGIN, login_body("alice")).await.error(403, "M_FORBIDDEN");

    // Back to the password that the harness knows; a proof is for one new password only.
    let auth = |session: &Value| {
        json!({
            "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" },
            "password": "password of other", "session": session,
        })
    };
    let asked = one.post(path, json!({ "new_password": "another one" })).await.status(StatusCode::UNAUTHORIZED);
    let body = json!({ "new_password": password("alice"), "auth": { "session": asked["session"] } });
    let asked = one.post(path, body).await.status(StatusCode::UNAUTHORIZED);
    one.post(path, json!({ "new_password": password("alice"), "auth": auth(&asked["session"]) })).await.ok();
    one.get(WHOAMI).await.ok();
    two.get(WHOAMI).await.error(401, "M_UNKNOWN_TOKEN");
    server.login("alice").await;
    // What can be no password is said before the old one is asked for.
    one.post(path, json!({ "new_password": "" })).await.error(400, "M_WEAK_PASSWORD");
    one.post(path, json!({ "new_password": "x".repeat(600) })).await.error(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn wrong_passwords_are_limited_for_the_user_and_the_address() {
    let server = Server::with(|config| config.rate_limits = true);
    server.user("alice").await;
    let mut anyone = server.anyone();
    let mut wrong = login_body("alice");
    wrong["password"] = "wrong".into();
    for _ in 0..5 {
        anyone.post(LOGIN, wrong.clone()).await.error(403, "M_FORBIDDEN");
    }
    let refused = anyone.post(LOGIN, login_body("alice")).await;
    let seconds: u64 = refused.headers.get("retry-after").unwrap().to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds));
    refused.error(429, "M_LIMIT_EXCEEDED");
    // Somebody else's guesses don't lock Alice out elsewhere.
    anyone.ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    anyone.post(LOGIN, login_body("alice")).await.ok();
    server.pass(30_000);
    server.login("alice").await;
}

/// Each was let through because none of the others had been found wrong yet.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_made_at_the_same_time_are_counted_like_any_others() {
    let server = Server::with(|config| config.rate_limits = true);
    server.user("alice").await;
    let guess = async |n: u32| {
        let mut wrong = login_body("alice");
        wrong["password"] = format!("guess {n}").into();
        server.anyone().post(LOGIN, wrong).await.status.as_u16()
    };
    let answers = tokio::join!(
        guess(0),
        guess(1),
        guess(2),
        guess(3),
        guess(4),
        guess(5),
        guess(6),
        guess(7),
        guess(8),
        guess(9)
    );
    let answers: [u16; 10] = answers.into();
    assert_eq!(answers.iter().filter(|status| **status == 403).count(), 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 5, "{answers:?}");
}

/// Guesses at an address that has an account were counted under the user, and guesses at another as it was written.
#[tokio::test]
async fn how_guesses_are_counted_says_not_whose_mail_address_has_an_account() {
    let server = Server::with(|config| config.rate_limits = true);
    server.user("alice").await;
    let email = Confirmed { canonical: "alice@x.y".to_owned(), written: "alice@x.y".to_owned(), validated_at: START };
    let add = move |change: &mut Change<'_>| emails::add(change, user_id!("@alice:example.org"), &email, START);
    server.app.store.change(add).await.unwrap();
    let guess = async |identifier: Value| {
        let body = json!({ "type": "m.login.password", "identifier": identifier, "password": "wrong" });
        server.anyone().post(LOGIN, body).await.status.as_u16()
    };
    for name in ["alice", "nobody"] {
        let mut answers = Vec::new();
        for domain in ["x.y", "X.y", "x.Y", "X.Y", "x.y", "X.y"] {
            let address = format!("{name}@{domain}");
            answers.push(guess(json!({ "type": "m.id.thirdparty", "medium": "email", "address": address })).await);
        }
        assert_eq!(answers, [403, 403, 403, 403, 403, 429], "{name}");
        assert_eq!(guess(json!({ "type": "m.id.user", "user": name })).await, 403, "{name}");
    }
    // A name is one name in all its forms as well.
    for name in ["alice", "nobody"] {
        let mut answers = Vec::new();
        for form in
            [name.to_owned(), format!("@{name}:example.org"), name.to_uppercase(), name.to_owned(), name.to_owned()]
        {
            answers.push(guess(json!({ "type": "m.id.user", "user": form })).await);
        }
        assert_eq!(answers, [403, 403, 403, 403, 429], "{name}");
    }
}

#[tokio::test]
async fn a_crowd_of_logins_from_one_address_is_slowed_down() {
    let server = Server::with(|config| config.rate_limits = true);
    let anyone = server.anyone();
    let body = json!({ "type": "m.login.token", "token": "x" });
    for _ in 0..30 {
        anyone.post(LOGIN, body.clone()).await.error(403, "M_FORBIDDEN");
    }
    anyone.post(LOGIN, body).await.error(429, "M_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn a_login_without_limits_is_without_limits() {
    let server = Server::new();
    for _ in 0..200 {
        let body = json!({ "type": "m.login.token", "token": "x" });
        server.anyone().post(LOGIN, body).await.error(403, "M_FORBIDDEN");
    }
}

#[tokio::test]
async fn what_is_stored_of_secrets_is_a_hash() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let hash = users::password_hash(&server.app.store.snapshot().unwrap(), user_id!("@alice:example.org"));
    assert!(hash.unwrap().unwrap().starts_with("$argon2id$v=19$"));
    let token = alice.token.clone().unwrap();
    let file = std::fs::read(server.app.config.data.join("hearth.redb")).unwrap();
    for secret in [token, password("alice")] {
        assert!(!file.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    }
}
