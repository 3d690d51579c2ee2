//! Rooms from the inside: every version, every preset, forks and their resolution, redaction, visibility.

use super::{
    Draft, Outcome, Received, Room, RoomError, Rooms,
    create::{NewRoom, Preset},
    graph,
    membership::{Invitation, Move, membership},
    receive::Signed,
    state, versions,
    visibility::View,
};
use crate::clock::Random;
use hearth_store::{Change, EventNo, Options, Read as _, Store, records::Membership, tables};
use ruma::{
    CanonicalJsonObject, OwnedUserId, RoomVersionId, UserId,
    events::{StateEventType, TimelineEventType},
    server_name,
    signatures::Ed25519KeyPair,
    user_id,
};
use serde_json::{Map, Value, json};

struct House {
    store: Store,
    rooms: Rooms,
    _folder: tempfile::TempDir,
}

const NOW: u64 = 1_750_000_000_000;

fn ann() -> &'static UserId {
    user_id!("@ann:hearth.example")
}
fn bob() -> &'static UserId {
    user_id!("@bob:hearth.example")
}
fn cat() -> &'static UserId {
    user_id!("@cat:hearth.example")
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
    let key = Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "1".into()).unwrap();
    let rooms = Rooms::new(server_name!("hearth.example").to_owned(), key, RoomVersionId::V12);
    House { store, rooms, _folder: folder }
}

fn new_room(version: RoomVersionId, preset: Preset) -> NewRoom {
    NewRoom {
        creator: ann().to_owned(),
        version: Some(version),
        preset,
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
    }
}

fn draft(sender: &UserId, kind: &str, state_key: Option<&str>, content: Value) -> Draft {
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

impl House {
    fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Rooms, &mut Change<'_>) -> Result<T, RoomError> + Send + 'static,
    ) -> Result<T, RoomError> {
        let rooms = self.rooms.clone();
        self.store.change_blocking(move |change| work(&rooms, change))
    }

    fn room(&self, version: RoomVersionId, preset: Preset) -> Room {
        self.change(move |rooms, change| {
            let id = rooms.create(change, new_room(version, preset), &Random::seeded(1))?;
            Room::by_id(change, &id)
        })
        .unwrap()
    }

    fn join(&self, room: &Room, user: &'static UserId) {
        let room = room.clone();
        self.change(move |rooms, change| {
            if membership(change, room.number, user)? != Membership::Invite {
                let invitation = Invitation { sender: ann(), user, reason: None, is_direct: false, now: NOW };
                rooms.invite(change, &room, invitation)?;
            }
            rooms.join(change, &room, user, None, NOW)
        })
        .unwrap();
    }

    fn send(&self, room: &Room, draft: Draft) -> Result<EventNo, RoomError> {
        let room = room.clone();
        self.change(move |rooms, change| Ok(rooms.send(change, &room, draft)?.number))
    }

    /// An event on top of given parents instead of the newest, as another server might make it.
    fn send_on(
        &self,
        room: &Room,
        parents: Vec<EventNo>,
        draft: Draft,
    ) -> Result<(Outcome, Option<EventNo>), RoomError> {
        let room = room.clone();
        self.change(move |rooms, change| {
            let mut head = room.head(change)?;
            head.state = rooms.state_before(change, &room, &parents)?;
            head.extremities = parents;
            let (pdu, event_id): (CanonicalJsonObject, _) = rooms.build(change, &room, &head, &draft)?;
            let mut keys = ruma::signatures::PublicKeyMap::new();
            keys.insert(
                "hearth.example".into(),
                [("ed25519:1".to_owned(), ruma::serde::Base64::new(rooms.key.public_key().to_vec()))].into(),
            );
            let received = Received {
                room: &room,
                event_id: event_id.clone(),
                pdu,
                signed: Signed::Elsewhere(&keys),
                transaction: None,
            };
            let outcome = rooms.receive(change, received)?;
            Ok((outcome, graph::event_no(change, &event_id)?))
        })
    }

    fn state(&self, room: &Room, kind: &str, key: &str) -> Option<EventNo> {
        let snapshot = self.store.snapshot().unwrap();
        state::get(&snapshot, room.head(&snapshot).unwrap().state, kind, key).unwrap()
    }

    fn membership(&self, room: &Room, user: &UserId) -> Membership {
        membership(&self.store.snapshot().unwrap(), room.number, user).unwrap()
    }
}

