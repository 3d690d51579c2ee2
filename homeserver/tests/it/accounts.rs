//! Signing up, profiles, account data, filters and push rules.

use crate::harness::{Server, TOKEN, password};
use hearth_homeserver::{accounts::users, config::Registration};
use hearth_store::{
    Read as _,
    records::RegistrationTokenRecord,
    tables::{ACCOUNT_DATA_LOG, KEY_BACKUPS, REGISTRATION_TOKENS, USERS},
};
use http::{Method, StatusCode};
use ruma::{UserId, user_id};
use serde_json::{Value, json};

const REGISTER: &str = "/_matrix/client/v3/register";

fn dummy(name: &str) -> Value {
    json!({ "username": name, "password": password(name), "auth": { "type": "m.login.dummy" } })
}

#[tokio::test]
async fn somebody_signs_up_as_the_specification_describes() {
    let server = Server::new();
    let anyone = server.anyone();
    let flows = anyone.post(REGISTER, json!({})).await.status(StatusCode::UNAUTHORIZED);
    assert_eq!(flows["flows"], json!([{ "stages": ["m.login.dummy"] }]));
    let body = json!({
        "username": "Alice", "password": "a secret", "device_id": "PHONE", "initial_device_display_name": "Alice's phone",
        "auth": { "type": "m.login.dummy", "session": flows["session"] },
    });
    let answer = anyone.post(REGISTER, body).await.ok();
    assert_eq!((&answer["user_id"], &answer["device_id"]), (&json!("@alice:example.org"), &json!("PHONE")));
    assert!(answer["access_token"].as_str().unwrap().starts_with("hrt_"));
    assert_eq!((&answer["expires_in_ms"], &answer["refresh_token"]), (&Value::Null, &Value::Null));

    let alice = server.client(&answer);
    let me = alice.get("/_matrix/client/v3/account/whoami").await.ok();
    assert_eq!(me, json!({ "user_id": "@alice:example.org", "device_id": "PHONE" }));
    let device = alice.get("/_matrix/client/v3/devices/PHONE").await.ok();
    assert_eq!(device["display_name"], "Alice's phone");
    let profile = anyone.get("/_matrix/client/v3/profile/@alice:example.org").await.ok();
    assert_eq!(profile, json!({ "displayname": "Alice" }));

    anyone.post(REGISTER, dummy("alice")).await.error(400, "M_USER_IN_USE");
    anyone.post(REGISTER, dummy("ALICE")).await.error(400, "M_USER_IN_USE");
}

#[tokio::test]
async fn the_first_account_is_the_administrator_and_no_other() {
    let server = Server::new();
    server.user("first").await;
    server.user("second").await;
    let snapshot = server.app.store.snapshot().unwrap();
    assert!(users::get(&snapshot, user_id!("@first:example.org")).unwrap().unwrap().admin);
    assert!(!users::get(&snapshot, user_id!("@second:example.org")).unwrap().unwrap().admin);
}

#[tokio::test]
async fn names_that_the_grammar_lacks_are_refused_before_authentication() {
    let server = Server::new();
    for name in ["", "a b", "a:b", "@a", "@a:other.org", "caf\u{e9}", "a@b", &"x".repeat(250)] {
        server.anyone().post(REGISTER, json!({ "username": name })).await.error(400, "M_INVALID_USERNAME");
    }
    let available = "/_matrix/client/v3/register/available?username=";
    server.anyone().get(&format!("{available}a%20b")).await.error(400, "M_INVALID_USERNAME");
    server.anyone().get(&format!("{available}bob")).await.ok();
    server.anyone().get("/_matrix/client/v3/register/available").await.error(400, "M_MISSING_PARAM");
    for name in ["b._=-/+1", "@bob:example.org"] {
        server.anyone().post(REGISTER, dummy(name)).await.ok();
    }
    server.anyone().get(&format!("{available}bob")).await.error(400, "M_USER_IN_USE");
}

