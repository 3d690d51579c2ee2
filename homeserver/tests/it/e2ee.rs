//! Keys, cross-signing, to-device messages and key backup, as clients see them.

use crate::harness::{Client, Server, login_body};
use http::Method;
use ruma::{
    CanonicalJsonObject,
    serde::{Base64, base64::Standard},
    signatures::{Ed25519KeyPair, sign_json},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const V3: &str = "/_matrix/client/v3";

/// A signing key with its public half.
struct Key {
    pair: Ed25519KeyPair,
    public: String,
}

impl Key {
    /// A key with a name, or one that is named by its public half.
    fn new(name: Option<&str>) -> Self {
        let der = Ed25519KeyPair::generate();
        let public = Ed25519KeyPair::from_der(&der, "x".to_owned()).unwrap().public_key();
        let public = Base64::<Standard, _>::new(public.to_vec()).encode();
        Self { pair: Ed25519KeyPair::from_der(&der, name.unwrap_or(&public).to_owned()).unwrap(), public }
    }

    fn sign(&self, user: &str, json: &mut Value) {
        let mut object: CanonicalJsonObject = serde_json::from_value(json.take()).unwrap();
        sign_json(user, &self.pair, &mut object).unwrap();
        *json = serde_json::to_value(object).unwrap();
    }
}

/// A user's cross-signing keys.
struct Identity {
    master: Key,
    self_signing: Key,
    user_signing: Key,
}

impl Identity {
    fn new() -> Self {
        Self { master: Key::new(None), self_signing: Key::new(None), user_signing: Key::new(None) }
    }

    fn master_key(&self, user: &str) -> Value {
        cross_signing_key(&self.master, user, "master")
    }

    fn upload(&self, user: &str) -> Value {
        let signed = |key: &Key, usage: &str| {
            let mut key = cross_signing_key(key, user, usage);
            self.master.sign(user, &mut key);
            key
        };
        json!({
            "master_key": self.master_key(user),
            "self_signing_key": signed(&self.self_signing, "self_signing"),
            "user_signing_key": signed(&self.user_signing, "user_signing"),
        })
    }
}

fn cross_signing_key(key: &Key, user: &str, usage: &str) -> Value {
    json!({ "user_id": user, "usage": [usage], "keys": { (format!("ed25519:{}", key.public)): key.public } })
}

fn device_keys(client: &Client<'_>, key: &Key) -> Value {
    let mut keys = json!({
        "user_id": client.user, "device_id": client.device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": { (format!("ed25519:{}", client.device)): key.public, (format!("curve25519:{}", client.device)): key.public },
    });
    key.sign(&client.user, &mut keys);
    keys
}

fn one_time_key(number: u64) -> Value {
    json!({ "key": format!("key{number}"), "signatures": { "@alice:example.org": { "ed25519:A": "sig" } } })
}

async fn upload(client: &Client<'_>, body: Value) -> Value {
    client.post(&format!("{V3}/keys/upload"), body).await.ok()["one_time_key_counts"].clone()
}

async fn publish(client: &Client<'_>) -> Key {
    let key = Key::new(Some(&client.device));
    upload(client, json!({ "device_keys": device_keys(client, &key) })).await;
    key
}

async fn query(client: &Client<'_>, user: &str) -> Value {
    client.post(&format!("{V3}/keys/query"), json!({ "device_keys": { user: [] } })).await.ok()
}

/// Claims a key of `of`, and returns its name.
async fn claim(client: &Client<'_>, of: &Client<'_>) -> Option<String> {
    let wanted = json!({ "one_time_keys": { &of.user: { &of.device: "signed_curve25519" } } });
    let answer = client.post(&format!("{V3}/keys/claim"), wanted).await.ok();
    let keys = answer["one_time_keys"][&of.user][&of.device].as_object()?.clone();
    assert_eq!(keys.len(), 1);
    keys.into_iter().next().map(|(name, _)| name)
}

async fn sync(client: &Client<'_>, since: Option<&str>) -> (Value, String) {
    let since = since.map_or_else(String::new, |since| format!("&since={since}"));
    let answer = client.get(&format!("{V3}/sync?timeout=0{since}")).await.ok();
    let next = answer["next_batch"].as_str().unwrap().to_owned();
    (answer, next)
}

async fn share_a_room(alice: &Client<'_>, bob: &Client<'_>) {
    let room = alice.post(&format!("{V3}/createRoom"), json!({ "preset": "public_chat" })).await.ok();
    let room = room["room_id"].as_str().unwrap().to_owned();
    bob.post(&format!("{V3}/join/{room}"), json!({})).await.ok();
}

#[tokio::test]
async fn published_keys_are_shown_with_the_name_of_the_device() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let name = json!({ "display_name": "the laptop" });
    alice.put(&format!("{V3}/devices/{}", alice.device), name).await.ok();
    let mut keys = device_keys(&alice, &Key::new(Some(&alice.device)));
    upload(&alice, json!({ "device_keys": keys })).await;
    keys["unsigned"] = json!({ "device_display_name": "the laptop" });
    let shown = query(&bob, &alice.user).await;
    assert_eq!(shown["device_keys"][&alice.user], json!({ &alice.device: keys }));

    let asked = json!({ "device_keys": { "@nobody:example.org": [], "@carol:elsewhere.org": [], &bob.user: [] } });
    let shown = bob.post(&format!("{V3}/keys/query"), asked).await.ok();
    assert_eq!(shown["device_keys"], json!({ &bob.user: {} }));
    assert!(shown["failures"]["elsewhere.org"].is_object());

    let other = device_keys(&bob, &Key::new(Some(&bob.device)));
    alice.post(&format!("{V3}/keys/upload"), json!({ "device_keys": other })).await.error(400, "M_INVALID_PARAM");
    alice.post(&format!("{V3}/keys/upload"), json!({ "device_keys": 1 })).await.error(400, "M_INVALID_PARAM");
    alice.post(&format!("{V3}/keys/upload"), json!({ "one_time_keys": [] })).await.error(400, "M_BAD_JSON");
    server.anyone().post(&format!("{V3}/keys/query"), json!({ "device_keys": {} })).await.error(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn one_time_keys_are_claimed_once_and_the_fallback_key_after_them() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let keys = json!({
        "one_time_keys": { "signed_curve25519:A": one_time_key(1), "signed_curve25519:B": one_time_key(2) },
        "fallback_keys": { "signed_curve25519:F": one_time_key(3) },
    });
    assert_eq!(upload(&alice, keys.clone()).await, json!({ "signed_curve25519": 2 }));
    assert_eq!(upload(&alice, keys).await, json!({ "signed_curve25519": 2 }));
    let taken = json!({ "one_time_keys": { "signed_curve25519:A": one_time_key(9) } });
    alice.post(&format!("{V3}/keys/upload"), taken).await.error(400, "M_INVALID_PARAM");
    let odd = json!({ "one_time_keys": { "signed_curve25519:C": "text" } });
    alice.post(&format!("{V3}/keys/upload"), odd).await.error(400, "M_INVALID_PARAM");

    let (answer, _) = sync(&alice, None).await;
    assert_eq!(answer["device_one_time_keys_count"]["signed_curve25519"], 2);
    assert_eq!(answer["device_unused_fallback_key_types"], json!(["signed_curve25519"]));
    let mut claimed = BTreeSet::new();
    for _ in 0..2 {
        claimed.insert(claim(&bob, &alice).await.unwrap());
    }
    assert_eq!(claimed.len(), 2);
    for _ in 0..2 {
        assert_eq!(claim(&bob, &alice).await.as_deref(), Some("signed_curve25519:F"));
    }
    let (answer, _) = sync(&alice, None).await;
    assert_eq!(answer["device_one_time_keys_count"]["signed_curve25519"], 0);
    assert_eq!(answer["device_unused_fallback_key_types"], json!([]));
    assert_eq!(upload(&alice, json!({})).await, json!({}));
    assert_eq!(claim(&alice, &bob).await, None);
    let elsewhere = json!({ "one_time_keys": { "@carol:elsewhere.org": { "C": "signed_curve25519" } } });
    let answer = bob.post(&format!("{V3}/keys/claim"), elsewhere).await.ok();
    assert_eq!((&answer["one_time_keys"], answer["failures"]["elsewhere.org"].is_object()), (&json!({}), true));
}

#[tokio::test]
async fn claims_at_once_and_across_a_restart_never_get_the_same_key() {
    let mut server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let keys: serde_json::Map<String, Value> =
        (0..40).map(|number| (format!("signed_curve25519:{number}"), one_time_key(number))).collect();
    upload(&alice, json!({ "one_time_keys": keys })).await;
    let mut claimed = BTreeSet::new();
    let wanted = json!({ "one_time_keys": { &alice.user: { &alice.device: "signed_curve25519" } } });
    let (a, b, c, d) =
        tokio::join!(claim(&bob, &alice), claim(&alice, &alice), claim(&bob, &alice), claim(&alice, &alice));
    for name in [a, b, c, d] {
        assert!(claimed.insert(name.unwrap()));
    }
    let (token, alice_user, alice_device) = (bob.token.clone(), alice.user.clone(), alice.device.clone());
    server = server.restart();
    let bob = Client { token, ..server.anyone() };
    loop {
        let answer = bob.post(&format!("{V3}/keys/claim"), wanted.clone()).await.ok();
        let Some(keys) = answer["one_time_keys"][&alice_user][&alice_device].as_object().cloned() else { break };
        for (name, _) in keys {
            assert!(claimed.insert(name));
        }
    }
    assert_eq!(claimed.len(), 40);
}

#[tokio::test]
async fn cross_signing_keys_are_free_once_and_take_a_password_to_replace() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let path = format!("{V3}/keys/device_signing/upload");
    let (first, second) = (Identity::new(), Identity::new());
    let mut crossed = first.upload(&alice.user);
    crossed["self_signing_key"] = second.upload(&alice.user)["self_signing_key"].clone();
    alice.post(&path, crossed).await.error(400, "M_INVALID_SIGNATURE");
    let mut headless = first.upload(&alice.user);
    headless.as_object_mut().unwrap().remove("master_key");
    alice.post(&path, headless).await.error(400, "M_MISSING_PARAM");
    let others = json!({ "master_key": first.master_key("@bob:example.org") });
    alice.post(&path, others).await.error(400, "M_INVALID_PARAM");

    alice.post(&path, first.upload(&alice.user)).await.ok();
    alice.post(&path, first.upload(&alice.user)).await.ok();
    let asked = alice.post(&path, second.upload(&alice.user)).await.status(http::StatusCode::UNAUTHORIZED);
    assert_eq!(asked["flows"], json!([{ "stages": ["m.login.password"] }]));
    let shown = query(&alice, &alice.user).await;
    assert_eq!(shown["master_keys"][&alice.user]["keys"], first.master_key(&alice.user)["keys"]);
    alice.prove(Method::POST, &path, second.upload(&alice.user), "alice").await.ok();
    let shown = query(&alice, &alice.user).await;
    assert_eq!(shown["master_keys"][&alice.user]["keys"], second.master_key(&alice.user)["keys"]);
    assert!(shown["user_signing_keys"][&alice.user].is_object());
    let bob = server.user("bob").await;
    let shown = query(&bob, &alice.user).await;
    assert!(shown["self_signing_keys"][&alice.user].is_object());
    assert!(shown.get("user_signing_keys").is_none());

    let mut login = login_body("alice");
    login["device_id"] = second.master.public.clone().into();
    server.anyone().post(&format!("{V3}/login"), login).await.error(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn the_proof_for_one_set_of_keys_is_not_good_for_another() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let path = format!("{V3}/keys/device_signing/upload");
    alice.post(&path, Identity::new().upload(&alice.user)).await.ok();
    let asked = alice.post(&path, Identity::new().upload(&alice.user)).await.status(http::StatusCode::UNAUTHORIZED);
    let mut other = Identity::new().upload(&alice.user);
    other["auth"] = json!({
        "type": "m.login.password", "session": asked["session"],
        "identifier": { "type": "m.id.user", "user": "alice" }, "password": "wrong",
    });
    let asked_again = alice.post(&path, other).await.status(http::StatusCode::UNAUTHORIZED);
    assert_ne!(asked_again["session"], asked["session"]);
}

#[tokio::test]
async fn signatures_are_checked_stored_and_shown_to_whom_they_concern() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (alices, bobs) = (Identity::new(), Identity::new());
    for (client, keys) in [(&alice, &alices), (&bob, &bobs)] {
        client.post(&format!("{V3}/keys/device_signing/upload"), keys.upload(&client.user)).await.ok();
    }
    let device = publish(&alice).await;
    share_a_room(&alice, &bob).await;
    let (_, bob_since) = sync(&bob, None).await;
    let (_, alice_since) = sync(&alice, None).await;

    let mut own_device = device_keys(&alice, &device);
    alices.self_signing.sign(&alice.user, &mut own_device);
    let mut bobs_master = bobs.master_key(&bob.user);
    alices.user_signing.sign(&alice.user, &mut bobs_master);
    let mut forged = bobs.master_key(&bob.user);
    Key::new(Some(&alices.user_signing.public)).sign(&alice.user, &mut forged);
    let path = format!("{V3}/keys/signatures/upload");
    let answer = alice.post(&path, json!({ &bob.user: { &bobs.master.public: forged } })).await.ok();
    assert_eq!(answer["failures"][&bob.user][&bobs.master.public]["errcode"], "M_INVALID_SIGNATURE");
    let body = json!({
        &alice.user: { &alice.device: own_device, "GONE": device_keys(&alice, &device) },
        &bob.user: { &bobs.master.public: bobs_master },
    });
    let answer = alice.post(&path, body).await.ok();
    assert_eq!(answer["failures"][&alice.user]["GONE"]["errcode"], "M_NOT_FOUND");
    assert_eq!(answer["failures"].as_object().unwrap().len(), 1);
    alice.post(&path, json!({ &alice.user: { &alice.device: 7 } })).await.ok();
    alice.post(&path, json!([])).await.error(400, "M_BAD_JSON");

    let seen = |answer: &Value| answer["master_keys"][&bob.user]["signatures"][&alice.user].is_object();
    assert!(seen(&query(&alice, &bob.user).await));
    assert!(!seen(&query(&bob, &bob.user).await));
    let shown = query(&bob, &alice.user).await;
    let signatures = &shown["device_keys"][&alice.user][&alice.device]["signatures"][&alice.user];
    assert_eq!(signatures.as_object().unwrap().len(), 2);

    let (answer, _) = sync(&bob, Some(&bob_since)).await;
    assert_eq!(answer["device_lists"]["changed"], json!([alice.user]));
    let (answer, _) = sync(&alice, Some(&alice_since)).await;
    assert_eq!(answer["device_lists"]["changed"], json!([alice.user, bob.user]));
}

