//! A snapshot of a running server, and a server of it again: nothing acknowledged is missing, nothing is given out
//! twice, and clients that know more than the server go on.

use crate::{
    admin::Served,
    harness::{Client, START, Server},
    process::{command, fed, wait_until},
};
use hearth_homeserver::{rooms::state, server::restore};
use hearth_store::{
    Key, Options, Read as _, Snapshot, Store, StoreError, Table,
    dump::{self, DumpError, LoadError},
    tables::{self, TableVisitor, visit_all},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;

const V3: &str = "/_matrix/client/v3";
/// Half an hour after the start: when the box is restored.
const LATER: u64 = START + 30 * 60_000;

async fn room(client: &Client<'_>, others: &[&Client<'_>]) -> String {
    let invite: Vec<_> = others.iter().map(|other| other.user.clone()).collect();
    let body = json!({ "preset": "public_chat", "name": "den", "invite": invite });
    let room = client.post(&format!("{V3}/createRoom"), body).await.ok()["room_id"].as_str().unwrap().to_owned();
    for other in others {
        other.post(&format!("{V3}/rooms/{room}/join"), json!({})).await.ok();
    }
    room
}

async fn say(client: &Client<'_>, room: &str, words: &str) -> String {
    let path = format!("{V3}/rooms/{room}/send/m.room.message/{}", words.replace(' ', "-"));
    let answer = client.put(&path, json!({ "msgtype": "m.text", "body": words })).await.ok();
    answer["event_id"].as_str().unwrap().to_owned()
}

async fn sync(client: &Client<'_>, since: &str) -> (Value, String) {
    let since = if since.is_empty() { String::new() } else { format!("&since={since}") };
    let answer = client.get(&format!("{V3}/sync?timeout=0{since}")).await.ok();
    let next = answer["next_batch"].as_str().unwrap().to_owned();
    (answer, next)
}

fn bodies(answer: &Value, room: &str) -> Vec<String> {
    let events = answer["rooms"]["join"][room]["timeline"]["events"].as_array().cloned().unwrap_or_default();
    events.iter().filter_map(|event| Some(event["content"]["body"].as_str()?.to_owned())).collect()
}

