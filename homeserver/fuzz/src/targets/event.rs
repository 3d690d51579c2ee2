//! The one door for events, in a room of every version: another server's member sends what the input says.
//!
//! The first byte says which version, the rest is a JSON object whose fields replace those of a good message (null takes
//! a field away). The event is then hashed and signed by its server. Fields in `after` are put in only then, so that they
//! break hash and signatures.

use crate::house::NAME;
use hearth_homeserver::{
    clock::Random,
    push::evaluate,
    rooms::{
        Draft, Outcome, Received, Room, RoomError, Rooms, Signed,
        create::{NewRoom, Preset},
        event::event_id,
        graph, state, versions,
    },
};
use hearth_store::{Change, Options, Store};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, RoomVersionId, UserId,
    events::TimelineEventType,
    room_version_rules::EventsReferenceFormatVersion,
    server_name,
    signatures::{Ed25519KeyPair, PublicKeyMap, hash_and_sign_event, reference_hash},
    user_id,
};
use serde_json::{Map, Value, json};
use std::{cell::OnceCell, sync::Arc};

const ELSEWHERE: &str = "elsewhere.example";
const NOW: u64 = 1_750_000_000_000;

fn ann() -> &'static UserId {
    user_id!("@ann:hearth.example")
}
fn eve() -> &'static UserId {
    user_id!("@eve:elsewhere.example")
}

/// A room and a good event that Eve could send there.
struct Place {
    room: Room,
    good: CanonicalJsonObject,
}

struct World {
    store: Store,
    rooms: Rooms,
    key: Arc<Ed25519KeyPair>,
    keys: Arc<PublicKeyMap>,
    places: Vec<Place>,
}

thread_local! {
    static WORLD: OnceCell<World> = const { OnceCell::new() };
}

