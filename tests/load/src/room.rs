//! Rooms: making, joining, and sending into them.

use crate::{
    account::text,
    client::{Client, encode, excerpt},
};
use anyhow::{Result, ensure};
use bytes::Bytes;
use hyper::Method;
use memchr::memmem;
use serde_json::json;
use std::time::{Duration, Instant};

/// Makes a room that anybody may join.
pub async fn create(client: &mut Client, name: &str) -> Result<String> {
    let body = json!({"preset": "public_chat", "name": name});
    text(&client.json(Method::POST, "/_matrix/client/v3/createRoom", Some(&body)).await?, "room_id")
}

pub async fn join(client: &mut Client, room_id: &str) -> Result<()> {
    let path = format!("/_matrix/client/v3/rooms/{}/join", encode(room_id));
    client.json(Method::POST, &path, Some(&json!({}))).await?;
    Ok(())
}

/// One client that sends into one room.
pub struct Sender {
    client: Client,
    /// The path up to the transaction id.
    path: String,
    sent: usize,
}

impl Sender {
    /// `name` makes the transaction ids, so it must be new to the client's device.
    pub fn new(client: Client, room_id: &str, name: &str) -> Sender {
        let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/{}-", encode(room_id), encode(name));
        Sender { client, path, sent: 0 }
    }

    /// Sends an ordinary message of some 100 bytes and gives back how long its answer took.
    pub async fn send(&mut self) -> Result<Duration> {
        const MESSAGE: &[u8] = br#"{"msgtype":"m.text","body":"The kettle is on, the cat is fed and the key is under the third flower pot."}"#;
        self.send_content(Bytes::from_static(MESSAGE)).await
    }

    /// Sends this content. The answer is searched, not parsed: the generator must not cost what it measures.
    pub async fn send_content(&mut self, content: Bytes) -> Result<Duration> {
        self.sent += 1;
        let path = format!("{}{}", self.path, self.sent);
        let started = Instant::now();
        let answer = self.client.call(Method::PUT, &path, content).await?;
        let took = started.elapsed();
        ensure!(memmem::find(&answer, b"\"event_id\"").is_some(), "PUT {path} gave no event id: {}", excerpt(&answer));
        Ok(took)
    }
}