fn list(value: &Value) -> BTreeSet<&str> {
    value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

fn one_time_keys(from: u64, count: u64) -> Value {
    let key =
        |n: u64| json!({ "key": format!("key{n}"), "signatures": { "@ann:example.org": { "ed25519:A": "sig" } } });
    (from..from + count).map(|n| (format!("signed_curve25519:{n}"), key(n))).collect::<serde_json::Map<_, _>>().into()
}

/// The database of a server as a stream.
fn dumped(server: &Server) -> Vec<u8> {
    let mut bytes = Vec::new();
    server.app.store.snapshot().unwrap().dump(&mut bytes, state::nodes_in_order).unwrap();
    bytes
}

/// A server restored from a snapshot.
fn restored(bytes: &[u8], keep_one_time_keys: bool) -> Server {
    let folder = tempfile::tempdir().unwrap();
    restore::restore(bytes, folder.path(), keep_one_time_keys, LATER).unwrap();
    Server::on(folder, LATER)
}

/// The same login on another server.
fn moved<'a>(client: &Client<'_>, server: &'a Server) -> Client<'a> {
    Client {
        server,
        token: client.token.clone(),
        user: client.user.clone(),
        device: client.device.clone(),
        ip: client.ip,
    }
}

/// Some of everything that clients leave behind. Returns the room.
async fn live(ann: &Client<'_>, bob: &Client<'_>) -> String {
    let den = room(ann, &[bob]).await;
    for n in 0..30 {
        say(if n % 2 == 0 { ann } else { bob }, &den, &n.to_string()).await;
    }
    let last = say(ann, &den, "read me").await;
    bob.post(&format!("{V3}/rooms/{den}/receipt/m.read/{last}"), json!({})).await.ok();
    bob.post(&format!("{V3}/rooms/{den}/receipt/m.read.private/{last}"), json!({})).await.ok();
    for topic in ["one", "two", "one", "three"] {
        ann.put(&format!("{V3}/rooms/{den}/state/m.room.topic"), json!({ "topic": topic })).await.ok();
    }
    let alias = json!({ "room_id": den });
    ann.put(&format!("{V3}/directory/room/%23den:example.org"), alias.clone()).await.ok();
    ann.put(&format!("{V3}/directory/room/%23gone:example.org"), alias).await.ok();
    ann.delete(&format!("{V3}/directory/room/%23gone:example.org"), json!({})).await.ok();
    let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": last, "key": "+" } });
    bob.put(&format!("{V3}/rooms/{den}/send/m.reaction/r"), reaction).await.ok();
    bob.put(&format!("{V3}/rooms/{den}/redact/{}/x", say(bob, &den, "oops").await), json!({})).await.ok();
    bob.put(&format!("{V3}/profile/{}/displayname", bob.user), json!({ "displayname": "Bobby" })).await.ok();
    let other = room(bob, &[ann]).await;
    ann.post(&format!("{V3}/rooms/{other}/leave"), json!({})).await.ok();
    ann.post(&format!("{V3}/rooms/{other}/forget"), json!({})).await.ok();
    bob.post(&format!("{V3}/rooms/{other}/ban"), json!({ "user_id": ann.user })).await.ok();
    bob.post(&format!("{V3}/createRoom"), json!({ "invite": [ann.user] })).await.ok();
    let data = format!("{V3}/user/{}/account_data/org.example.a", ann.user);
    ann.put(&data, json!({ "n": 1 })).await.ok();
    ann.put(&data, json!({ "n": 2 })).await.ok();
    ann.post(&format!("{V3}/keys/upload"), json!({ "one_time_keys": one_time_keys(0, 20) })).await.ok();
    let fallback = json!({ "fallback_keys": { "signed_curve25519:F": { "key": "f", "fallback": true, "signatures": { "@ann:example.org": { "ed25519:A": "sig" } } } } });
    ann.post(&format!("{V3}/keys/upload"), fallback).await.ok();
    let body = json!({ "messages": { &ann.user: { "*": { "n": 1 } } } });
    bob.put(&format!("{V3}/sendToDevice/m.test/1"), body).await.ok();
    den
}

/// Rows as bytes, by table.
type AllRows = BTreeMap<&'static str, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Every table's rows as bytes.
fn rows(read: &Snapshot) -> AllRows {
    struct Whole;
    impl<K> hearth_store::EncodeKey<K> for Whole {
        fn encode_key(&self, _: &mut Vec<u8>) {}
    }
    struct Rows<'r>(&'r Snapshot, AllRows);
    impl TableVisitor for Rows<'_> {
        type Error = StoreError;
        fn table<K: Key, V: hearth_store::Value>(&mut self, table: Table<K, V>) -> Result<(), StoreError> {
            let mut rows = BTreeMap::new();
            for row in self.0.range::<K, V, Whole>(table, ..)? {
                let (key, value) = row?;
                let (mut key_bytes, mut value_bytes) = (Vec::new(), Vec::new());
                key.encode(&mut key_bytes);
                value.encode(&mut value_bytes)?;
                rows.insert(key_bytes, value_bytes);
            }
            self.1.insert(table.name(), rows);
            Ok(())
        }
    }
    let mut all = Rows(read, BTreeMap::new());
    visit_all(&mut all).unwrap();
    all.1
}

