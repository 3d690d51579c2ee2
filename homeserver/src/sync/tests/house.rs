//! A store with rooms, and devices that sync.

use crate::{
    clock::{Clock, Random},
    rooms::{
        Draft, Room, RoomError, Rooms,
        create::{NewRoom, Preset},
        membership::{Invitation, Move, forget, membership},
        receipts::{self, Receipt},
        typing::Typing,
    },
    sync::{Parts, SyncError, Syncs},
};
use hearth_store::{
    Change, EventNo, Options, Store, StreamPos,
    records::{DeviceRecord, Membership, RestoreRecord, Transaction, UserRecord},
    tables,
};
use ruma::{
    OwnedEventId, RoomVersionId, UserId,
    api::{OutgoingResponseExt as _, client::sync::sync_events::v3},
    events::TimelineEventType,
    server_name,
    signatures::Ed25519KeyPair,
    user_id,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

pub const NOW: u64 = 1_750_000_000_000;

pub fn ann() -> &'static UserId {
    user_id!("@ann:hearth.example")
}
pub fn bob() -> &'static UserId {
    user_id!("@bob:hearth.example")
}
pub fn cat() -> &'static UserId {
    user_id!("@cat:hearth.example")
}

pub struct House {
    pub store: Store,
    pub rooms: Rooms,
    pub typing: Typing,
    pub syncs: Syncs,
    _folder: tempfile::TempDir,
}

/// Those that everybody has.
const DEVICES: [&str; 5] = ["PHONE", "A", "B", "C", "D"];

/// A device that goes on where it was.
pub struct Phone {
    pub user: &'static UserId,
    pub device: &'static str,
    pub since: Option<String>,
    pub filter: Value,
}

