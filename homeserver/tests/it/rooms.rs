//! Rooms as their members, and those who are none, meet them.

use crate::harness::{Answer, Client, Server};
use http::StatusCode;
use serde_json::{Value, json};

const V3: &str = "/_matrix/client/v3";

/// Makes a room and gives its identifier.
async fn create(client: &Client<'_>, body: Value) -> String {
    client.post(&format!("{V3}/createRoom"), body).await.ok()["room_id"].as_str().unwrap().to_owned()
}

async fn join(client: &Client<'_>, room: &str) -> Answer {
    client.post(&format!("{V3}/join/{room}"), json!({})).await
}

async fn leave(client: &Client<'_>, room: &str) {
    client.post(&format!("{V3}/rooms/{room}/leave"), json!({})).await.ok();
}

async fn say(client: &Client<'_>, room: &str, body: &str) -> String {
    let path = format!("{V3}/rooms/{room}/send/m.room.message/{body}");
    let sent = client.put(&path, json!({ "msgtype": "m.text", "body": body })).await.ok();
    sent["event_id"].as_str().unwrap().to_owned()
}

async fn set(client: &Client<'_>, room: &str, kind: &str, key: &str, content: Value) -> Answer {
    client.put(&format!("{V3}/rooms/{room}/state/{kind}/{key}"), content).await
}

async fn topic(client: &Client<'_>, room: &str) -> Value {
    client.get(&format!("{V3}/rooms/{room}/state/m.room.topic/")).await.ok()["topic"].clone()
}

/// Names of those whose membership is among these events.
fn members(events: &Value) -> Vec<&str> {
    let mut members: Vec<&str> = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "m.room.member")
        .map(|event| event["state_key"].as_str().unwrap())
        .collect();
    members.sort_unstable();
    members
}

#[tokio::test]
async fn nobody_vouches_for_themselves_in_a_restricted_room() {
    for rule in ["restricted", "knock_restricted"] {
        let server = Server::new();
        let (ann, bob) = (server.user("ann").await, server.user("bob").await);
        let club = create(&ann, json!({ "preset": "public_chat" })).await;
        let allow = json!([{ "type": "m.room_membership", "room_id": club }]);
        let rules = json!({ "join_rule": rule, "allow": allow });
        let initial = json!([{ "type": "m.room.join_rules", "state_key": "", "content": rules }]);
        let room = create(&ann, json!({ "initial_state": initial })).await;

        let vouched = json!({ "membership": "join", "join_authorised_via_users_server": ann.user });
        set(&bob, &room, "m.room.member", &bob.user, vouched.clone()).await.error(403, "M_FORBIDDEN");
        join(&bob, &room).await.error(403, "M_FORBIDDEN");

        // Whoever fulfils the condition gets in, and the server says by whose power whatever the client said.
        join(&bob, &club).await.ok();
        let lie = json!({ "membership": "join", "join_authorised_via_users_server": "@nobody:elsewhere.org" });
        set(&bob, &room, "m.room.member", &bob.user, lie).await.ok();
        let member = bob.get(&format!("{V3}/rooms/{room}/state/m.room.member/{}", bob.user)).await.ok();
        assert_eq!(member["join_authorised_via_users_server"], json!(ann.user));
    }
}

#[tokio::test]
async fn only_members_write_into_a_room_of_any_version() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    for version in 1..=12 {
        let room = create(&ann, json!({ "room_version": version.to_string(), "preset": "public_chat" })).await;
        let aliases = json!({ "aliases": ["#nonsense:example.org"] });
        set(&bob, &room, "m.room.aliases", "example.org", aliases.clone()).await.error(403, "M_FORBIDDEN");
        join(&bob, &room).await.ok();
        ann.post(&format!("{V3}/rooms/{room}/ban"), json!({ "user_id": bob.user })).await.ok();
        set(&bob, &room, "m.room.aliases", "example.org", aliases).await.error(403, "M_FORBIDDEN");
    }
}