#[tokio::test]
async fn every_table_of_a_server_that_was_lived_in_comes_back() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    live(&ann, &bob).await;
    let second = server.login("ann").await;
    second.post(&format!("{V3}/logout"), json!({})).await.ok();
    let refreshable = json!({
        "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "bob" },
        "password": crate::harness::password("bob"), "refresh_token": true,
    });
    let refresh = server.anyone().post(&format!("{V3}/login"), refreshable).await.ok()["refresh_token"].clone();
    server.anyone().post(&format!("{V3}/refresh"), json!({ "refresh_token": refresh })).await.ok();

    let before = server.app.store.snapshot().unwrap();
    let bytes = dumped(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let nothing = |_: &Store, _: &dump::Loaded| Ok::<_, LoadError>(());
    dump::load(bytes.as_slice(), &path, |_| Ok(()), |contents| contents.position, nothing).unwrap();
    let again = Store::open(&path, Options::default()).unwrap();
    let after = again.snapshot().unwrap();
    let (before_rows, after_rows) = (rows(&before), rows(&after));
    for (table, rows) in &before_rows {
        let mine = &after_rows[table];
        assert!(mine == rows, "{table}: {} rows became {}", rows.len(), mine.len());
    }
    for full in [
        "EVENT_IDS",
        "TIMELINE",
        "ROOM_IDS",
        "ROOM_MEMBERS",
        "ROOM_ALIASES",
        "DEVICE_TOKENS",
        "ACCOUNT_DATA_LOG",
        "RECEIPTS_LOG",
        "REFRESH_TOKENS",
        "STATE_NODES",
        "RELATIONS",
        "TO_DEVICE",
        "ONE_TIME_KEYS",
    ] {
        assert!(!before_rows[full].is_empty(), "{full} is to be in this test");
    }
}

/// Cuts bytes into chunks of some 4 KiB by their content, as backup programs do with larger ones.
fn chunks(bytes: &[u8]) -> BTreeMap<u64, usize> {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    let gear = |byte: u8| BuildHasherDefault::<DefaultHasher>::default().hash_one(byte);
    let gears: Vec<u64> = (0..=255).map(gear).collect();
    let (mut chunks, mut start, mut rolling) = (BTreeMap::new(), 0, 0_u64);
    for (at, byte) in bytes.iter().enumerate() {
        rolling = (rolling << 1).wrapping_add(gears[usize::from(*byte)]);
        let length = at + 1 - start;
        if (length >= 1024 && rolling >> 52 == 0) || length >= 16_384 || at + 1 == bytes.len() {
            let chunk = &bytes[start..=at];
            chunks.insert(BuildHasherDefault::<DefaultHasher>::default().hash_one(chunk), chunk.len());
            (start, rolling) = (at + 1, 0);
        }
    }
    chunks
}