#[tokio::test]
async fn those_who_share_a_room_learn_of_new_keys_and_removed_devices() {
    let server = Server::new();
    let (alice, bob, eve) = (server.user("alice").await, server.user("bob").await, server.user("eve").await);
    share_a_room(&alice, &bob).await;
    let (_, bob_since) = sync(&bob, None).await;
    let (_, eve_since) = sync(&eve, None).await;
    let phone = server.login("alice").await;
    publish(&phone).await;
    let (answer, bob_next) = sync(&bob, Some(&bob_since)).await;
    assert_eq!(answer["device_lists"]["changed"], json!([alice.user]));
    let (answer, eve_next) = sync(&eve, Some(&eve_since)).await;
    assert_eq!(answer["device_lists"].get("changed"), None);

    phone.post(&format!("{V3}/logout"), json!({})).await.ok();
    let (answer, last) = sync(&bob, Some(&bob_next)).await;
    assert_eq!(answer["device_lists"]["changed"], json!([alice.user]));
    assert_eq!(query(&bob, &alice.user).await["device_keys"][&alice.user], json!({}));

    let changes = |from: &str, to: &str| format!("{V3}/keys/changes?from={from}&to={to}");
    let answer = bob.get(&changes(&bob_since, &last)).await.ok();
    assert_eq!(answer, json!({ "changed": [alice.user], "left": [] }));
    assert_eq!(bob.get(&changes(&last, &last)).await.ok(), json!({ "changed": [], "left": [] }));
    assert_eq!(eve.get(&changes(&eve_since, &eve_next)).await.ok(), json!({ "changed": [], "left": [] }));
    bob.get(&changes("nonsense", &last)).await.error(400, "M_INVALID_PARAM");
    bob.get(&format!("{V3}/keys/changes?to={last}")).await.error(400, "M_MISSING_PARAM");
}