#[tokio::test]
async fn a_client_that_names_no_user_and_wants_no_login_gets_just_that() {
    let server = Server::new();
    let body = json!({ "password": "8 letters", "inhibit_login": true, "auth": { "type": "m.login.dummy" } });
    let answer = server.anyone().post(REGISTER, body).await.ok();
    assert_eq!(answer.get("access_token"), None);
    assert!(answer["user_id"].as_str().unwrap().ends_with(":example.org"));
    let body = json!({ "username": "bob", "auth": { "type": "m.login.dummy" } });
    server.anyone().post(REGISTER, body).await.error(400, "M_MISSING_PARAM");
}

#[tokio::test]
async fn guests_and_closed_servers_refuse() {
    let server = Server::new();
    let guest = format!("{REGISTER}?kind=guest");
    server.anyone().post(&guest, json!({})).await.error(403, "M_GUEST_ACCESS_FORBIDDEN");
    let body = json!({ "type": "m.login.application_service", "username": "bot" });
    server.anyone().post(REGISTER, body).await.error(403, "M_FORBIDDEN");
    let closed = Server::with(|config| config.registration = Registration::Closed);
    closed.anyone().post(REGISTER, dummy("alice")).await.error(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn a_registration_token_makes_as_many_accounts_as_it_may() {
    let server = Server::with(|config| config.registration = Registration::Token);
    let twice = RegistrationTokenRecord { uses_allowed: Some(2), completed: 0, expires_at: None };
    let store = &server.app.store;
    store.change(move |change| change.put(REGISTRATION_TOKENS, "twice", &twice)).await.unwrap();
    let anyone = server.anyone();
    let with = |name: &str, token: &str| {
        json!({
            "username": name, "password": "8 letters",
            "auth": { "type": "m.login.registration_token", "token": token },
        })
    };
    let validity = "/_matrix/client/v1/register/m.login.registration_token/validity?token=";
    assert_eq!(anyone.get(&format!("{validity}twice")).await.ok()["valid"], true);
    assert_eq!(anyone.get(&format!("{validity}wrong")).await.ok()["valid"], false);

    let refused = anyone.post(REGISTER, with("a", "wrong")).await.error(401, "M_FORBIDDEN");
    assert_eq!(refused["flows"], json!([{ "stages": ["m.login.registration_token"] }]));
    // Three at the same time, all of whose tokens are good when they are looked at.
    let (a, b, c) = tokio::join!(
        anyone.post(REGISTER, with("a", "twice")),
        anyone.post(REGISTER, with("b", "twice")),
        anyone.post(REGISTER, with("c", "twice")),
    );
    let made = [a, b, c].iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(made, 2);
    let record = store.snapshot().unwrap().get(REGISTRATION_TOKENS, "twice").unwrap().unwrap();
    assert_eq!(record.completed, 2);
    assert_eq!(anyone.get(&format!("{validity}twice")).await.ok()["valid"], false);
    // The server's own has no limit.
    for name in ["d", "e", "f"] {
        anyone.post(REGISTER, with(name, TOKEN)).await.ok();
    }
    anyone.post(REGISTER, dummy("g")).await.error(401, "M_UNRECOGNIZED");
}

#[tokio::test]
async fn an_account_that_was_deactivated_is_gone_but_its_name_stays_taken() {
    let server = Server::new();
    server.user("owner").await;
    let alice = server.user("alice").await;
    let other = server.login("alice").await;
    let path = "/_matrix/client/v3/account/deactivate";
    server.anyone().post(path, json!({})).await.error(401, "M_MISSING_TOKEN");
    alice.put(&format!("/_matrix/client/v3/user/{}/account_data/a.b", alice.user), json!({})).await.ok();
    let backup = json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": { "public_key": "a" } });
    alice.post("/_matrix/client/v3/room_keys/version", backup).await.ok();
    let answer = alice.prove(Method::POST, path, json!({ "erase": true }), "alice").await.ok();
    assert_eq!(answer["id_server_unbind_result"], "success");
    for client in [&alice, &other] {
        client.get("/_matrix/client/v3/account/whoami").await.error(401, "M_UNKNOWN_TOKEN");
    }
    let login = crate::harness::login_body("alice");
    server.anyone().post("/_matrix/client/v3/login", login).await.error(403, "M_USER_DEACTIVATED");
    server.anyone().post(REGISTER, dummy("alice")).await.error(400, "M_USER_IN_USE");
    server.anyone().get("/_matrix/client/v3/profile/@alice:example.org").await.error(404, "M_NOT_FOUND");
    let record = server.app.store.snapshot().unwrap().get(USERS, alice.user.as_str()).unwrap().unwrap();
    assert!(record.deactivated && record.erased && record.password_hash.is_none());
    assert!(server.app.store.snapshot().unwrap().first(KEY_BACKUPS, ()).unwrap().is_none());
}

/// The socket refused to take the last administrator away, and the client API did not.
#[tokio::test]
async fn the_last_administrator_cannot_leave_and_hears_so_before_giving_the_password() {
    let server = Server::new();
    let (first, second) = (server.user("first").await, server.user("second").await);
    let path = "/_matrix/client/v3/account/deactivate";
    first.post(path, json!({})).await.error(403, "M_FORBIDDEN");
    let make_admin = |user: &str, admin: bool| {
        let user = UserId::parse(user).unwrap();
        server.app.store.change_blocking(move |change| users::set_admin(change, &user, admin)).unwrap();
    };
    make_admin(&second.user, true);
    let session = first.post(path, json!({})).await.status(StatusCode::UNAUTHORIZED)["session"].clone();
    // What was so when the password was asked for is looked at again when it is there.
    make_admin(&second.user, false);
    let mut auth = crate::harness::login_body("first");
    auth["session"] = session;
    first.post(path, json!({ "auth": auth })).await.error(403, "M_FORBIDDEN");
    first.get("/_matrix/client/v3/account/whoami").await.ok();
    second.prove(Method::POST, path, json!({}), "second").await.ok();
    first.post(path, json!({})).await.error(403, "M_FORBIDDEN");
}

/// Both of two administrators have given their passwords, and then both leave.
#[tokio::test]
async fn of_two_administrators_who_leave_at_the_same_time_one_stays() {
    let server = Server::new();
    let (first, second) = (server.user("first").await, server.user("second").await);
    let user = UserId::parse(&*second.user).unwrap();
    server.app.store.change(move |change| users::set_admin(change, &user, true)).await.unwrap();
    let path = "/_matrix/client/v3/account/deactivate";
    let answers = tokio::join!(
        first.prove(Method::POST, path, json!({}), "first"),
        second.prove(Method::POST, path, json!({}), "second"),
    );
    let mut statuses = [answers.0.status.as_u16(), answers.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
}

#[tokio::test]
async fn profile_fields_are_set_shown_and_deleted() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let base = format!("/_matrix/client/v3/profile/{}", alice.user);
    let path = |field: &str| format!("{base}/{field}");
    alice.put(&path("displayname"), json!({ "displayname": "Alice Margatroid" })).await.ok();
    alice.put(&path("avatar_url"), json!({ "avatar_url": "mxc://example.org/abc" })).await.ok();
    alice.put(&path("m.tz"), json!({ "m.tz": "Europe/Berlin" })).await.ok();
    alice.put(&path("org.example.job"), json!({ "org.example.job": { "title": "witch" } })).await.ok();
    let all = server.anyone().get(&base).await.ok();
    assert_eq!(
        all,
        json!({
            "displayname": "Alice Margatroid", "avatar_url": "mxc://example.org/abc", "m.tz": "Europe/Berlin",
            "org.example.job": { "title": "witch" },
        })
    );
    assert_eq!(server.anyone().get(&path("m.tz")).await.ok(), json!({ "m.tz": "Europe/Berlin" }));
    let job = server.anyone().get(&path("org.example.job")).await.ok();
    assert_eq!(job, json!({ "org.example.job": { "title": "witch" } }));

    alice.delete(&path("m.tz"), json!({})).await.ok();
    alice.delete(&path("m.tz"), json!({})).await.ok();
    server.anyone().get(&path("m.tz")).await.error(404, "M_NOT_FOUND");
    alice.put(&path("avatar_url"), json!({ "avatar_url": "" })).await.ok();
    server.anyone().get(&path("avatar_url")).await.error(404, "M_NOT_FOUND");

    bob.put(&path("displayname"), json!({ "displayname": "x" })).await.error(403, "M_FORBIDDEN");
    bob.delete(&path("displayname"), json!({})).await.error(403, "M_FORBIDDEN");
    alice.put(&path("displayname"), json!({ "name": "x" })).await.error(400, "M_MISSING_PARAM");
    alice.put(&path("displayname"), json!({ "displayname": 5 })).await.error(400, "M_BAD_JSON");
    alice.put(&path("avatar_url"), json!({ "avatar_url": "https://x" })).await.error(400, "M_INVALID_PARAM");
    alice.put(&path("nodots"), json!({ "nodots": 5 })).await.error(400, "M_INVALID_PARAM");
    let long = format!("a.{}", "b".repeat(254));
    alice.put(&path(&long), json!({ long.clone(): 5 })).await.error(400, "M_KEY_TOO_LARGE");
    alice.put(&path("a.b"), json!({ "a.b": "x".repeat(65_000) })).await.ok();
    alice.put(&path("a.c"), json!({ "a.c": "x".repeat(1_000) })).await.error(400, "M_PROFILE_TOO_LARGE");
    alice.put(&path("a.b"), json!({ "a.b": "small again" })).await.ok();
    server.anyone().get("/_matrix/client/v3/profile/@nobody:example.org").await.error(404, "M_NOT_FOUND");
    alice.send(Method::PUT, &path("displayname"), "no json").await.error(400, "M_NOT_JSON");
}

#[tokio::test]
async fn account_data_is_kept_by_room_and_type() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let global = format!("/_matrix/client/v3/user/{}/account_data", alice.user);
    let room = format!("/_matrix/client/v3/user/{}/rooms/!r:example.org/account_data", alice.user);
    alice.put(&format!("{global}/org.example.a"), json!({ "n": 1 })).await.ok();
    alice.put(&format!("{global}/org.example.a"), json!({ "n": 2 })).await.ok();
    alice.put(&format!("{room}/org.example.a"), json!({ "n": 3 })).await.ok();
    assert_eq!(alice.get(&format!("{global}/org.example.a")).await.ok(), json!({ "n": 2 }));
    assert_eq!(alice.get(&format!("{room}/org.example.a")).await.ok(), json!({ "n": 3 }));
    alice.get(&format!("{room}/org.example.b")).await.error(404, "M_NOT_FOUND");
    // The log has one row for each datum: push rules, and the two above.
    let snapshot = server.app.store.snapshot().unwrap();
    assert_eq!(snapshot.prefix(ACCOUNT_DATA_LOG, (alice.user.as_str(),)).unwrap().count(), 3);

    for kind in ["m.push_rules", "m.fully_read"] {
        alice.put(&format!("{global}/{kind}"), json!({})).await.error(405, "M_BAD_JSON");
        alice.put(&format!("{room}/{kind}"), json!({})).await.error(405, "M_BAD_JSON");
    }
    bob.get(&format!("{global}/org.example.a")).await.error(403, "M_FORBIDDEN");
    bob.put(&format!("{room}/org.example.a"), json!({})).await.error(403, "M_FORBIDDEN");
    alice.put(&format!("{global}/org.example.a"), json!([1])).await.error(400, "M_BAD_JSON");
    alice.send(Method::PUT, &format!("{global}/org.example.a"), "{").await.error(400, "M_NOT_JSON");
    let bad_room = format!("/_matrix/client/v3/user/{}/rooms/r/account_data/a.b", alice.user);
    alice.put(&bad_room, json!({})).await.error(400, "M_INVALID_PARAM");
    alice.put(&format!("{global}/a.big"), json!({ "x": "y".repeat(600_000) })).await.error(413, "M_TOO_LARGE");
}

#[tokio::test]
async fn account_data_is_bounded_as_a_whole() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let large = json!({ "x": "y".repeat(520_000) });
    let put = |user: &str, n: usize| format!("/_matrix/client/v3/user/{user}/account_data/a.{n}");
    for n in 0..32 {
        alice.put(&put(&alice.user, n), large.clone()).await.ok();
    }
    alice.put(&put(&alice.user, 32), large.clone()).await.error(413, "M_TOO_LARGE");
    // What is there can be changed and made smaller, which makes room; and others have room of their own.
    alice.put(&put(&alice.user, 0), json!({})).await.ok();
    alice.put(&put(&alice.user, 32), large.clone()).await.ok();
    bob.put(&put(&bob.user, 0), large).await.ok();
}