fn message(sender: &UserId, body: &str) -> Draft {
    draft(sender, "m.room.message", None, json!({ "msgtype": "m.text", "body": body }))
}

#[test]
fn rooms_of_every_version_and_preset_work() {
    for version in versions::SUPPORTED {
        for preset in [Preset::PrivateChat, Preset::TrustedPrivateChat, Preset::PublicChat] {
            let house = house();
            let room = house.room(version.clone(), preset);
            house.join(&room, bob());
            house.send(&room, message(bob(), "hello")).unwrap();
            let refused = house.send(&room, message(cat(), "I am not in here"));
            assert!(matches!(refused, Err(RoomError::Forbidden(_))), "{version}: {refused:?}");
            let refused = house.send(&room, draft(bob(), "m.room.name", Some(""), json!({ "name": "mine" })));
            assert!(matches!(refused, Err(RoomError::Forbidden(_))), "{version}: {refused:?}");
            house.send(&room, draft(ann(), "m.room.name", Some(""), json!({ "name": "ours" }))).unwrap();
            let snapshot = house.store.snapshot().unwrap();
            let head = room.head(&snapshot).unwrap();
            assert_eq!((head.joined, head.invited, head.extremities.len()), (2, 0, 1), "{version}");
        }
    }
}

#[test]
fn every_event_of_every_version_verifies_as_another_server_would() {
    for version in versions::SUPPORTED {
        let house = house();
        let room = house.room(version.clone(), Preset::PublicChat);
        house.join(&room, bob());
        let target = house.send(&room, message(bob(), "oh")).unwrap();
        let snapshot = house.store.snapshot().unwrap();
        let mut redaction = draft(ann(), "m.room.redaction", None, json!({}));
        redaction.redacts = Some(graph::parse(target, &graph::record(&snapshot, target).unwrap()).unwrap().event_id);
        house.send(&room, redaction).unwrap();

        let mut keys = ruma::signatures::PublicKeyMap::new();
        keys.insert(
            "hearth.example".into(),
            [("ed25519:1".to_owned(), ruma::serde::Base64::new(house.rooms.key.public_key().to_vec()))].into(),
        );
        for entry in house.store.snapshot().unwrap().prefix(tables::EVENTS, ()).unwrap() {
            let (number, record) = entry.unwrap();
            let pdu: CanonicalJsonObject = serde_json::from_slice(&record.json).unwrap();
            let verified = ruma::signatures::verify_event(&keys, &pdu, &room.rules).unwrap();
            // A redacted event keeps its signatures, not its content's hash.
            assert_eq!(
                verified == ruma::signatures::Verified::All,
                record.redacted_by.is_none(),
                "{version}: {number:?}"
            );
            ruma::state_res::check_pdu_format(&pdu, &room.rules.event_format).unwrap();
        }
    }
}

#[test]
fn a_redaction_takes_the_content_and_only_who_may_can_redact() {
    for version in versions::SUPPORTED {
        let house = house();
        let room = house.room(version.clone(), Preset::PublicChat);
        house.join(&room, bob());
        house.join(&room, cat());
        let target = house.send(&room, message(bob(), "a slip of the tongue")).unwrap();
        let id = graph::record(&house.store.snapshot().unwrap(), target).unwrap().event_id;
        let redaction = |sender| {
            let mut redaction = draft(sender, "m.room.redaction", None, json!({}));
            redaction.redacts = Some(id.as_str().try_into().unwrap());
            redaction
        };
        assert!(matches!(house.send(&room, redaction(cat())), Err(RoomError::Forbidden(_))), "{version}");
        let number = house.send(&room, redaction(bob())).unwrap();
        let record = graph::record(&house.store.snapshot().unwrap(), target).unwrap();
        assert_eq!(record.redacted_by, Some(number), "{version}");
        assert!(!String::from_utf8_lossy(&record.json).contains("slip"), "{version}");
    }
}

#[test]
fn who_read_before_a_redaction_does_not_bring_back_what_it_took() {
    let house = house();
    let room = house.room(RoomVersionId::V12, Preset::PublicChat);
    let topic = || draft(ann(), "m.room.topic", Some(""), json!({ "topic": "a slip of the tongue" }));
    let target = house.send(&room, topic()).unwrap();
    let before = house.store.snapshot().unwrap();
    let mut redaction = draft(ann(), "m.room.redaction", None, json!({}));
    redaction.redacts = Some(graph::record(&before, target).unwrap().event_id.as_str().try_into().unwrap());
    house.send(&room, redaction).unwrap();
    assert!(house.rooms.pdu(&before, target).unwrap().content.get().contains("slip"));
    let after = house.store.snapshot().unwrap();
    assert_eq!(house.rooms.pdu(&after, target).unwrap().content.get(), "{}");
    // From here on the cache has it.
    assert_eq!(house.rooms.pdu(&before, target).unwrap().content.get(), "{}");
}