#[tokio::test]
async fn to_device_messages_come_again_with_the_same_token_and_never_with_the_next() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let path = format!("{V3}/sendToDevice/m.test");
    let to = |device: &str, number: u64| json!({ "messages": { &bob.user: { device: { "number": number } }, "@x:elsewhere.org": { "*": {} } } });
    alice.put(&format!("{path}/1"), to(&bob.device, 1)).await.ok();
    alice.put(&format!("{path}/1"), to(&bob.device, 1)).await.ok();
    alice.put(&format!("{path}/2"), to("*", 2)).await.ok();
    alice.put(&format!("{path}/3"), to("GONE", 3)).await.ok();
    alice
        .put(&format!("{path}/4"), json!({ "messages": { &bob.user: { "*": [] } } }))
        .await
        .error(400, "M_INVALID_PARAM");
    alice.put(&format!("{path}/4"), json!({ "messages": [] })).await.error(400, "M_BAD_JSON");
    let large = json!({ "messages": { &bob.user: { "*": { "text": "x".repeat(70_000) } } } });
    alice.put(&format!("{path}/4"), large).await.error(413, "M_TOO_LARGE");

    let numbers = |answer: &Value| -> Vec<u64> {
        let events = answer["to_device"]["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["content"]["number"].as_u64().unwrap()).collect()
    };
    let (answer, first) = sync(&bob, None).await;
    assert_eq!(numbers(&answer), [1, 2]);
    assert_eq!(
        answer["to_device"]["events"][0],
        json!({ "type": "m.test", "sender": alice.user, "content": { "number": 1 } })
    );
    assert_eq!(numbers(&sync(&bob, None).await.0), [1, 2]);
    alice.put(&format!("{path}/5"), to("*", 5)).await.ok();
    let (answer, second) = sync(&bob, Some(&first)).await;
    assert_eq!(numbers(&answer), [5]);
    assert_eq!(numbers(&sync(&bob, Some(&first)).await.0), [5]);
    assert!(numbers(&sync(&bob, Some(&second)).await.0).is_empty());
    assert!(numbers(&sync(&bob, None).await.0).is_empty());
}