#[tokio::test]
async fn tags_are_account_data_of_the_room() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let room = format!("/_matrix/client/v3/user/{}/rooms/!r:example.org", alice.user);
    assert_eq!(alice.get(&format!("{room}/tags")).await.ok(), json!({ "tags": {} }));
    alice.put(&format!("{room}/tags/u.work"), json!({ "order": 0.25 })).await.ok();
    alice.put(&format!("{room}/tags/m.favourite"), json!({})).await.ok();
    let tags = json!({ "tags": { "m.favourite": {}, "u.work": { "order": 0.25 } } });
    assert_eq!(alice.get(&format!("{room}/tags")).await.ok(), tags);
    assert_eq!(alice.get(&format!("{room}/account_data/m.tag")).await.ok(), tags);
    alice.delete(&format!("{room}/tags/u.work"), json!({})).await.ok();
    assert_eq!(alice.get(&format!("{room}/tags")).await.ok(), json!({ "tags": { "m.favourite": {} } }));
    alice.put(&format!("{room}/tags/u.x"), json!({ "order": 2.0 })).await.error(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn filters_keep_their_number() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let path = format!("/_matrix/client/v3/user/{}/filter", alice.user);
    let filter = json!({ "room": { "timeline": { "limit": 7 } } });
    let id = alice.post(&path, filter.clone()).await.ok()["filter_id"].as_str().unwrap().to_owned();
    let other = alice.post(&path, json!({})).await.ok();
    assert_ne!(other["filter_id"], id);
    assert_eq!(alice.post(&path, filter.clone()).await.ok()["filter_id"], id);
    assert_eq!(alice.get(&format!("{path}/{id}")).await.ok(), filter);
    alice.get(&format!("{path}/99")).await.error(404, "M_NOT_FOUND");
    alice.get(&format!("{path}/x")).await.error(404, "M_NOT_FOUND");
    bob.get(&format!("{path}/{id}")).await.error(403, "M_FORBIDDEN");
    alice.post(&path, json!({ "room": 5 })).await.error(400, "M_BAD_JSON");
}