/// Tries one input.
pub fn run(data: &[u8]) {
    let Some((version, json)) = data.split_first() else { return };
    let Ok(fields) = serde_json::from_slice::<CanonicalJsonObject>(json) else { return };
    WORLD.with(|world| world.get_or_init(World::new).take_in(usize::from(*version), fields));
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
        let new_key = || Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "1".into()).unwrap();
        let (own, key) = (new_key(), new_key());
        let public = |key: &Ed25519KeyPair| {
            [("ed25519:1".to_owned(), ruma::serde::Base64::new(key.public_key().to_vec()))].into()
        };
        let keys = PublicKeyMap::from([(NAME.to_owned(), public(&own)), (ELSEWHERE.to_owned(), public(&key))]);
        let rooms = Rooms::new(server_name!("hearth.example").to_owned(), own, RoomVersionId::V12);
        let mut world = Self { store, rooms, key: Arc::new(key), keys: Arc::new(keys), places: Vec::new() };
        let random = Random::seeded(1);
        world.places = versions::SUPPORTED.iter().map(|version| world.place(version, random.clone())).collect();
        world
    }

    /// A public room of that version in which Eve may do everything.
    fn place(&self, version: &RoomVersionId, random: Random) -> Place {
        let (rooms, version) = (self.rooms.clone(), version.clone());
        let (key, keys) = (Arc::clone(&self.key), Arc::clone(&self.keys));
        let work = move |change: &mut Change<'_>| {
            // Since version 12 the creator's power is boundless, and not to be listed.
            let mut users = json!({ eve(): 100 });
            if version != RoomVersionId::V12 {
                users[ann().as_str()] = 100.into();
            }
            let power_levels = Map::from_iter([("users".to_owned(), users)]);
            let new = NewRoom {
                creator: ann().to_owned(),
                version: Some(version),
                preset: Preset::PublicChat,
                creation_content: Map::new(),
                initial_state: Vec::new(),
                power_levels,
                alias: None,
                name: None,
                topic: None,
                invite: Vec::new(),
                is_direct: false,
                listed: false,
                now: NOW,
            };
            let id = rooms.create(change, new, &random)?;
            let room = Room::by_id(change, &id)?;
            let head = room.head(change)?;
            let latest: Vec<_> = head.extremities.iter().map(|number| reference(change, &room, *number)).collect();
            let state = |kind: &str| {
                let number = state::get(change, head.state, kind, "").unwrap().unwrap();
                reference(change, &room, number)
            };
            // Of these, a message needs all but the first.
            let mut allowing = vec![state("m.room.join_rules"), state("m.room.power_levels")];
            if !room.rules.authorization.room_create_event_id_as_room_id {
                allowing.push(state("m.room.create"));
            }
            let join = event(
                &room,
                json!({
                    "type": "m.room.member", "state_key": eve(), "content": { "membership": "join" },
                    "prev_events": latest, "auth_events": allowing, "depth": head.depth + 1,
                }),
            );
            let join = signed(&key, &room, join).unwrap();
            let id = event_id(&join, &room.rules).unwrap();
            let received =
                Received { room: &room, event_id: id, pdu: join, signed: Signed::Elsewhere(&keys), transaction: None };
            let outcome = rooms.receive(change, received)?;
            let Outcome::Accepted(joined) = outcome else { panic!("{}: {outcome:?}", room.version) };
            allowing.remove(0);
            let joined = reference(change, &room, joined);
            allowing.push(joined.clone());
            let good = event(
                &room,
                json!({
                    "type": "m.room.message", "content": { "msgtype": "m.text", "body": "hello" },
                    "prev_events": [joined], "auth_events": allowing, "depth": head.depth + 2,
                }),
            );
            Ok::<_, RoomError>(Place { room, good })
        };
        self.store.change_blocking(work).unwrap()
    }

    fn take_in(&self, version: usize, fields: CanonicalJsonObject) {
        let place = &self.places[version % self.places.len()];
        let mut pdu = place.good.clone();
        let mut after = CanonicalJsonObject::new();
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("after", CanonicalJsonValue::Object(fields)) => after = fields,
                (_, CanonicalJsonValue::Null) => drop(pdu.remove(&name)),
                (_, value) => drop(pdu.insert(name, value)),
            }
        }
        let Some(mut pdu) = signed(&self.key, &place.room, pdu) else { return };
        pdu.extend(after);
        let Ok(event_id) = event_id(&pdu, &place.room.rules) else { return };
        let (rooms, room, keys) = (self.rooms.clone(), place.room.clone(), Arc::clone(&self.keys));
        let undone = self.store.change_blocking(move |change| {
            let received = Received { room: &room, event_id, pdu, signed: Signed::Elsewhere(&keys), transaction: None };
            let outcome = sound(rooms.receive(change, received));
            if let Some(Outcome::Accepted(number)) = outcome {
                aftermath(&rooms, change, &room, number);
            }
            // Nothing of it is kept: the next input finds the room as this one did.
            Err::<(), _>(RoomError::UnknownRoom)
        });
        assert!(matches!(undone, Err(RoomError::UnknownRoom)), "{undone:?}");
    }
}

/// What happens next in a room that has taken the event in.
fn aftermath(rooms: &Rooms, change: &mut Change<'_>, room: &Room, number: hearth_store::EventNo) {
    let viewer = hearth_homeserver::rooms::client_event::Viewer { user: ann(), device: None, now: NOW };
    sound(rooms.client_event(change, number, Some(&room.id), &viewer));
    let head = sound(room.head(change)).expect("a room with an event has a head");
    sound(evaluate::levels(change, rooms, room, head.state));
    let draft = Draft {
        sender: ann().to_owned(),
        kind: TimelineEventType::RoomMessage,
        state_key: None,
        content: serde_json::value::to_raw_value(&json!({ "body": "hm" })).unwrap(),
        redacts: None,
        transaction: None,
        now: NOW,
    };
    sound(rooms.send(change, room, draft));
}