#[test]
fn a_repeated_request_sends_once_also_after_a_restart() {
    let house = house();
    let room = house.room(RoomVersionId::V12, Preset::PublicChat);
    let request = || {
        let mut draft = message(ann(), "once");
        draft.transaction = Some(hearth_store::records::Transaction { device: "A".into(), id: "1".into() });
        draft
    };
    let first = house.send(&room, request()).unwrap();
    assert_eq!(house.send(&room, request()).unwrap(), first);
    // What a restart does: the memory is empty, and filled from the store.
    let key = Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "1".into()).unwrap();
    let rooms = Rooms::new(house.rooms.server_name.clone(), key, RoomVersionId::V12);
    rooms.recall(&house.store.snapshot().unwrap()).unwrap();
    let again = House { rooms, ..house };
    assert_eq!(again.send(&room, request()).unwrap(), first);
}

#[test]
fn forks_without_conflict_merge() {
    for version in versions::SUPPORTED {
        let house = house();
        let room = house.room(version.clone(), Preset::PublicChat);
        house.join(&room, bob());
        let fork = house.send(&room, message(ann(), "here it forks")).unwrap();
        let left =
            house.send_on(&room, vec![fork], draft(ann(), "m.room.name", Some(""), json!({ "name": "left" }))).unwrap();
        let right = house
            .send_on(&room, vec![fork], draft(ann(), "m.room.topic", Some(""), json!({ "topic": "right" })))
            .unwrap();
        assert_eq!(house.state(&room, "m.room.name", ""), left.1, "{version}");
        assert_eq!(house.state(&room, "m.room.topic", ""), right.1, "{version}");
        assert_eq!(room.head(&house.store.snapshot().unwrap()).unwrap().extremities.len(), 2, "{version}");
        house.send(&room, message(bob(), "both")).unwrap();
        assert_eq!(room.head(&house.store.snapshot().unwrap()).unwrap().extremities.len(), 1, "{version}");
    }
}

#[test]
fn a_ban_wins_over_what_the_banned_user_did_at_the_same_time() {
    // Version 1 is known for getting this wrong; its own algorithm decides by depth.
    for version in versions::SUPPORTED.into_iter().skip(1) {
        let house = house();
        let room = house.room(version.clone(), Preset::PublicChat);
        house.join(&room, bob());
        let levels = house.store.snapshot().unwrap();
        let mut content: Map<String, Value> = house
            .rooms
            .state_content(&levels, room.head(&levels).unwrap().state, &StateEventType::RoomPowerLevels, "")
            .unwrap()
            .unwrap();
        content.get_mut("users").unwrap().as_object_mut().unwrap().insert(bob().to_string(), 50.into());
        let fork = house.send(&room, draft(ann(), "m.room.power_levels", Some(""), Value::Object(content))).unwrap();
        let topic = house
            .send_on(&room, vec![fork], draft(bob(), "m.room.topic", Some(""), json!({ "topic": "bob's" })))
            .unwrap();
        assert!(matches!(topic.0, Outcome::Accepted(_)), "{version}: {topic:?}");
        let ban = draft(ann(), "m.room.member", Some(bob().as_str()), json!({ "membership": "ban" }));
        let (outcome, _) = house.send_on(&room, vec![fork], ban).unwrap();
        assert!(matches!(outcome, Outcome::Accepted(_)), "{version}: {outcome:?}");
        assert_eq!(house.membership(&room, bob()), Membership::Ban, "{version}");
        assert_eq!(
            house.state(&room, "m.room.topic", ""),
            None,
            "{version}: the banned user's topic went with the ban"
        );
    }
}