#[tokio::test]
async fn who_left_is_not_shown_what_followed_whatever_their_membership_becomes() {
    let server = Server::new();
    let (ann, bob, cat) = (server.user("ann").await, server.user("bob").await, server.user("cat").await);
    let rules = json!([{ "type": "m.room.join_rules", "state_key": "", "content": { "join_rule": "knock" } }]);
    let room = create(&ann, json!({ "initial_state": rules, "topic": "before" })).await;
    let invite = |user: String| json!({ "user_id": user });
    ann.post(&format!("{V3}/rooms/{room}/invite"), invite(bob.user.clone())).await.ok();
    join(&bob, &room).await.ok();
    leave(&bob, &room).await;
    set(&ann, &room, "m.room.topic", "", json!({ "topic": "after" })).await.ok();
    ann.post(&format!("{V3}/rooms/{room}/invite"), invite(cat.user.clone())).await.ok();
    join(&cat, &room).await.ok();

    let check = async || {
        assert_eq!(topic(&bob, &room).await, "before");
        let state = bob.get(&format!("{V3}/rooms/{room}/state")).await.ok();
        assert_eq!(members(&state), [&ann.user, &bob.user]);
        for at in ["", "?at=s9999999"] {
            let answer = bob.get(&format!("{V3}/rooms/{room}/members{at}")).await.ok();
            assert_eq!(members(&answer["chunk"]), [&ann.user, &bob.user]);
        }
        let filter = r#"{"room":{"include_leave":true}}"#.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        let sync = bob.get(&format!("{V3}/sync?filter={filter}")).await.ok();
        assert!(!sync["rooms"]["leave"].to_string().contains("after"), "{sync}");
    };
    check().await;
    bob.post(&format!("{V3}/knock/{room}"), json!({})).await.ok();
    check().await;
    leave(&bob, &room).await;
    check().await;
    ann.post(&format!("{V3}/rooms/{room}/invite"), invite(bob.user.clone())).await.ok();
    check().await;
    ann.post(&format!("{V3}/rooms/{room}/ban"), invite(bob.user.clone())).await.ok();
    check().await;
    // Whoever is back sees it all.
    ann.post(&format!("{V3}/rooms/{room}/unban"), invite(bob.user.clone())).await.ok();
    ann.post(&format!("{V3}/rooms/{room}/invite"), invite(bob.user.clone())).await.ok();
    join(&bob, &room).await.ok();
    assert_eq!(topic(&bob, &room).await, "after");
}

#[tokio::test]
async fn a_context_shows_no_state_of_after_its_last_event() {
    let server = Server::new();
    let (ann, bob, cat) = (server.user("ann").await, server.user("bob").await, server.user("cat").await);
    let room = create(&ann, json!({ "preset": "public_chat", "topic": "before" })).await;
    join(&bob, &room).await.ok();
    let event = say(&ann, &room, "seen").await;
    leave(&bob, &room).await;
    set(&ann, &room, "m.room.topic", "", json!({ "topic": "after" })).await.ok();
    join(&cat, &room).await.ok();
    ann.put(&format!("{V3}/profile/{}/displayname", ann.user), json!({ "displayname": "Renamed" })).await.ok();

    let lazy = "filter=%7B%22lazy_load_members%22:true%7D";
    for filter in ["limit=10".to_owned(), format!("limit=10&{lazy}")] {
        let answer = bob.get(&format!("{V3}/rooms/{room}/context/{event}?{filter}")).await.ok();
        let state = answer["state"].to_string();
        assert!(state.contains("before") && !state.contains("after") && !state.contains("Renamed"), "{state}");
        assert!(!members(&answer["state"]).contains(&cat.user.as_str()));
    }
    let page = bob.get(&format!("{V3}/rooms/{room}/messages?dir=b&{lazy}")).await.ok();
    assert!(!page["state"].to_string().contains("Renamed"), "{page}");

    // The event alone, with the member who sent it.
    let answer = ann.get(&format!("{V3}/rooms/{room}/context/{event}?limit=0&{lazy}")).await.ok();
    assert_eq!((&answer["events_before"], &answer["events_after"]), (&Value::Null, &Value::Null));
    assert_eq!(members(&answer["state"]), [&ann.user]);
}

#[tokio::test]
async fn who_makes_a_room_has_their_name_in_it() {
    let server = Server::new();
    let ann = server.user("ann").await;
    ann.put(&format!("{V3}/profile/{}/displayname", ann.user), json!({ "displayname": "Ann" })).await.ok();
    let room = create(&ann, json!({})).await;
    let member = ann.get(&format!("{V3}/rooms/{room}/state/m.room.member/{}", ann.user)).await.ok();
    assert_eq!(member, json!({ "membership": "join", "displayname": "Ann" }));
}