#[tokio::test]
async fn push_rules_are_those_of_the_server_and_ones_own() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let base = "/_matrix/client/v3/pushrules/global";
    let all = alice.get("/_matrix/client/v3/pushrules/").await.ok();
    assert_eq!(all["global"]["override"][0]["rule_id"], ".m.rule.master");
    let stored = format!("/_matrix/client/v3/user/{}/account_data/m.push_rules", alice.user);
    assert_eq!(alice.get(&stored).await.ok(), all);

    let rule = json!({ "actions": ["notify"], "pattern": "cake" });
    alice.put(&format!("{base}/content/cake"), rule).await.ok();
    let stored_rule = alice.get(&format!("{base}/content/cake")).await.ok();
    let expected =
        json!({ "rule_id": "cake", "default": false, "enabled": true, "actions": ["notify"], "pattern": "cake" });
    assert_eq!(stored_rule, expected);
    alice.put(&format!("{base}/content/cake/enabled"), json!({ "enabled": false })).await.ok();
    assert_eq!(alice.get(&format!("{base}/content/cake/enabled")).await.ok(), json!({ "enabled": false }));
    alice.put(&format!("{base}/content/cake/actions"), json!({ "actions": [] })).await.ok();
    assert_eq!(alice.get(&format!("{base}/content/cake/actions")).await.ok(), json!({ "actions": [] }));
    alice.put(&format!("{base}/override/.m.rule.master/enabled"), json!({ "enabled": true })).await.ok();
    let long = json!({ "actions": [], "pattern": "x".repeat(513) });
    alice.put(&format!("{base}/content/long"), long).await.error(400, "M_INVALID_PARAM");
    let pie = json!({ "actions": [], "pattern": "pie" });
    alice.put(&format!("{base}/content/pie?after=cake"), pie.clone()).await.ok();
    alice.put(&format!("{base}/content/pie?after=cake"), pie.clone()).await.ok();
    let content = alice.get(&format!("{base}/")).await.ok()["content"].clone();
    let order: Vec<_> = content.as_array().unwrap().iter().map(|rule| rule["rule_id"].as_str().unwrap()).collect();
    let place = |id: &str| order.iter().position(|other| *other == id).unwrap();
    assert_eq!(place("pie"), place("cake") + 1);

    alice.put(&format!("{base}/content/pie?after=pie"), pie.clone()).await.error(400, "M_UNKNOWN");
    alice.put(&format!("{base}/content/pie?before=none"), pie.clone()).await.error(400, "M_UNKNOWN");
    alice.put(&format!("{base}/content/.m.mine"), pie.clone()).await.error(400, "M_INVALID_PARAM");
    alice.put(&format!("{base}/nokind/pie"), pie).await.error(400, "M_INVALID_PARAM");
    alice.get(&format!("{base}/nokind/pie")).await.error(404, "M_NOT_FOUND");
    alice.get(&format!("{base}/content/none")).await.error(404, "M_NOT_FOUND");
    alice.delete(&format!("{base}/content/cake"), json!({})).await.ok();
    alice.delete(&format!("{base}/content/cake"), json!({})).await.error(404, "M_NOT_FOUND");
    alice.delete(&format!("{base}/override/.m.rule.master"), json!({})).await.error(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn people_are_found_by_name_and_display_name() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let path = format!("/_matrix/client/v3/profile/{}/displayname", bob.user);
    bob.put(&path, json!({ "displayname": "Robert the ALI" })).await.ok();
    let search = "/_matrix/client/v3/user_directory/search";
    let found = alice.post(search, json!({ "search_term": "ali" })).await.ok();
    assert_eq!(found["results"].as_array().unwrap().len(), 2);
    assert_eq!(found["results"][1], json!({ "user_id": bob.user, "display_name": "Robert the ALI" }));
    assert_eq!(found["limited"], false);
    let found = alice.post(search, json!({ "search_term": "ali", "limit": 1 })).await.ok();
    assert_eq!((found["results"].as_array().unwrap().len(), &found["limited"]), (1, &json!(true)));
    alice.post(search, json!({})).await.error(400, "M_BAD_JSON");
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let versions = server.anyone().get("/_matrix/client/versions").await;
    assert_eq!(versions.headers.get("access-control-allow-origin").unwrap(), "*");
    assert!(versions.ok()["versions"].as_array().unwrap().contains(&json!("v1.19")));
    let found = server.anyone().get("/.well-known/matrix/client").await.ok();
    assert_eq!(found, json!({ "m.homeserver": { "base_url": "https://matrix.example.org" } }));
    server.anyone().get("/.well-known/matrix/support").await.error(404, "M_NOT_FOUND");
    let capabilities = alice.get("/_matrix/client/v3/capabilities").await.ok()["capabilities"].clone();
    assert_eq!(capabilities["m.room_versions"]["available"]["12"], "stable");
    assert_eq!(capabilities["m.get_login_token"], json!({ "enabled": true }));
    assert_eq!(capabilities["m.3pid_changes"], json!({ "enabled": false }));
    assert_eq!(alice.get("/_matrix/client/v3/account/3pid").await.ok(), json!({ "threepids": [] }));
    server.anyone().get("/_matrix/client/v3/nothing").await.error(404, "M_UNRECOGNIZED");
    server.anyone().post("/_matrix/client/versions", json!({})).await.error(405, "M_UNRECOGNIZED");
    let preflight = server.anyone().send(Method::OPTIONS, "/_matrix/client/v3/login", "").await;
    assert_eq!(preflight.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_of_an_account_is_lost_over_a_restart() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let (token, user) = (alice.token.clone(), alice.user.clone());
    let server = server.restart();
    let mut alice = server.anyone();
    alice.token = token;
    assert_eq!(alice.get("/_matrix/client/v3/account/whoami").await.ok()["user_id"], user);
    server.login("alice").await;
}
