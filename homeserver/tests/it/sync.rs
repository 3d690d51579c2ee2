//! Syncs over the API: what one client does, the others hear of.

use crate::harness::{Client, Server};
use serde_json::{Value, json};
use std::time::Duration;

const SYNC: &str = "/_matrix/client/v3/sync";

async fn sync(client: &Client<'_>, since: &mut String, query: &str) -> Value {
    let from = if since.is_empty() { String::new() } else { format!("&since={since}") };
    let answer = client.get(&format!("{SYNC}?{query}{from}")).await.ok();
    *since = answer["next_batch"].as_str().unwrap().to_owned();
    answer
}

async fn room(client: &Client<'_>, invite: &[&Client<'_>]) -> String {
    let invite: Vec<_> = invite.iter().map(|other| other.user.clone()).collect();
    let body = json!({ "preset": "public_chat", "name": "den", "invite": invite });
    let answer = client.post("/_matrix/client/v3/createRoom", body).await.ok();
    answer["room_id"].as_str().unwrap().to_owned()
}

async fn say(client: &Client<'_>, room: &str, words: &str) -> String {
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/txn-{words}");
    let answer = client.put(&path, json!({ "msgtype": "m.text", "body": words })).await.ok();
    answer["event_id"].as_str().unwrap().to_owned()
}

fn bodies(answer: &Value, room: &str) -> Vec<String> {
    let events = answer["rooms"]["join"][room]["timeline"]["events"].as_array().cloned().unwrap_or_default();
    events.iter().filter_map(|event| Some(event["content"]["body"].as_str()?.to_owned())).collect()
}

fn ephemeral<'a>(answer: &'a Value, room: &str, kind: &str) -> &'a Value {
    let events = &answer["rooms"]["join"][room]["ephemeral"]["events"];
    let found = events.as_array().and_then(|events| events.iter().find(|event| event["type"] == kind));
    found.map_or(&Value::Null, |event| &event["content"])
}

#[tokio::test]
async fn a_message_reaches_the_sync_that_waits_and_the_page_before_fits_to_it() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let den = room(&ann, &[&bob]).await;
    let (mut a, mut b) = (String::new(), String::new());
    let invited = sync(&bob, &mut b, "").await;
    assert!(invited["rooms"]["invite"][&den]["invite_state"]["events"].is_array());
    bob.post(&format!("/_matrix/client/v3/rooms/{den}/join"), json!({})).await.ok();
    sync(&ann, &mut a, "").await;
    // Whom a sync shows to be there is heard of as well; let that be behind.
    sync(&bob, &mut b, "").await;

    let (heard, said) = tokio::join!(sync(&bob, &mut b, "timeout=10000"), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        say(&ann, &den, "hi").await
    });
    assert_eq!(heard["rooms"]["join"][&den]["timeline"]["events"][0]["event_id"], said);
    for n in 0..15 {
        say(&ann, &den, &n.to_string()).await;
    }
    let gap = sync(&bob, &mut b, "").await;
    assert_eq!(gap["rooms"]["join"][&den]["timeline"]["limited"], true);
    assert_eq!(bodies(&gap, &den).len(), 10);
    let prev = gap["rooms"]["join"][&den]["timeline"]["prev_batch"].as_str().unwrap();
    let page = bob.get(&format!("/_matrix/client/v3/rooms/{den}/messages?dir=b&limit=6&from={prev}")).await.ok();
    let words: Vec<_> =
        page["chunk"].as_array().unwrap().iter().map(|event| event["content"]["body"].clone()).collect();
    assert_eq!(words, ["4", "3", "2", "1", "0", "hi"]);
    // And the end of a sync is a place to read on from.
    let page = bob.get(&format!("/_matrix/client/v3/rooms/{den}/messages?dir=b&limit=1&from={b}")).await.ok();
    assert_eq!(page["chunk"][0]["content"]["body"], "14");
}

#[tokio::test]
async fn tokens_and_filters_that_are_none_are_refused() {
    let server = Server::new();
    let ann = server.user("ann").await;
    for bad in [
        "since=x",
        "since=s1_2",
        "filter=99",
        "filter=none",
        "filter=%7B%22room%22%3A5%7D",
        "filter=%7B",
        "set_presence=busy",
    ] {
        ann.get(&format!("{SYNC}?{bad}")).await.error(400, "M_INVALID_PARAM");
    }
    server.anyone().get(SYNC).await.error(401, "M_MISSING_TOKEN");
    let stored = json!({ "room": { "rooms": [] } });
    let id = ann.post(&format!("/_matrix/client/v3/user/{}/filter", ann.user), stored).await.ok();
    room(&ann, &[]).await;
    let answer = ann.get(&format!("{SYNC}?filter={}", id["filter_id"].as_str().unwrap())).await.ok();
    assert_eq!(answer.get("rooms"), None);
    // A token from behind the end, as after a restore, is no reason to wait for ever: it begins anew.
    let answer = ann.get(&format!("{SYNC}?since=s99999999_1_1&timeout=60000")).await.ok();
    assert!(answer["rooms"]["join"].is_object());
}