#[tokio::test]
async fn one_transaction_id_serves_for_redactions_of_several_events() {
    let mut server = Server::new();
    let (name, room, events);
    {
        let ann = server.user("ann").await;
        room = create(&ann, json!({})).await;
        events = [say(&ann, &room, "one").await, say(&ann, &room, "two").await];
        name = ann.clone().token;
        let mut redactions = Vec::new();
        for event in &events {
            let path = format!("{V3}/rooms/{room}/redact/{event}/same");
            redactions.push(ann.put(&path, json!({})).await.ok()["event_id"].clone());
            assert_eq!(ann.put(&path, json!({})).await.ok()["event_id"], *redactions.last().unwrap());
            let event = ann.get(&format!("{V3}/rooms/{room}/event/{event}")).await.ok();
            assert_eq!(event["content"], json!({}));
        }
        assert_ne!(redactions[0], redactions[1]);
    }
    server = server.restart();
    let ann = Client { token: name, ..server.anyone() };
    let page = ann.get(&format!("{V3}/rooms/{room}/messages?dir=b&limit=100")).await.ok();
    ann.put(&format!("{V3}/rooms/{room}/redact/{}/same", events[1]), json!({})).await.ok();
    assert_eq!(ann.get(&format!("{V3}/rooms/{room}/messages?dir=b&limit=100")).await.ok()["chunk"], page["chunk"]);
}

#[tokio::test]
async fn a_redaction_says_once_what_it_redacts() {
    let server = Server::new();
    let ann = server.user("ann").await;
    for (version, in_content) in [("10", false), ("11", true)] {
        let room = create(&ann, json!({ "room_version": version })).await;
        let event = say(&ann, &room, "regretted").await;
        let body = json!({ "redacts": event, "reason": "because" });
        let redaction = ann.put(&format!("{V3}/rooms/{room}/send/m.room.redaction/t"), body).await.ok();
        let id: ruma::OwnedEventId = redaction["event_id"].as_str().unwrap().try_into().unwrap();
        let snapshot = server.app.store.snapshot().unwrap();
        let number = hearth_homeserver::rooms::graph::event_no(&snapshot, &id).unwrap().unwrap();
        let record = hearth_homeserver::rooms::graph::record(&snapshot, number).unwrap();
        let pdu: Value = serde_json::from_slice(&record.json).unwrap();
        assert_eq!(pdu["content"].get("redacts").is_some(), in_content, "{pdu}");
        assert_eq!(pdu.get("redacts").is_some(), !in_content, "{pdu}");
    }
}

#[tokio::test]
async fn an_event_is_found_by_its_time_in_a_long_room() {
    let server = Server::new();
    let ann = server.user("ann").await;
    let room = create(&ann, json!({})).await;
    let mut sent = Vec::new();
    for n in 0..40 {
        server.pass(1000);
        sent.push((server.app.clock.now(), say(&ann, &room, &format!("m{n}")).await));
    }
    let find = async |ts: u64, dir: &str| {
        ann.get(&format!("/_matrix/client/v1/rooms/{room}/timestamp_to_event?ts={ts}&dir={dir}")).await
    };
    for (at, event) in &sent {
        for (ts, dir) in [(*at, "f"), (at - 999, "f"), (*at, "b"), (at + 999, "b")] {
            assert_eq!(find(ts, dir).await.ok()["event_id"], json!(event), "{ts} {dir}");
        }
    }
    find(sent[39].0 + 1, "f").await.error(404, "M_NOT_FOUND");
    find(1, "b").await.error(404, "M_NOT_FOUND");
    find(0, "f").await.ok();
    find(9_007_199_254_740_991, "b").await.ok();
}

#[tokio::test]
async fn a_forgotten_room_is_closed_to_who_forgot_it() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let room = create(&ann, json!({ "preset": "public_chat" })).await;
    join(&bob, &room).await.ok();
    let event = say(&ann, &room, "once").await;
    leave(&bob, &room).await;
    let paths = [format!("event/{event}"), format!("context/{event}"), "messages?dir=b".to_owned(), "state".to_owned()];
    for path in &paths {
        bob.get(&format!("{V3}/rooms/{room}/{path}")).await.ok();
    }
    bob.post(&format!("{V3}/rooms/{room}/forget"), json!({})).await.ok();
    let closed = async || {
        for path in &paths {
            let status = bob.get(&format!("{V3}/rooms/{room}/{path}")).await.status;
            assert!([StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status), "{path}: {status}");
        }
    };
    closed().await;
    ann.post(&format!("{V3}/rooms/{room}/ban"), json!({ "user_id": bob.user })).await.ok();
    closed().await;
}