pub fn phone(user: &'static UserId) -> Phone {
    Phone { user, device: "PHONE", since: None, filter: json!({}) }
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
        let key = Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "1".into()).unwrap();
        let rooms = Rooms::new(server_name!("hearth.example").to_owned(), key, RoomVersionId::V12);
        let typing = Typing::new(NOW);
        let syncs = Self::syncs(&store, &rooms, &typing);
        let house = Self { store, rooms, typing, syncs, _folder: folder };
        house.change(|_, change| {
            let record = DeviceRecord { display_name: None, created_at: NOW, last_seen_at: None, last_seen_ip: None };
            for (user, device) in
                [ann(), bob(), cat()].into_iter().flat_map(|user| DEVICES.map(|device| (user, device)))
            {
                change.put(tables::DEVICES, (user.as_str(), device), &record)?;
            }
            Ok(())
        });
        house
    }

    fn syncs(store: &Store, rooms: &Rooms, typing: &Typing) -> Syncs {
        let parts = Parts {
            store: store.clone(),
            rooms: rooms.clone(),
            typing: typing.clone(),
            clock: Clock::fixed(NOW + 1000),
        };
        Syncs::new(parts).unwrap()
    }

    /// Forgets everything that is kept in memory, as a restart does.
    pub fn forget(&mut self) {
        self.typing = Typing::new(NOW + 5000);
        self.syncs = Self::syncs(&self.store, &self.rooms, &self.typing);
    }

    /// Gives everybody an account.
    pub fn users(&self) {
        let record =
            UserRecord { password_hash: None, created_at: NOW, admin: false, deactivated: false, erased: false };
        self.change(move |_, change| {
            Ok([ann(), bob(), cat()].iter().try_for_each(|user| change.put(tables::USERS, user.as_str(), &record))?)
        });
    }

    /// As if the store had been restored from a snapshot of that position.
    pub fn restored(&mut self, from: u64) {
        let to = StreamPos(self.store.durable_pos().0 + 1000);
        let record = RestoreRecord { from: StreamPos(from), at: NOW };
        self.change(move |_, change| Ok(change.put(tables::RESTORES, to, &record)?));
        self.forget();
    }

    pub fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Rooms, &mut Change<'_>) -> Result<T, RoomError> + Send + 'static,
    ) -> T {
        let rooms = self.rooms.clone();
        self.store.change_blocking(move |change| work(&rooms, change)).unwrap()
    }

    /// A room of Ann's that anybody may join.
    pub fn room(&self) -> Room {
        self.room_like(|_| ())
    }

    pub fn room_like(&self, differ: impl FnOnce(&mut NewRoom)) -> Room {
        let mut new = NewRoom {
            creator: ann().to_owned(),
            version: None,
            preset: Preset::PublicChat,
            creation_content: Map::new(),
            initial_state: Vec::new(),
            power_levels: Map::new(),
            alias: None,
            name: None,
            topic: None,
            invite: Vec::new(),
            is_direct: false,
            listed: false,
            now: NOW,
        };
        differ(&mut new);
        self.change(move |rooms, change| {
            let id = rooms.create(change, new, &Random::seeded(1))?;
            Room::by_id(change, &id)
        })
    }

    pub fn join(&self, room: &Room, user: &'static UserId) {
        let room = room.clone();
        self.change(move |rooms, change| rooms.join(change, &room, user, None, NOW));
    }

    pub fn invite(&self, room: &Room, user: &'static UserId) {
        let room = room.clone();
        self.change(move |rooms, change| {
            let invitation = Invitation { sender: ann(), user, reason: None, is_direct: false, now: NOW };
            rooms.invite(change, &room, invitation)
        });
    }

    pub fn leave(&self, room: &Room, user: &'static UserId) {
        self.moved(room, user, user, Rooms::leave);
    }

    pub fn ban(&self, room: &Room, user: &'static UserId) {
        self.moved(room, ann(), user, Rooms::ban);
    }

    pub fn forget_room(&self, room: &Room, user: &'static UserId) {
        let number = room.number;
        self.change(move |_, change| forget(change, number, user));
    }

    fn moved(
        &self,
        room: &Room,
        sender: &'static UserId,
        user: &'static UserId,
        act: fn(&Rooms, &mut Change<'_>, &Room, Move<'_>) -> Result<(), RoomError>,
    ) {
        let room = room.clone();
        self.change(move |rooms, change| act(rooms, change, &room, Move { sender, user, reason: None, now: NOW }));
    }

    pub fn membership(&self, room: &Room, user: &UserId) -> Membership {
        membership(&self.store.snapshot().unwrap(), room.number, user).unwrap()
    }

    pub fn draft(sender: &UserId, kind: &str, state_key: Option<&str>, content: Value) -> Draft {
        Draft {
            sender: sender.to_owned(),
            kind: TimelineEventType::from(kind),
            state_key: state_key.map(Into::into),
            content: serde_json::value::to_raw_value(&content).unwrap(),
            redacts: None,
            transaction: None,
            now: NOW,
        }
    }

    pub fn send(&self, room: &Room, draft: Draft) -> (EventNo, OwnedEventId) {
        let room = room.clone();
        self.change(move |rooms, change| {
            let sent = rooms.send(change, &room, draft)?;
            Ok((sent.number, sent.event_id))
        })
    }

    pub fn say(&self, room: &Room, sender: &UserId, words: &str) -> OwnedEventId {
        let mut draft = Self::draft(sender, "m.room.message", None, json!({ "msgtype": "m.text", "body": words }));
        draft.transaction = Some(Transaction { device: "PHONE".into(), id: format!("txn of {words}") });
        self.send(room, draft).1
    }

    pub fn say_in_thread(&self, room: &Room, sender: &UserId, root: &OwnedEventId, words: &str) -> OwnedEventId {
        let relation = json!({ "rel_type": "m.thread", "event_id": root });
        let content = json!({ "msgtype": "m.text", "body": words, "m.relates_to": relation });
        self.send(room, Self::draft(sender, "m.room.message", None, content)).1
    }

    pub fn redact(&self, room: &Room, sender: &UserId, event: &OwnedEventId) {
        let draft = Self::draft(sender, "m.room.redaction", None, json!({}));
        self.send(room, Draft { redacts: Some(event.clone()), ..draft });
    }

    pub fn set(&self, room: &Room, kind: &str, content: Value) -> OwnedEventId {
        self.send(room, Self::draft(ann(), kind, Some(""), content)).1
    }

    pub fn read(
        &self,
        room: &Room,
        user: &'static UserId,
        kind: &'static str,
        thread: &str,
        event: &OwnedEventId,
    ) -> bool {
        let (room, thread, event) = (room.clone(), thread.to_owned(), event.clone());
        self.change(move |_, change| {
            let receipt = Receipt { user, kind, thread: &thread, event: &event, at: NOW };
            match receipts::set(change, &room, receipt) {
                Ok(moved) => Ok(moved),
                Err(receipts::ReceiptError::Room(error)) => Err(error),
                Err(error) => panic!("{error}"),
            }
        })
    }

    pub fn account_data(&self, user: &'static UserId, room: &str, kind: &'static str, content: Value) {
        let room = room.to_owned();
        self.store
            .change_blocking(move |change| {
                crate::accounts::account_data::set(change, user, &room, kind, content.to_string())
            })
            .unwrap();
    }

    /// Syncs without waiting, and goes on from there.
    pub async fn sync(&self, phone: &mut Phone) -> Value {
        self.ask(phone, |_| ()).await
    }

    /// Syncs and waits for at most ten seconds.
    pub async fn wait(&self, phone: &mut Phone) -> Value {
        self.ask(phone, |request| request.timeout = Some(Duration::from_secs(10))).await
    }

    pub async fn ask(&self, phone: &mut Phone, differ: impl FnOnce(&mut v3::Request)) -> Value {
        let answer = self.try_ask(phone, differ).await.unwrap();
        phone.since = Some(answer["next_batch"].as_str().unwrap().to_owned());
        answer
    }

    pub async fn try_ask(&self, phone: &Phone, differ: impl FnOnce(&mut v3::Request)) -> Result<Value, SyncError> {
        let mut request = v3::Request::new();
        request.since = phone.since.clone();
        request.filter = Some(match &phone.filter {
            Value::String(id) => v3::Filter::FilterId(id.clone()),
            filter => v3::Filter::FilterDefinition(serde_json::from_value(filter.clone()).unwrap()),
        });
        differ(&mut request);
        let response = self.syncs.sync(phone.user.to_owned(), phone.device.into(), request).await?;
        let response = response.try_into_http_response::<Vec<u8>>().unwrap();
        Ok(serde_json::from_slice(response.body()).unwrap())
    }
}

/// A room in an answer.
pub fn joined<'a>(answer: &'a Value, room: &Room) -> &'a Value {
    &answer["rooms"]["join"][room.id.as_str()]
}

/// What a list of events shows: bodies of messages, types and state keys of state.
pub fn shown(events: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = events.as_array().cloned().unwrap_or_default();
    let short = |event: &Value| match &event["state_key"] {
        Value::Null if event["type"] == "m.room.message" => text(&event["content"]["body"]),
        Value::Null => text(&event["type"]),
        key => {
            let kind = text(&event["type"]).replace("m.room.", "");
            let key = text(key);
            let name = key.trim_start_matches('@').split(':').next().unwrap_or_default().to_owned();
            if name.is_empty() { kind } else { format!("{kind} {name}") }
        }
    };
    events.iter().map(short).collect()
}

/// A list of events by kind alone.
pub fn timeline(room: &Value) -> Vec<String> {
    shown(&room["timeline"]["events"])
}