#[tokio::test]
async fn a_sync_that_waits_ends_when_its_device_is_logged_out() {
    let server = Server::new();
    let ann = server.user("ann").await;
    let mut a = String::new();
    sync(&ann, &mut a, "").await;
    // Online is news at first.
    sync(&ann, &mut a, "").await;
    let path = format!("{SYNC}?since={a}&timeout=100000");
    let (answer, _) = tokio::join!(tokio::time::timeout(Duration::from_secs(20), ann.get(&path)), async {
        ann.post("/_matrix/client/v3/logout", json!({})).await.ok()
    });
    answer.unwrap().error(401, "M_UNKNOWN_TOKEN");
}

#[tokio::test]
async fn receipts_and_markers_are_heard_and_bad_ones_refused() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let (den, other) = (room(&ann, &[]).await, room(&ann, &[]).await);
    bob.post(&format!("/_matrix/client/v3/rooms/{den}/join"), json!({})).await.ok();
    let (mut a, mut b) = (String::new(), String::new());
    let first = say(&ann, &den, "1").await;
    let elsewhere = say(&ann, &other, "2").await;
    let before = sync(&bob, &mut b, "").await;
    assert_eq!(before["rooms"]["join"][&den]["unread_notifications"]["notification_count"], 1);
    sync(&ann, &mut a, "").await;

    let receipt = |kind: &str, event: &str| format!("/_matrix/client/v3/rooms/{den}/receipt/{kind}/{event}");
    bob.post(&receipt("m.read", &first), json!({})).await.ok();
    let heard = sync(&ann, &mut a, "").await;
    assert!(ephemeral(&heard, &den, "m.receipt")[&first]["m.read"][&bob.user]["ts"].is_u64());
    let own = sync(&bob, &mut b, "").await;
    assert_eq!(own["rooms"]["join"][&den]["unread_notifications"]["notification_count"], 0);
    bob.post(&receipt("m.read.private", &first), json!({ "thread_id": "main" })).await.ok();
    assert_eq!(sync(&ann, &mut a, "").await.get("rooms"), None);
    assert!(ephemeral(&sync(&bob, &mut b, "").await, &den, "m.receipt")[&first]["m.read.private"].is_object());

    for (kind, event, body, code) in [
        ("m.read", &*first, json!({ "thread_id": "" }), "M_INVALID_PARAM"),
        ("m.read", &first, json!({ "thread_id": "$other" }), "M_INVALID_PARAM"),
        ("m.fully_read", &first, json!({ "thread_id": "main" }), "M_INVALID_PARAM"),
        ("m.unknown", &first, json!({}), "M_INVALID_PARAM"),
        ("m.read", &first, json!({ "thread_id": 5 }), "M_BAD_JSON"),
    ] {
        bob.post(&receipt(kind, event), body).await.error(400, code);
    }
    for event in ["$unknown", &*elsewhere] {
        bob.post(&receipt("m.read", event), json!({})).await.error(404, "M_NOT_FOUND");
    }
    let markers = format!("/_matrix/client/v3/rooms/{den}/read_markers");
    bob.post(&markers, json!({ "m.fully_read": first, "m.read": first })).await.ok();
    let data = sync(&bob, &mut b, "").await["rooms"]["join"][&den]["account_data"]["events"].clone();
    assert_eq!(data, json!([{ "type": "m.fully_read", "content": { "event_id": first } }]));
    bob.post(&markers, json!({ "m.fully_read": elsewhere })).await.error(404, "M_NOT_FOUND");
    let foreign = format!("/_matrix/client/v3/rooms/{other}/read_markers");
    bob.post(&foreign, json!({ "m.read": elsewhere })).await.error(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn typing_is_heard_and_ends_by_itself() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let den = room(&ann, &[]).await;
    let path = |user: &str| format!("/_matrix/client/v3/rooms/{den}/typing/{user}");
    bob.put(&path(&bob.user), json!({ "typing": true, "timeout": 1000 })).await.error(403, "M_FORBIDDEN");
    bob.post(&format!("/_matrix/client/v3/rooms/{den}/join"), json!({})).await.ok();
    let mut a = String::new();
    sync(&ann, &mut a, "").await;
    bob.put(&path(&ann.user), json!({ "typing": true, "timeout": 1000 })).await.error(403, "M_FORBIDDEN");
    bob.put(&path(&bob.user), json!({ "typing": true })).await.error(400, "M_BAD_JSON");
    bob.put(&path(&bob.user), json!({ "typing": true, "timeout": 200 })).await.ok();
    let heard = sync(&ann, &mut a, "timeout=10000").await;
    assert_eq!(ephemeral(&heard, &den, "m.typing"), &json!({ "user_ids": [bob.user] }));
    let heard = sync(&ann, &mut a, "timeout=10000").await;
    assert_eq!(ephemeral(&heard, &den, "m.typing"), &json!({ "user_ids": [] }));
}