#[tokio::test]
async fn who_comes_later_sees_that_the_history_was_opened() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let closed = json!([{ "type": "m.room.history_visibility", "state_key": "", "content": { "history_visibility": "joined" } }]);
    let room = create(&ann, json!({ "preset": "public_chat", "initial_state": closed })).await;
    let hidden = say(&ann, &room, "hidden").await;
    let opened =
        set(&ann, &room, "m.room.history_visibility", "", json!({ "history_visibility": "shared" })).await.ok();
    join(&bob, &room).await.ok();
    bob.get(&format!("{V3}/rooms/{room}/event/{hidden}")).await.error(404, "M_NOT_FOUND");
    bob.get(&format!("{V3}/rooms/{room}/event/{}", opened["event_id"].as_str().unwrap())).await.ok();
}

#[tokio::test]
async fn who_does_not_want_invitations_gets_none() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let room = create(&ann, json!({})).await;
    let early = create(&ann, json!({ "invite": [bob.user] })).await;
    let config = format!("{V3}/user/{}/account_data/m.invite_permission_config", bob.user);
    bob.put(&config, json!({ "default_action": "block" })).await.ok();

    ann.post(&format!("{V3}/rooms/{room}/invite"), json!({ "user_id": bob.user })).await.error(403, "M_INVITE_BLOCKED");
    set(&ann, &room, "m.room.member", &bob.user, json!({ "membership": "invite" }))
        .await
        .error(403, "M_INVITE_BLOCKED");
    ann.post(&format!("{V3}/createRoom"), json!({ "invite": [bob.user] })).await.error(403, "M_INVITE_BLOCKED");
    assert_eq!(bob.get(&format!("{V3}/sync")).await.ok()["rooms"]["invite"], Value::Null);

    bob.put(&config, json!({})).await.ok();
    ann.post(&format!("{V3}/rooms/{room}/invite"), json!({ "user_id": bob.user })).await.ok();
    let invited = bob.get(&format!("{V3}/sync")).await.ok()["rooms"]["invite"].clone();
    assert!(invited[&room].is_object() && invited[&early].is_object(), "{invited}");
}

#[tokio::test]
async fn a_reaction_counts_once_until_it_is_taken_back() {
    let server = Server::new();
    let ann = server.user("ann").await;
    let room = create(&ann, json!({})).await;
    let event = say(&ann, &room, "funny").await;
    let react = async |key: &str, txn: &str| {
        let content = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": event, "key": key } });
        ann.put(&format!("{V3}/rooms/{room}/send/m.reaction/{txn}"), content).await
    };
    let laugh = react("laugh", "1").await.ok();
    react("cry", "2").await.ok();
    react("laugh", "3").await.error(400, "M_DUPLICATE_ANNOTATION");
    let redact = format!("{V3}/rooms/{room}/redact/{}/4", laugh["event_id"].as_str().unwrap());
    ann.put(&redact, json!({})).await.ok();
    react("laugh", "5").await.ok();
}

#[tokio::test]
async fn aliases_are_made_kept_and_removed_by_who_may() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let room = create(&ann, json!({ "preset": "public_chat" })).await;
    let path = |alias: &str| format!("{V3}/directory/room/%23{alias}:example.org");
    ann.put(&path("den"), json!({ "room_id": room })).await.ok();
    ann.put(&path("attic"), json!({ "room_id": room })).await.ok();
    ann.put(&path("den"), json!({ "room_id": room })).await.error(409, "M_UNKNOWN");

    // An alias that is gone from the directory may stay in the room's list.
    let list = json!({ "alias": "#den:example.org", "alt_aliases": ["#attic:example.org"] });
    set(&ann, &room, "m.room.canonical_alias", "", list).await.ok();
    ann.delete(&path("attic"), json!({})).await.ok();
    let list = json!({ "alt_aliases": ["#attic:example.org"] });
    set(&ann, &room, "m.room.canonical_alias", "", list).await.ok();
    let list = json!({ "alt_aliases": ["#attic:example.org", "#cellar:example.org"] });
    set(&ann, &room, "m.room.canonical_alias", "", list).await.error(400, "M_BAD_ALIAS");

    // Power in the room is a member's power.
    let levels = ann.get(&format!("{V3}/rooms/{room}/state/m.room.power_levels/")).await.ok();
    let mut levels = levels;
    levels["users"][&bob.user] = json!(50);
    set(&ann, &room, "m.room.power_levels", "", levels).await.ok();
    bob.delete(&path("den"), json!({})).await.error(403, "M_FORBIDDEN");
    join(&bob, &room).await.ok();
    bob.delete(&path("den"), json!({})).await.ok();
}