/// A result that is no failure of the server's own.
fn sound<T>(result: Result<T, RoomError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error @ (RoomError::Corrupt(..) | RoomError::State(_) | RoomError::Store(_))) => panic!("{error}"),
        Err(_) => None,
    }
}

/// How events of the room's version name another one.
fn reference(read: &impl hearth_store::Read, room: &Room, number: hearth_store::EventNo) -> Value {
    let record = graph::record(read, number).unwrap();
    if room.rules.events_reference_format != EventsReferenceFormatVersion::V1 {
        return record.event_id.into();
    }
    let pdu: CanonicalJsonObject = serde_json::from_slice(&record.json).unwrap();
    json!([record.event_id, { "sha256": reference_hash(&pdu, &room.rules).unwrap() }])
}

fn event(room: &Room, fields: Value) -> CanonicalJsonObject {
    let mut event = json!({
        "sender": eve(), "room_id": room.id, "origin_server_ts": NOW, "event_id": format!("${}:{ELSEWHERE}", fields["depth"]),
    });
    if !room.rules.event_format.require_event_id {
        event.as_object_mut().unwrap().remove("event_id");
    }
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(event).unwrap()
}

/// The event hashed and signed by Eve's server, where that is possible.
fn signed(key: &Ed25519KeyPair, room: &Room, mut pdu: CanonicalJsonObject) -> Option<CanonicalJsonObject> {
    hash_and_sign_event(ELSEWHERE, key, &mut pdu, &room.rules.redaction).ok()?;
    Some(pdu)
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let fields = [
        json!({}),
        json!({ "content": { "m.relates_to": { "rel_type": "m.annotation", "event_id": "$a", "key": "x" } } }),
        json!({ "type": "m.room.name", "state_key": "", "content": { "name": 7 } }),
        json!({ "type": "m.room.member", "state_key": eve(), "content": { "membership": "leave", "displayname": [] } }),
        json!({ "type": "m.room.member", "state_key": "@new:elsewhere.example", "content": { "membership": "invite" } }),
        json!({ "type": "m.room.member", "state_key": ann(), "content": { "membership": "ban" } }),
        json!({ "type": "m.room.power_levels", "state_key": "", "content": { "users": { eve(): 100 }, "users_default": -5, "events": { "a": 1 }, "notifications": { "room": "x" } } }),
        json!({ "type": "m.room.join_rules", "state_key": "", "content": { "join_rule": "restricted", "allow": [{ "type": "m.room_membership", "room_id": "!a" }] } }),
        json!({ "type": "m.room.history_visibility", "state_key": "", "content": { "history_visibility": 5 } }),
        json!({ "type": "m.room.redaction", "redacts": "$a", "content": { "redacts": "$a", "reason": 1 } }),
        json!({ "type": "m.room.create", "state_key": "", "content": {} }),
        json!({ "type": "m.room.third_party_invite", "state_key": "t", "content": { "public_keys": [{ "public_key": "a" }] } }),
        json!({ "type": "m.room.tombstone", "state_key": "", "content": { "replacement_room": 1 } }),
        json!({ "depth": 9_007_199_254_740_991_u64, "origin_server_ts": -1 }),
        json!({ "prev_events": [], "auth_events": [] }),
        json!({ "prev_events": ["$unknown"], "auth_events": [["$a", {}], 7] }),
        json!({ "after": { "content": { "body": "changed" } } }),
        json!({ "after": { "signatures": { "elsewhere.example": { "ed25519:1": "AAAA" } } } }),
        json!({ "sender": "@ann:hearth.example" }),
        json!({ "room_id": null }),
    ];
    let mut seeds = Vec::new();
    for (number, fields) in fields.iter().enumerate() {
        for version in [number, number + 5, 11] {
            let version = u8::try_from(version % 12).unwrap();
            seeds.push([&[version], fields.to_string().as_bytes()].concat());
        }
    }
    seeds
}