#[test]
fn an_event_of_somebody_who_has_left_meanwhile_is_soft_failed() {
    let house = house();
    let room = house.room(RoomVersionId::V12, Preset::PublicChat);
    house.join(&room, bob());
    let fork = house.send(&room, message(ann(), "here it forks")).unwrap();
    house.send(&room, draft(ann(), "m.room.member", Some(bob().as_str()), json!({ "membership": "ban" }))).unwrap();
    let (outcome, number) = house.send_on(&room, vec![fork], message(bob(), "late")).unwrap();
    assert!(matches!(outcome, Outcome::SoftFailed(_)), "{outcome:?}");
    let record = graph::record(&house.store.snapshot().unwrap(), number.unwrap()).unwrap();
    assert!(record.soft_failed && record.timeline.is_none());
}

#[test]
fn what_the_rules_refuse_is_rejected_and_refused_again() {
    let house = house();
    let room = house.room(RoomVersionId::V11, Preset::PrivateChat);
    let fork = house.send(&room, message(ann(), "private")).unwrap();
    let intruder = || draft(bob(), "m.room.member", Some(bob().as_str()), json!({ "membership": "join" }));
    let (outcome, number) = house.send_on(&room, vec![fork], intruder()).unwrap();
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    assert!(graph::record(&house.store.snapshot().unwrap(), number.unwrap()).unwrap().rejected);
    let (outcome, _) = house.send_on(&room, vec![fork], intruder()).unwrap();
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    assert_eq!(house.membership(&room, bob()), Membership::Leave);
}

#[test]
fn an_event_whose_parents_are_unknown_asks_for_them() {
    let house = house();
    let other = self::house();
    // The same event in both houses would be known in both: this room is made a little later.
    let elsewhere = other
        .change(|rooms, change| {
            let new = NewRoom { now: NOW + 1, ..new_room(RoomVersionId::V12, Preset::PublicChat) };
            let id = rooms.create(change, new, &Random::seeded(1))?;
            Room::by_id(change, &id)
        })
        .unwrap();
    let stranger = other.send(&elsewhere, message(ann(), "unknown")).unwrap();
    let record = graph::record(&other.store.snapshot().unwrap(), stranger).unwrap();
    let pdu: CanonicalJsonObject = serde_json::from_slice(&record.json).unwrap();
    let parents = graph::parse(stranger, &record).unwrap().prev_events;
    let outcome = house
        .change(move |rooms, change| {
            let event_id = record.event_id.as_str().try_into().unwrap();
            rooms.receive(change, Received { room: &elsewhere, event_id, pdu, signed: Signed::Here, transaction: None })
        })
        .unwrap();
    let Outcome::Needs(needed) = outcome else { panic!("{outcome:?}") };
    assert!(parents.iter().all(|parent| needed.contains(parent)));
}

#[test]
fn members_move_by_the_rules() {
    let house = house();
    let room = house.room(RoomVersionId::V12, Preset::PrivateChat);
    house.join(&room, bob());
    let moved = |sender: &'static UserId, user: &'static UserId| Move { sender, user, reason: None, now: NOW };
    let there = room.clone();
    let refused = house.change(move |rooms, change| rooms.kick(change, &there, moved(bob(), ann())));
    assert!(matches!(refused, Err(RoomError::Forbidden(_))));
    let there = room.clone();
    let refused = house.change(move |rooms, change| rooms.kick(change, &there, moved(ann(), cat())));
    assert!(matches!(refused, Err(RoomError::Forbidden(_))));
    let there = room.clone();
    house.change(move |rooms, change| rooms.ban(change, &there, moved(ann(), bob()))).unwrap();
    assert_eq!(house.membership(&room, bob()), Membership::Ban);
    let there = room.clone();
    let refused = house.change(move |rooms, change| rooms.join(change, &there, bob(), None, NOW));
    assert!(matches!(refused, Err(RoomError::Forbidden(_))));
    let there = room.clone();
    house.change(move |rooms, change| rooms.unban(change, &there, moved(ann(), bob()))).unwrap();
    let there = room.clone();
    let refused = house.change(move |rooms, change| rooms.join(change, &there, bob(), None, NOW));
    assert!(matches!(refused, Err(RoomError::Forbidden(_))), "an unban is no invitation");
    let snapshot = house.store.snapshot().unwrap();
    let head = room.head(&snapshot).unwrap();
    assert_eq!((head.joined, head.invited), (1, 0));
}

