//! Somebody who changes a room's state.

use hearth_test_support::{Account, CallError};
use serde_json::{Value, json};

use crate::{
    crowd::Enough,
    insist::{insist, may_be_asked_again, pause},
    sender::Sent,
};

/// The type of the state events.
pub const KIND: &str = "org.example.counter";

/// How many state keys are written in turn.
const KEYS: usize = 3;

/// All state events that the server has promised to keep.
pub struct StateChanges {
    /// The room.
    pub room: String,
    /// Oldest first.
    pub sent: Vec<Sent>,
    /// The last acknowledged content by state key.
    pub last: Vec<(String, Value)>,
    /// Attempts whose fate was unknown; state has no transaction ids, so each may have left an event of its own.
    pub repeated: u64,
}

/// Sets one state event after the other. After each cut it first looks whether an acknowledged value is still there.
pub async fn change_state(account: Account, room: String, enough: Enough) -> StateChanges {
    let mut changes = StateChanges { room, sent: Vec::new(), last: Vec::new(), repeated: 0 };
    while !enough.is_reached() {
        let number = changes.sent.len();
        let key = format!("key-{}", number % KEYS);
        let content = json!({ "number": number });
        let event_id = set(&account, &mut changes, &key, &content).await;
        changes.sent.push(Sent { event_id, content: content.clone() });
        changes.last.retain(|(known, _)| *known != key);
        changes.last.push((key, content));
    }
    changes
}

async fn set(account: &Account, changes: &mut StateChanges, key: &str, content: &Value) -> String {
    loop {
        match account.set_state(&changes.room, KIND, key, content).await {
            Ok(event_id) => return event_id,
            Err(error) if may_be_asked_again(&error) => {
                changes.repeated += 1;
                pause().await;
                still_there(account, changes, (key, content)).await;
            }
            Err(error) => panic!("a change of state was refused: {error}"),
        }
    }
}

/// Holds every acknowledged value against the room; `in_flight` may have arrived or not.
async fn still_there(account: &Account, changes: &StateChanges, in_flight: (&str, &Value)) {
    for (key, acknowledged) in &changes.last {
        let found = current(account, &changes.room, key).await;
        let arrived = in_flight.0 == key && found == *in_flight.1;
        assert!(
            found == *acknowledged || arrived,
            "after the server came back, the state `{key}` is {found}, but {acknowledged} had been acknowledged"
        );
    }
}

/// The current content of the state event with this key, `Value::Null` if there is none.
pub async fn current(account: &Account, room: &str, key: &str) -> Value {
    let path = ["rooms", room, "state", KIND, key];
    let (found, _) = insist("reading a room's state", || async {
        match account.http.get(&path, &[]).await {
            Err(CallError::Refused { status: 404, .. }) => Ok(Value::Null),
            other => other,
        }
    })
    .await;
    found
}