#[tokio::test]
async fn presence_is_for_those_who_share_a_room() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let path = |user: &str| format!("/_matrix/client/v3/presence/{user}/status");
    let status = json!({ "presence": "online", "status_msg": "cooking" });
    ann.put(&path(&bob.user), status.clone()).await.error(403, "M_FORBIDDEN");
    bob.get(&path(&ann.user)).await.error(403, "M_FORBIDDEN");
    assert_eq!(ann.get(&path(&ann.user)).await.ok()["presence"], "offline");
    let den = room(&ann, &[]).await;
    bob.post(&format!("/_matrix/client/v3/rooms/{den}/join"), json!({})).await.ok();
    let mut b = String::new();
    sync(&bob, &mut b, "set_presence=offline").await;
    ann.put(&path(&ann.user), status).await.ok();
    let heard = sync(&bob, &mut b, "set_presence=offline&timeout=10000").await;
    let event = &heard["presence"]["events"][0];
    assert_eq!((&event["sender"], &event["type"]), (&json!(ann.user), &json!("m.presence")));
    assert_eq!((&event["content"]["presence"], &event["content"]["status_msg"]), (&json!("online"), &json!("cooking")));
    assert_eq!(sync(&bob, &mut b, "set_presence=offline").await.get("presence"), None);
    assert_eq!(bob.get(&path(&ann.user)).await.ok()["currently_active"], true);
    ann.put(&path(&ann.user), json!({ "presence": "sleepy" })).await.error(400, "M_INVALID_PARAM");
    let long = json!({ "presence": "online", "status_msg": "x".repeat(2000) });
    ann.put(&path(&ann.user), long).await.error(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn to_device_messages_come_once_for_each_token() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let mut b = String::new();
    sync(&bob, &mut b, "").await;
    let path = "/_matrix/client/v3/sendToDevice/org.example.note";
    for n in 0..150 {
        let body = json!({ "messages": { &bob.user: { &bob.device: { "n": n } } } });
        ann.put(&format!("{path}/{n}"), body).await.ok();
    }
    let numbers = |answer: &Value| -> Vec<u64> {
        let events = answer["to_device"]["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["content"]["n"].as_u64().unwrap()).collect()
    };
    let mut again = b.clone();
    let first = sync(&bob, &mut b, "").await;
    assert_eq!(numbers(&first), numbers(&sync(&bob, &mut again, "").await));
    let second = sync(&bob, &mut b, "").await;
    let third = sync(&bob, &mut b, "").await;
    let all: Vec<u64> = numbers(&first).into_iter().chain(numbers(&second)).collect();
    assert_eq!(all, (0..150).collect::<Vec<_>>());
    assert_eq!(numbers(&third), Vec::<u64>::new());
}

#[tokio::test]
async fn who_comes_and_goes_is_in_the_device_lists() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let den = room(&ann, &[]).await;
    let (mut a, mut b) = (String::new(), String::new());
    sync(&ann, &mut a, "").await;
    sync(&bob, &mut b, "").await;
    bob.post(&format!("/_matrix/client/v3/rooms/{den}/join"), json!({})).await.ok();
    assert_eq!(sync(&ann, &mut a, "").await["device_lists"]["changed"], json!([bob.user]));
    assert_eq!(sync(&bob, &mut b, "").await["device_lists"]["changed"], json!([ann.user]));
    say(&ann, &den, "x").await;
    assert_eq!(sync(&bob, &mut b, "").await.get("device_lists"), None);
    bob.post(&format!("/_matrix/client/v3/rooms/{den}/leave"), json!({})).await.ok();
    assert_eq!(sync(&ann, &mut a, "").await["device_lists"]["left"], json!([bob.user]));
    assert_eq!(sync(&bob, &mut b, "").await["device_lists"]["left"], json!([ann.user]));
}

#[tokio::test]
async fn a_restart_loses_nothing_of_a_sync() {
    let server = Server::new();
    let ann = server.user("ann").await;
    let den = room(&ann, &[]).await;
    let mut a = String::new();
    sync(&ann, &mut a, "").await;
    say(&ann, &den, "before").await;
    let (token, user, device) = (ann.token.clone(), ann.user.clone(), ann.device.clone());
    drop(ann);
    let server = server.restart();
    let ann = Client { token, user, device, ..server.anyone() };
    assert_eq!(bodies(&sync(&ann, &mut a, "").await, &den), ["before"]);
    say(&ann, &den, "after").await;
    assert_eq!(bodies(&sync(&ann, &mut a, "").await, &den), ["after"]);
}