#[test]
fn members_of_an_allowed_room_join_a_restricted_one() {
    let house = house();
    let club = house.room(RoomVersionId::V12, Preset::PublicChat);
    let inner = house
        .change({
            let club = club.id.clone();
            move |rooms, change| {
                let mut new = new_room(RoomVersionId::V12, Preset::PrivateChat);
                let rules =
                    json!({ "join_rule": "restricted", "allow": [{ "type": "m.room_membership", "room_id": club }] });
                let rules = serde_json::value::to_raw_value(&rules).unwrap();
                new.initial_state.push((TimelineEventType::RoomJoinRules, String::new(), rules));
                new.name = Some("inner".into());
                let id = rooms.create(change, new, &Random::seeded(2))?;
                Room::by_id(change, &id)
            }
        })
        .unwrap();
    let there = inner.clone();
    let refused = house.change(move |rooms, change| rooms.join(change, &there, bob(), None, NOW));
    assert!(matches!(refused, Err(RoomError::Forbidden(_))));
    house.join(&club, bob());
    let there = inner.clone();
    house.change(move |rooms, change| rooms.join(change, &there, bob(), None, NOW)).unwrap();
    assert_eq!(house.membership(&inner, bob()), Membership::Join);
}

#[test]
fn history_is_seen_as_far_as_its_visibility_goes() {
    for (visibility, sees_before, sees_after_leaving) in
        [("world_readable", true, true), ("shared", true, false), ("invited", false, false), ("joined", false, false)]
    {
        let house = house();
        let room = house.room(RoomVersionId::V12, Preset::PublicChat);
        house
            .send(
                &room,
                draft(ann(), "m.room.history_visibility", Some(""), json!({ "history_visibility": visibility })),
            )
            .unwrap();
        let before = house.send(&room, message(ann(), "before")).unwrap();
        house.join(&room, bob());
        let while_in = house.send(&room, message(ann(), "while")).unwrap();
        let sees = |user: &UserId, number| {
            let snapshot = house.store.snapshot().unwrap();
            let record = graph::record(&snapshot, number).unwrap();
            View::new(&snapshot, &house.rooms, &room, user).unwrap().sees(&snapshot, number, &record).unwrap()
        };
        assert_eq!(sees(bob(), before), sees_before, "{visibility}");
        assert!(sees(bob(), while_in), "{visibility}");
        assert_eq!(sees(cat(), while_in), visibility == "world_readable", "{visibility}: a stranger");
        let leave = draft(bob(), "m.room.member", Some(bob().as_str()), json!({ "membership": "leave" }));
        let leaving = house.send(&room, leave).unwrap();
        let after = house.send(&room, message(ann(), "after")).unwrap();
        assert!(sees(bob(), while_in), "{visibility}");
        assert!(sees(bob(), leaving), "{visibility}");
        assert_eq!(sees(bob(), after), sees_after_leaving, "{visibility}");
    }
}

#[test]
fn an_event_too_large_is_refused_as_such() {
    let house = house();
    let room = house.room(RoomVersionId::V12, Preset::PublicChat);
    let refused = house.send(&room, message(ann(), &"x".repeat(65_536)));
    assert!(matches!(refused, Err(RoomError::TooLarge)), "{refused:?}");
    house.send(&room, message(ann(), &"x".repeat(60_000))).unwrap();
    let refused = house.send(&room, draft(ann(), "m.room.message", None, json!({ "body": 1.5 })));
    assert!(matches!(refused, Err(RoomError::BadContent(_))), "{refused:?}");
    let refused = house.send(&room, draft(ann(), &"x".repeat(256), None, json!({})));
    assert!(matches!(refused, Err(RoomError::BadContent(_))), "{refused:?}");
}

#[test]
fn a_user_of_another_server_can_not_be_spoken_for() {
    let house = house();
    let room = house.room(RoomVersionId::V12, Preset::PublicChat);
    let stranger: OwnedUserId = user_id!("@eve:elsewhere.example").to_owned();
    let join = draft(&stranger, "m.room.member", Some(stranger.as_str()), json!({ "membership": "join" }));
    let fork = house.send(&room, message(ann(), "here")).unwrap();
    let refused = house.send_on(&room, vec![fork], join);
    assert!(matches!(refused, Err(RoomError::BadContent(_))), "{refused:?}");
}

/// It was looked for again and again under the same name, while nobody else could write.
#[test]
fn a_room_whose_name_by_chance_is_taken_gets_another() {
    let house = house();
    let first = house.room(RoomVersionId::V10, Preset::PrivateChat);
    let second = house.room(RoomVersionId::V10, Preset::PrivateChat);
    assert_ne!(first.id, second.id);
}
