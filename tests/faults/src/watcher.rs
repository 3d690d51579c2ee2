//! Somebody who reads along by `/sync` all the time.

use std::collections::HashMap;

use hearth_test_support::Account;
use serde_json::Value;

use crate::{crowd::Enough, insist::insist};

/// Timelines as long as this are asked for, so that gaps are rare but do occur.
const FILTER: &str =
    r#"{"room":{"timeline":{"limit":100},"state":{"lazy_load_members":true}},"presence":{"types":[]}}"#;

/// How often each event was seen, by event id.
pub type Seen = HashMap<String, u64>;

/// Syncs until told to stop and then on until nothing new comes. A token that was used once must go on after every
/// restart: nothing left out, nothing told twice.
pub async fn watch(account: Account, enough: Enough) -> Seen {
    let mut seen = Seen::new();
    let mut since: Option<String> = None;
    loop {
        // Looked at before the request: what is promised by now must be in this answer or in an earlier one.
        let last = enough.is_reached();
        let timeout = if last { "0" } else { "1000" };
        let mut query = vec![("timeout", timeout), ("filter", FILTER)];
        query.extend(since.as_deref().map(|token| ("since", token)));
        let (answer, _) = insist("a sync", || account.http.get(&["sync"], &query)).await;
        let rooms = answer["rooms"]["join"].as_object();
        let quiet = rooms.is_none_or(serde_json::Map::is_empty);
        for (room, update) in rooms.into_iter().flatten() {
            take(&account, room, &update["timeline"], &mut seen).await;
        }
        since = Some(answer["next_batch"].as_str().expect("every sync has a next_batch").to_owned());
        if last && quiet {
            return seen;
        }
    }
}

async fn take(account: &Account, room: &str, timeline: &Value, seen: &mut Seen) {
    let mut events = timeline["events"].as_array().cloned().unwrap_or_default();
    if timeline["limited"] == true {
        let from = timeline["prev_batch"].as_str().expect("a limited timeline says where it begins");
        events.extend(fill_gap(account, room, from, seen).await);
    }
    for event in &events {
        *seen.entry(id(event)).or_default() += 1;
    }
}

/// What lies between the beginning of a limited timeline and what was seen before.
async fn fill_gap(account: &Account, room: &str, from: &str, seen: &Seen) -> Vec<Value> {
    let path = ["rooms", room, "messages"];
    let mut missed = Vec::new();
    let mut from = from.to_owned();
    loop {
        let query = [("dir", "b"), ("limit", "500"), ("from", from.as_str())];
        let (mut page, _) = insist("filling a gap", || account.http.get(&path, &query)).await;
        let Value::Array(chunk) = page["chunk"].take() else { return missed };
        for event in chunk {
            if seen.contains_key(&id(&event)) {
                return missed;
            }
            missed.push(event);
        }
        match page["end"].as_str() {
            Some(end) => from = end.to_owned(),
            None => return missed,
        }
    }
}

fn id(event: &Value) -> String {
    event["event_id"].as_str().expect("every event has an id").to_owned()
}