#[tokio::test]
async fn a_long_queue_comes_in_parts_and_whole() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    for number in 0..230 {
        let body = json!({ "messages": { &bob.user: { &bob.device: { "number": number } } } });
        alice.put(&format!("{V3}/sendToDevice/m.test/{number}"), body).await.ok();
    }
    let (mut seen, mut since) = (Vec::new(), None);
    loop {
        let (answer, next) = sync(&bob, since.as_deref()).await;
        let Some(events) = answer["to_device"]["events"].as_array() else { break };
        if events.is_empty() {
            break;
        }
        seen.extend(events.iter().map(|event| event["content"]["number"].as_u64().unwrap()));
        since = Some(next);
    }
    assert_eq!(seen, (0..230).collect::<Vec<_>>());
}

fn session(index: u64, verified: bool) -> Value {
    json!({
        "first_message_index": index, "forwarded_count": 0, "is_verified": verified,
        "session_data": { "ephemeral": "a", "ciphertext": "b", "mac": "c" },
    })
}

#[tokio::test]
async fn backups_have_versions() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let path = format!("{V3}/room_keys/version");
    alice.get(&path).await.error(404, "M_NOT_FOUND");
    let algorithm = "m.megolm_backup.v1.curve25519-aes-sha2";
    let body = |key: &str| json!({ "algorithm": algorithm, "auth_data": { "public_key": key, "signatures": {} } });
    alice.post(&path, json!({ "algorithm": algorithm })).await.error(400, "M_BAD_JSON");
    alice.post(&path, json!({ "algorithm": algorithm, "auth_data": 1 })).await.error(400, "M_INVALID_PARAM");
    let first = alice.post(&path, body("one")).await.ok()["version"].as_str().unwrap().to_owned();
    let second = alice.post(&path, body("two")).await.ok()["version"].as_str().unwrap().to_owned();
    let current = alice.get(&path).await.ok();
    assert_eq!(current["version"], second.as_str());
    assert_eq!(current["auth_data"]["public_key"], "two");
    assert_eq!((&current["count"], &current["algorithm"]), (&json!(0), &json!(algorithm)));

    let path_of = |version: &str| format!("{path}/{version}");
    alice.put(&path_of(&first), body("uno")).await.ok();
    assert_eq!(alice.get(&path_of(&first)).await.ok()["auth_data"]["public_key"], "uno");
    let mut other = body("uno");
    other["version"] = second.clone().into();
    alice.put(&path_of(&first), other).await.error(400, "M_INVALID_PARAM");
    let mut other = body("uno");
    other["algorithm"] = "org.example.other".into();
    alice.put(&path_of(&first), other).await.error(400, "M_INVALID_PARAM");
    for version in ["99", "nonsense", "01"] {
        alice.put(&path_of(version), body("x")).await.error(404, "M_NOT_FOUND");
        alice.get(&path_of(version)).await.error(404, "M_NOT_FOUND");
        alice.delete(&path_of(version), json!({})).await.error(404, "M_NOT_FOUND");
    }
    alice.delete(&path_of(&second), json!({})).await.ok();
    alice.delete(&path_of(&second), json!({})).await.ok();
    alice.get(&path_of(&second)).await.error(404, "M_NOT_FOUND");
    assert_eq!(alice.get(&path).await.ok()["version"], first.as_str());
    let third = alice.post(&path, body("three")).await.ok()["version"].as_str().unwrap().to_owned();
    assert!(third != first && third != second);
    let bob = server.user("bob").await;
    bob.get(&path_of(&third)).await.error(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn backups_hold_sessions_at_every_level() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let body = json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {} });
    let create = || async {
        alice.post(&format!("{V3}/room_keys/version"), body.clone()).await.ok()["version"].as_str().unwrap().to_owned()
    };
    let old = create().await;
    let version = create().await;
    let path = |rest: &str, version: &str| format!("{V3}/room_keys/keys{rest}?version={version}");
    let whole = json!({ "rooms": { "!a:x": { "sessions": { "s1": session(5, false), "s2": session(0, true) } }, "!b:x": { "sessions": { "s1": session(0, true) } } } });

    assert_eq!(alice.get(&path("", &version)).await.ok(), json!({ "rooms": {} }));
    assert_eq!(alice.get(&path("/!a:x", &version)).await.ok(), json!({ "sessions": {} }));
    alice.get(&path("/!a:x/s1", &version)).await.error(404, "M_NOT_FOUND");
    let first = alice.put(&path("", &version), whole.clone()).await.ok();
    assert_eq!(first["count"], 3);
    assert_eq!(alice.get(&path("", &version)).await.ok(), whole);
    let wrong = alice.put(&path("", &old), whole.clone()).await.error(403, "M_WRONG_ROOM_KEYS_VERSION");
    assert_eq!(wrong["current_version"], version.as_str());
    alice.put(&path("", "99"), whole.clone()).await.error(404, "M_NOT_FOUND");
    alice.put(&format!("{V3}/room_keys/keys"), whole.clone()).await.error(400, "M_MISSING_PARAM");

    // The better key is kept, and only a change moves the etag.
    let same = alice.put(&path("/!a:x/s1", &version), session(6, false)).await.ok();
    assert_eq!(same, first);
    let better = alice.put(&path("/!a:x/s1", &version), session(9, true)).await.ok();
    assert_eq!(better["count"], 3);
    assert_ne!(better["etag"], first["etag"]);
    assert_eq!(alice.get(&path("/!a:x/s1", &version)).await.ok(), session(9, true));
    let more = json!({ "sessions": { "s3": session(0, true), "s4": session(0, true) } });
    assert_eq!(alice.put(&path("/!b:x", &version), more).await.ok()["count"], 5);
    assert_eq!(alice.get(&path("/!b:x", &version)).await.ok()["sessions"].as_object().unwrap().len(), 3);
    alice.put(&path("/!a:x/s1", &version), json!({ "first_message_index": "x" })).await.error(400, "M_INVALID_PARAM");

    assert_eq!(alice.delete(&path("/!b:x/s3", &version), json!({})).await.ok()["count"], 4);
    assert_eq!(alice.delete(&path("/!b:x", &version), json!({})).await.ok()["count"], 2);
    let info = alice.get(&format!("{V3}/room_keys/version/{version}")).await.ok();
    assert_eq!(info["count"], 2);
    let empty = alice.delete(&path("", &version), json!({})).await.ok();
    assert_eq!(empty["count"], 0);
    assert_ne!(empty["etag"], info["etag"]);
    alice.delete(&path("", "99"), json!({})).await.error(404, "M_NOT_FOUND");
}
