//! Somebody who sends messages.

use hearth_test_support::Account;
use serde_json::{Value, json};

use crate::{crowd::Enough, insist::insist};

/// A message that the server has promised to keep.
pub struct Sent {
    /// The event id that was promised.
    pub event_id: String,
    /// The content that was sent.
    pub content: Value,
}

/// All messages of one sender to one room, in the order of the promises.
pub struct Messages {
    /// The room.
    pub room: String,
    /// The sender's user id.
    pub sender: String,
    /// Oldest first. The number in the content counts up from 0.
    pub sent: Vec<Sent>,
    /// Attempts whose fate was unknown, each repeated with the same transaction id.
    pub repeated: u64,
}

/// Sends one message after the other, each repeated under its transaction id until it is acknowledged.
pub async fn send_messages(account: Account, room: String, enough: Enough) -> Messages {
    let mut messages = Messages { room, sender: account.user_id.clone(), sent: Vec::new(), repeated: 0 };
    while !enough.is_reached() {
        let number = messages.sent.len();
        let transaction = format!("message-{number}");
        let content = json!({ "msgtype": "m.text", "body": format!("number {number}"), "number": number });
        let what = format!("message {number} of {}", account.user_id);
        let (event_id, unknown) =
            insist(&what, || account.send(&messages.room, "m.room.message", &transaction, &content)).await;
        messages.sent.push(Sent { event_id, content });
        messages.repeated += unknown;
    }
    messages
}