#[tokio::test]
async fn what_has_not_changed_is_found_again_by_its_content() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let writers = [&ann, &bob];
    let mut dens = Vec::new();
    for _ in 0..4 {
        let den = room(&ann, &[&bob]).await;
        // A state of hundreds of entries, whose nodes have hashes for names.
        for n in 0..150 {
            let path = format!("{V3}/rooms/{den}/state/org.example.seat/{n}");
            ann.put(&path, json!({ "taken": n })).await.ok();
        }
        dens.push(den);
    }
    for n in 0..400 {
        say(writers[n % 2], &dens[n % 4], &format!("{n} {}", "word ".repeat(n % 50))).await;
    }
    let before = dumped(&server);
    // A hundred messages, and ten changes of a state whose trie has many nodes.
    for n in 0..100 {
        say(writers[n % 2], &dens[1], &format!("later {n}")).await;
    }
    for n in 0..10 {
        let path = format!("{V3}/rooms/{}/state/org.example.seat/{n}", dens[n % 2]);
        ann.put(&path, json!({ "taken": "anew" })).await.ok();
    }
    let after = dumped(&server);
    let (old, new) = (chunks(&before), chunks(&after));
    let fresh: usize = new.iter().filter(|(id, _)| !old.contains_key(id)).map(|(_, length)| length).sum();
    let grown = after.len() - before.len();
    println!("{} bytes before, {grown} more after, {fresh} in chunks that were not there", before.len());
    // Of each table that something was added to the chunks around it, and what was added itself.
    assert!(fresh < 2 * grown + 10 * 16_384, "{fresh} bytes are new where {grown} were added");
    assert!(fresh * 3 < after.len(), "{fresh} of {} bytes are new", after.len());
    // The same rows are the same bytes.
    assert!(dumped(&server) == after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_taken_while_everybody_writes_has_all_that_was_acknowledged_before() {
    let server = Server::new();
    let ann = server.user("ann").await;
    let den = room(&ann, &[]).await;
    let socket = Served::of(&server).await;
    let acknowledged = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    let write = async |name: usize| {
        let mut n = 0;
        while !over.load(Ordering::Relaxed) {
            let id = say(&ann, &den, &format!("{name}-{n}")).await;
            acknowledged.lock().unwrap().push(id);
            n += 1;
        }
    };
    let take = async {
        let mut taken = Vec::new();
        for _ in 0..4 {
            let known = acknowledged.lock().unwrap().len() + 40;
            while acknowledged.lock().unwrap().len() < known {
                tokio::task::yield_now().await;
            }
            let before: Vec<String> = acknowledged.lock().unwrap().clone();
            let answer = socket.ask(|owner| owner.get("/v1/snapshot")).await;
            assert!(answer.whole && answer.status.is_success());
            taken.push((before, answer.body));
        }
        over.store(true, Ordering::Relaxed);
        taken
    };
    let (taken, ..) = tokio::join!(take, write(0), write(1), write(2), write(3));
    for (before, bytes) in taken {
        let summary = restore::verify(bytes.as_slice()).unwrap();
        assert_eq!((summary.server_name.as_str(), summary.users, summary.rooms), ("example.org", 1, 1));
        let again = restored(&bytes, false);
        let read = again.app.store.snapshot().unwrap();
        for id in &before {
            assert!(read.contains(tables::EVENT_IDS, id.as_str()).unwrap(), "{id} was acknowledged and is missing");
        }
        assert!(summary.events >= before.len() as u64);
        assert!(again.app.store.check().unwrap().is_sound());
        // The room goes on.
        say(&moved(&ann, &again), &den, "after").await;
    }
    socket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_snapshot_at_a_time_and_a_reader_that_goes_away_ends_it() {
    let server = Server::new();
    let ann = server.user("ann").await;
    let den = room(&ann, &[]).await;
    // More than the socket and what waits before it can hold.
    for n in 0..60 {
        let path = format!("{V3}/rooms/{den}/send/m.room.message/{n}");
        ann.put(&path, json!({ "body": "x".repeat(50_000) })).await.ok();
    }
    let socket = Served::of(&server).await;
    let mut reader = std::os::unix::net::UnixStream::connect(&socket.owner.0).unwrap();
    reader.write_all(b"GET /v1/snapshot HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    // It has its turn as soon as its answer begins.
    reader.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let mut begin = [0; 12];
    reader.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    socket.ask(|owner| owner.get("/v1/snapshot").error(409, "M_UNKNOWN")).await;
    drop(reader);
    let whole = socket
        .ask(|owner| {
            let owner = owner.clone();
            let mut whole = None;
            wait_until("another turn", || {
                let answer = owner.get("/v1/snapshot");
                let done = answer.status.is_success() && answer.whole;
                whole = Some(answer.body);
                done
            });
            whole.unwrap()
        })
        .await;
    restore::verify(whole.as_slice()).unwrap();
    socket.end().await;
}

#[tokio::test]
async fn one_time_keys_are_not_used_twice_and_people_stay_logged_in() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    live(&ann, &bob).await;
    let backup = json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": { "public_key": "a" } });
    let version = ann.post(&format!("{V3}/room_keys/version"), backup.clone()).await.ok()["version"].clone();
    let filters = format!("{V3}/user/{}/filter", ann.user);
    ann.post(&filters, json!({})).await.ok();
    let etag = ann.get(&format!("{V3}/room_keys/version")).await.ok()["etag"].clone();
    let bytes = dumped(&server);
    // In what will be lost: a filter and a version whose numbers clients now know.
    let lost_filter = ann.post(&filters, json!({ "room": { "timeline": { "limit": 3 } } })).await.ok();
    let lost_version = ann.post(&format!("{V3}/room_keys/version"), backup.clone()).await.ok();

    let again = restored(&bytes, false);
    let (ann, bob) = (moved(&ann, &again), moved(&bob, &again));
    ann.get(&format!("{V3}/account/whoami")).await.ok();
    let (answer, _) = sync(&ann, "").await;
    assert_eq!(answer["device_one_time_keys_count"], json!({ "signed_curve25519": 0 }));
    assert_eq!(answer["device_unused_fallback_key_types"], json!([]));
    let claim = json!({ "one_time_keys": { &ann.user: { &ann.device: "signed_curve25519" } } });
    let claimed = bob.post(&format!("{V3}/keys/claim"), claim.clone()).await.ok();
    assert_eq!(claimed["one_time_keys"][&ann.user], Value::Null, "{claimed}");
    // A repeated upload of old keys brings none of them back, new ones are on offer.
    let upload = |keys: Value| json!({ "one_time_keys": keys });
    let keys = format!("{V3}/keys/upload");
    assert_eq!(ann.post(&keys, upload(one_time_keys(0, 20))).await.ok()["one_time_key_counts"], json!({}));
    let counts = ann.post(&keys, upload(one_time_keys(20, 5))).await.ok()["one_time_key_counts"].clone();
    assert_eq!(counts, json!({ "signed_curve25519": 5 }));
    let claimed = bob.post(&format!("{V3}/keys/claim"), claim.clone()).await.ok();
    assert!(claimed["one_time_keys"][&ann.user][&ann.device]["signed_curve25519:20"].is_object(), "{claimed}");

    let now = ann.get(&format!("{V3}/room_keys/version")).await.ok();
    assert_eq!(now["version"], version);
    assert_ne!(now["etag"], etag, "other contents may come under the old number");
    let next = ann.post(&format!("{V3}/room_keys/version"), backup).await.ok();
    assert_ne!(next["version"], lost_version["version"]);
    let next = ann.post(&filters, json!({ "room": { "timeline": { "limit": 4 } } })).await.ok();
    assert_ne!(next["filter_id"], lost_filter["filter_id"]);

    let kept = restored(&bytes, true);
    let bob = moved(&bob, &kept);
    let claimed = bob.post(&format!("{V3}/keys/claim"), claim).await.ok();
    assert!(claimed["one_time_keys"][&ann.user][&ann.device]["signed_curve25519:0"].is_object(), "{claimed}");
}

/// A client that is told nothing but that its token is unknown throws its keys away.
#[tokio::test]
async fn whoever_has_refreshed_since_the_snapshot_logs_in_again_and_keeps_the_keys() {
    let server = Server::new();
    server.user("ann").await;
    let mut body = crate::harness::login_body("ann");
    body["refresh_token"] = true.into();
    body["device_id"] = "PHONE".into();
    let login = server.anyone().post(&format!("{V3}/login"), body.clone()).await.ok();
    let bytes = dumped(&server);
    let refresh = format!("{V3}/refresh");
    let lost = server.anyone().post(&refresh, json!({ "refresh_token": login["refresh_token"] })).await.ok();
    let phone = server.client(&login);
    let phone = Client { token: Some(lost["access_token"].as_str().unwrap().to_owned()), ..phone };
    phone.get(&format!("{V3}/account/whoami")).await.ok();
    let used = json!({ "refresh_token": lost["refresh_token"] });

    let again = restored(&bytes, false);
    let phone = moved(&phone, &again);
    let asked = phone.get(&format!("{V3}/account/whoami")).await.error(401, "M_UNKNOWN_TOKEN");
    assert_eq!(asked["soft_logout"], true);
    let asked = phone.post(&refresh, used.clone()).await.error(401, "M_UNKNOWN_TOKEN");
    assert_eq!(asked["soft_logout"], true);
    let login = again.anyone().post(&format!("{V3}/login"), body).await.ok();
    assert_eq!(login["device_id"], "PHONE");

    // In the end a token that nobody knows is one that was ended.
    again.pass(28 * 24 * 60 * 60 * 1_000);
    for asked in [phone.get(&format!("{V3}/account/whoami")).await, phone.post(&refresh, used).await] {
        assert_ne!(asked.error(401, "M_UNKNOWN_TOKEN")["soft_logout"], true);
    }
}

#[tokio::test]
async fn a_client_that_has_seen_more_than_the_snapshot_goes_on_and_misses_nothing() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let den = live(&ann, &bob).await;
    for client in [&ann, &bob] {
        let keys = json!({
            "user_id": client.user, "device_id": client.device, "algorithms": [],
            "keys": { (format!("ed25519:{}", client.device)): "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
        });
        put_device_keys(&server, client, keys).await;
    }
    let (_, early) = sync(&bob, "").await;
    say(&ann, &den, "in the snapshot").await;
    let (_, before) = sync(&bob, &early).await;
    let bytes = dumped(&server);

    // Lost: messages, a topic, a kick, a room, account data, to-device messages.
    for n in 0..5 {
        say(&ann, &den, &format!("lost {n}")).await;
    }
    ann.put(&format!("{V3}/rooms/{den}/state/m.room.topic"), json!({ "topic": "lost" })).await.ok();
    let data = format!("{V3}/user/{}/account_data/org.example.b", bob.user);
    bob.put(&data, json!({ "lost": true })).await.ok();
    let lost_room = room(&ann, &[&bob]).await;
    bob.post(&format!("{V3}/rooms/{den}/leave"), json!({})).await.ok();
    let message = |n: u64| json!({ "messages": { &bob.user: { "*": { "n": n } } } });
    ann.put(&format!("{V3}/sendToDevice/m.test/lost"), message(100)).await.ok();
    let (answer, beyond) = sync(&bob, &before).await;
    assert_eq!(answer["to_device"]["events"].as_array().unwrap().len(), 1);

    let again = restored(&bytes, false);
    let (ann, bob) = (moved(&ann, &again), moved(&bob, &again));
    // The same token, before anything has happened: an answer at once, and of all that may have been otherwise.
    let (answer, next) = sync(&bob, &beyond).await;
    let here = &answer["rooms"]["join"][&den];
    assert!(bodies(&answer, &den).is_empty(), "nothing is new: {here}");
    let topics = here["state"]["events"].as_array().unwrap().iter().filter(|event| event["type"] == "m.room.topic");
    assert_eq!(topics.map(|event| event["content"]["topic"].clone()).collect::<Vec<_>>(), ["three"]);
    assert!(answer["rooms"]["join"].get(&lost_room).is_none());
    let kinds: Vec<_> =
        answer["account_data"]["events"].as_array().unwrap().iter().map(|e| e["type"].clone()).collect();
    assert!(kinds.contains(&json!("m.push_rules")), "{kinds:?}");
    let changed = list(&answer["device_lists"]["changed"]);
    assert!(changed.contains(ann.user.as_str()) && changed.contains(bob.user.as_str()), "{changed:?}");
    assert!(answer.get("to_device").is_none_or(|events| events["events"].as_array().is_none_or(Vec::is_empty)));

    // What happens now reaches everybody, whatever they have seen: with the token of the answer, with the one from the
    // gap, with one of before the snapshot.
    let said = say(&ann, &den, "found again").await;
    ann.put(&format!("{V3}/sendToDevice/m.test/lost"), message(1)).await.ok();
    ann.put(&format!("{V3}/sendToDevice/m.test/new"), message(2)).await.ok();
    for token in [&next, &beyond, &before] {
        let (answer, _) = sync(&bob, token).await;
        assert_eq!(bodies(&answer, &den), ["found again"], "{token}");
        let events = answer["to_device"]["events"].as_array().unwrap();
        let numbers: Vec<_> = events.iter().map(|event| event["content"]["n"].clone()).collect();
        assert_eq!(numbers, [1, 2], "{token}: a transaction that was lost is done anew, one message each");
    }
    let (answer, _) = sync(&bob, &early).await;
    assert_eq!(bodies(&answer, &den), ["in the snapshot", "found again"]);
    let (answer, last) = sync(&bob, &next).await;
    assert_eq!(answer["rooms"]["join"][&den]["timeline"]["events"][0]["event_id"], said);
    let (answer, _) = sync(&bob, &last).await;
    assert_eq!(answer.get("rooms"), None, "told once: {answer}");

    // Waiting works from the gap's end on; keys/changes reaches across it.
    let changes = bob.get(&format!("{V3}/keys/changes?from={beyond}&to={last}")).await.ok();
    assert!(list(&changes["changed"]).contains(ann.user.as_str()), "{changes}");

    // And once more, of the first snapshot: positions that the second life gave out are not given out again.
    let folder = tempfile::tempdir().unwrap();
    restore::restore(bytes.as_slice(), folder.path(), false, LATER + 60_000).unwrap();
    let third = Server::on(folder, LATER + 60_000);
    let (ann, bob) = (moved(&ann, &third), moved(&bob, &third));
    say(&ann, &den, "third life").await;
    for token in [&last, &next, &beyond, &before] {
        assert_eq!(bodies(&sync(&bob, token).await.0, &den), ["third life"], "{token}");
    }
}

/// Device keys as they are stored, signatures aside.
async fn put_device_keys(server: &Server, client: &Client<'_>, keys: Value) {
    let (user, device, keys) = (client.user.clone(), client.device.clone(), keys.to_string());
    let work = move |change: &mut hearth_store::Change<'_>| {
        change.put(tables::DEVICE_KEYS, (user.as_str(), device.as_str()), &keys)
    };
    server.app.store.change(work).await.unwrap();
}

#[tokio::test]
async fn the_command_restores_says_what_and_leaves_nothing_half_when_it_is_killed() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let den = live(&ann, &bob).await;
    let bytes = dumped(&server);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let restore = || {
        let mut restore = command();
        restore.args(["restore", "--data"]).arg(&data);
        restore
    };
    // Killed again and again, each time a little later.
    for part in 0..6 {
        let mut child = restore().stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It waits for the rest, or has just had the last byte.
        let _ = stdin.write_all(&bytes[..bytes.len() * (part + 1) / 6]);
        if part < 5 {
            wait_until("the new file", || dump::unfinished(&data.join("hearth.redb")).exists());
        } else {
            drop(stdin);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let left: HashSet<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        if part < 5 {
            assert!(!left.contains(std::ffi::OsStr::new("hearth.redb")), "{left:?}");
            // A server does not take the folder for a new one.
            let mut run = command();
            run.args(["run", "--plain", "--server-name", "example.org", "--listen", "127.0.0.1:0", "--data"])
                .arg(&data);
            let refused = run.output().unwrap();
            let words = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!refused.status.success() && words.contains("restore"), "{words}");
        }
    }
    if data.join("hearth.redb").exists() {
        // The last one was quicker than the signal.
        fs::remove_dir_all(&data).unwrap();
    }
    let output = fed(restore(), bytes.clone());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "server_name": "example.org", "users": 2, "rooms": 3, "events": said["events"], "newest_event_ts": START,
    });
    assert_eq!(said, expected);
    assert!(said["events"].as_u64().unwrap() > 40);
    let mut verify = command();
    verify.arg("verify-snapshot");
    assert_eq!(serde_json::from_slice::<Value>(&fed(verify, bytes.clone()).stdout).unwrap(), said);

    let output = fed(restore(), bytes.clone());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("is there already"), "{words}");
    let mut other = command();
    other.arg("verify-snapshot");
    let output = fed(other, bytes[..bytes.len() / 2].to_vec());
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("damaged"));

    // What came of it is a server like the one before.
    let again = Server::on(take(&data), LATER);
    let ann = moved(&ann, &again);
    assert!(bodies(&sync(&ann, "").await.0, &den).contains(&"read me".to_owned()));
}

/// Moves the restored files into a folder that goes with the server.
fn take(data: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(data.join("hearth.redb"), folder.path().join("hearth.redb")).unwrap();
    folder
}

/// The nodes that every version of every room's state needs are in the order, and the dump refuses what lacks one.
#[tokio::test]
async fn a_state_that_lacks_a_node_makes_no_snapshot() {
    let server = Server::new();
    let ann = server.user("ann").await;
    room(&ann, &[]).await;
    let lose = |change: &mut hearth_store::Change<'_>| {
        let (node, _) = change.first(tables::STATE_NODES, ())?.unwrap();
        change.delete(tables::STATE_NODES, node)
    };
    server.app.store.change(lose).await.unwrap();
    let failed = server.app.store.snapshot().unwrap().dump(std::io::sink(), state::nodes_in_order);
    assert!(matches!(failed, Err(DumpError::State(_))), "{failed:?}");
}
