//! What the broken requests are thrown at: a server with people, a room and what they keep there.

use crate::harness::Server;
use serde_json::{Value, json};
use std::cell::RefCell;

/// Identifiers that exist, by the name that paths and bodies have for them.
pub struct World {
    /// The server.
    pub server: Server,
    /// An access token that is good; it is replaced when a request has ended it.
    token: RefCell<String>,
    user: RefCell<String>,
    device: RefCell<String>,
    room: String,
    event: String,
    /// Accounts made so far.
    accounts: RefCell<usize>,
}

impl World {
    /// A room of two with a message, a name and an alias.
    pub async fn new() -> Self {
        let server = Server::new();
        // So that requests for letters get as far as writing one. Nobody sends them.
        let mail = json!({ "mail": {
            "host": "127.0.0.1", "port": 25, "security": "none", "user": "", "from": "hearth@example.org",
        } });
        let (settings, mail) = (server.app.settings.clone(), serde_json::from_value(mail).unwrap());
        server.app.store.change(move |change| settings.set(change, mail)).await.unwrap();
        let (room, event) = {
            let bob = server.user("bob").await;
            let body = json!({ "preset": "public_chat", "name": "Kitchen", "room_alias_name": "kitchen" });
            let room = bob.post("/_matrix/client/v3/createRoom", body).await.ok();
            let room = room["room_id"].as_str().unwrap().to_owned();
            let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/1", encode(&room));
            let event = bob.put(&path, json!({ "msgtype": "m.text", "body": "hello" })).await.ok();
            (room, event["event_id"].as_str().unwrap().to_owned())
        };
        let world = Self {
            server,
            token: RefCell::default(),
            user: RefCell::default(),
            device: RefCell::default(),
            room,
            event,
            accounts: RefCell::new(0),
        };
        world.renew().await;
        world
    }

    /// A fresh account in the room, for when a request has ended the last one's login.
    pub async fn renew(&self) {
        let name = format!("ann{}", self.accounts.replace_with(|count| *count + 1));
        let ann = self.server.user(&name).await;
        ann.post(&format!("/_matrix/client/v3/join/{}", encode(&self.room)), json!({})).await.ok();
        ann.post(&format!("/_matrix/client/v3/user/{}/filter", ann.user), json!({ "room": {} })).await.ok();
        self.token.replace(ann.token.clone().unwrap());
        self.user.replace(ann.user.clone());
        self.device.replace(ann.device.clone());
    }

    /// The token that is good now.
    pub fn token(&self) -> String {
        self.token.borrow().clone()
    }

    /// Something that exists under a name that a path or a body uses, or else a plain word.
    pub fn fitting(&self, name: &str) -> String {
        match name {
            "room_id" | "room_id_or_alias" | "roomId" => self.room.clone(),
            "event_id" | "eventId" | "m.fully_read" | "m.read" => self.event.clone(),
            "user_id" | "userId" | "user" => self.user.borrow().clone(),
            "device_id" | "deviceId" => self.device.borrow().clone(),
            "room_alias" | "alias" => "#kitchen:example.org".to_owned(),
            "server_name" | "server" | "via" => "example.org".to_owned(),
            "filter_id" => "0".to_owned(),
            "version" => "1".to_owned(),
            "kind" => "override".to_owned(),
            "receipt_type" => "m.read".to_owned(),
            "event_type" | "type" => "m.room.topic".to_owned(),
            "field" => "displayname".to_owned(),
            "email" | "address" => "ann@example.org".to_owned(),
            "medium" => "email".to_owned(),
            "next_link" => "https://example.org/".to_owned(),
            _ => "a".to_owned(),
        }
    }

    /// Values that mean something to this server, for the odd ones to be mixed with.
    pub fn known_values(&self) -> Vec<Value> {
        ["room_id", "event_id", "user_id", "device_id", "room_alias", "server_name", "event_type", "kind"]
            .map(|name| Value::String(self.fitting(name)))
            .to_vec()
    }
}

/// Text as a part of a path.
pub fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
