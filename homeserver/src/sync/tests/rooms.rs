use super::house::*;
use crate::rooms::{
    create::Preset,
    receipts::{READ, READ_PRIVATE},
    timeline::{Direction, events},
};
use hearth_store::records::{Membership, TimelinePos};
use serde_json::{Value, json};

#[tokio::test]
async fn a_first_sync_shows_all_and_the_next_only_what_is_new() {
    let house = House::new();
    let room = house.room();
    house.join(&room, bob());
    house.say(&room, ann(), "one");
    let (mut ann, mut bob) = (phone(ann()), phone(bob()));
    let first = house.sync(&mut ann).await;
    let joined_room = joined(&first, &room);
    // Of ten events the last, and before them the state as it was then.
    assert_eq!(timeline(joined_room).last().unwrap(), "one");
    let state = shown(&joined_room["state"]["events"]);
    let all: Vec<_> = state.iter().chain(&timeline(joined_room)).cloned().collect();
    assert_eq!(&all[..2], ["create", "member ann"]);
    assert!(all.contains(&"member bob".to_owned()) && all.contains(&"power_levels".to_owned()), "{all:?}");
    assert_eq!(
        joined_room["summary"],
        json!({ "m.heroes": ["@bob:hearth.example"], "m.joined_member_count": 2, "m.invited_member_count": 0 })
    );
    house.sync(&mut bob).await;

    let quiet = house.sync(&mut ann).await;
    assert_eq!(quiet.get("rooms"), None);
    assert_eq!(quiet["device_one_time_keys_count"], json!({ "signed_curve25519": 0 }));
    assert_eq!(quiet["device_unused_fallback_key_types"], json!([]));

    house.say(&room, ann.user, "two");
    let (to_ann, to_bob) = (house.sync(&mut ann).await, house.sync(&mut bob).await);
    assert_eq!(timeline(joined(&to_ann, &room)), ["two"]);
    let event = |answer: &Value| joined(answer, &room)["timeline"]["events"][0].clone();
    assert_eq!(
        event(&to_ann)["unsigned"],
        json!({ "age": 1000, "membership": "join", "transaction_id": "txn of two" })
    );
    assert_eq!(event(&to_bob)["unsigned"], json!({ "age": 1000, "membership": "join" }));
    assert_eq!(event(&to_bob)["room_id"], Value::Null);
    assert_eq!(joined(&to_bob, &room).get("summary"), None);
    assert_eq!(joined(&to_bob, &room).get("state"), None);
    // The same token brings the same answer.
    let mut again = Phone { since: Some(to_ann["next_batch"].as_str().unwrap().into()), ..phone(ann.user) };
    assert_eq!(house.sync(&mut again).await.get("rooms"), None);
}

#[tokio::test]
async fn a_gap_is_told_with_its_state_and_a_token_to_fill_it() {
    let house = House::new();
    let room = house.room();
    house.join(&room, bob());
    let mut phones = [phone(bob()), phone(bob())];
    for phone in &mut phones {
        house.sync(phone).await;
    }
    house.set(&room, "m.room.topic", json!({ "topic": "in the gap" }));
    house.join(&room, cat());
    for n in 0..12 {
        house.say(&room, ann(), &n.to_string());
    }
    house.set(&room, "m.room.name", json!({ "name": "in the timeline" }));
    let [mut before, mut after] = phones;
    let answer = house.sync(&mut before).await;
    let gap = joined(&answer, &room);
    assert_eq!(gap["timeline"]["limited"], true);
    assert_eq!(timeline(gap), ["3", "4", "5", "6", "7", "8", "9", "10", "11", "name"]);
    assert_eq!(shown(&gap["state"]["events"]), ["topic", "member cat"]);
    assert_eq!(gap["summary"]["m.joined_member_count"], 3);
    let place: i64 = gap["timeline"]["prev_batch"].as_str().unwrap().strip_prefix('t').unwrap().parse().unwrap();
    let snapshot = house.store.snapshot().unwrap();
    let older: Vec<_> = events(&snapshot, room.number, TimelinePos(place), None, Direction::Backward)
        .unwrap()
        .take(2)
        .map(|entry| crate::rooms::graph::record(&snapshot, entry.unwrap().1).unwrap().json)
        .collect();
    assert!(String::from_utf8_lossy(&older[0]).contains(r#""body":"2""#), "{older:?}");

    let answer = house.ask(&mut after, |request| request.use_state_after = true).await;
    let gap = joined(&answer, &room);
    assert_eq!(gap.get("state"), None);
    assert_eq!(shown(&gap["state_after"]["events"]), ["topic", "member cat", "name"]);
    house.say(&room, ann(), "more");
    let answer = house.ask(&mut after, |request| request.use_state_after = true).await;
    assert_eq!(joined(&answer, &room)["state_after"], json!({}));
}

#[tokio::test]
async fn full_state_comes_at_once_with_a_timeline_since_the_token() {
    let house = House::new();
    let room = house.room();
    let mut ann = phone(ann());
    house.sync(&mut ann).await;
    house.say(&room, ann.user, "new");
    let answer = house.ask(&mut ann, |request| request.full_state = true).await;
    assert_eq!(timeline(joined(&answer, &room)), ["new"]);
    assert!(shown(&joined(&answer, &room)["state"]["events"]).contains(&"create".to_owned()));
    let wait = |request: &mut ruma::api::client::sync::sync_events::v3::Request| {
        request.full_state = true;
        request.timeout = Some(std::time::Duration::from_secs(100));
    };
    let answer = house.ask(&mut ann, wait).await;
    assert!(timeline(joined(&answer, &room)).is_empty());
    assert!(shown(&joined(&answer, &room)["state"]["events"]).contains(&"create".to_owned()));
}

#[tokio::test]
async fn an_invitation_is_shown_stripped_and_once_then_the_room_as_new() {
    let house = House::new();
    let room = house.room_like(|new| {
        new.preset = Preset::PrivateChat;
        new.name = Some("den".into());
    });
    let mut bob = phone(bob());
    house.sync(&mut bob).await;
    house.invite(&room, bob.user);
    let answer = house.sync(&mut bob).await;
    let events = &answer["rooms"]["invite"][room.id.as_str()]["invite_state"]["events"];
    let kinds = shown(events);
    for kind in ["create", "name", "join_rules", "member bob", "member ann"] {
        assert!(kinds.contains(&kind.to_owned()), "{kinds:?}");
    }
    assert_eq!(answer["rooms"].get("join"), None);
    assert_eq!(house.sync(&mut bob).await.get("rooms"), None);
    // A device that is new sees it as well.
    let mut other = phone(bob.user);
    assert!(house.sync(&mut other).await["rooms"]["invite"][room.id.as_str()].is_object());

    house.join(&room, bob.user);
    let answer = house.sync(&mut bob).await;
    assert_eq!(answer["rooms"].get("invite"), None);
    let state = shown(&joined(&answer, &room)["state"]["events"]);
    let all: Vec<_> = state.into_iter().chain(timeline(joined(&answer, &room))).collect();
    assert!(all.contains(&"create".to_owned()) && all.contains(&"name".to_owned()), "{all:?}");
    assert_eq!(all.last().unwrap(), "member bob");
}

#[tokio::test]
async fn a_room_that_was_left_shows_what_came_before_and_nothing_after() {
    let house = House::new();
    let room = house.room();
    house.join(&room, bob());
    let (mut bob, mut cat) = (phone(bob()), phone(cat()));
    house.sync(&mut bob).await;
    house.sync(&mut cat).await;
    house.say(&room, ann(), "stay");
    house.leave(&room, bob.user);
    house.say(&room, ann(), "gone");
    let answer = house.sync(&mut bob).await;
    let left = &answer["rooms"]["leave"][room.id.as_str()];
    assert_eq!(timeline(left), ["stay", "member bob"]);
    assert_eq!(answer["rooms"].get("join"), None);
    assert_eq!(house.sync(&mut bob).await.get("rooms"), None);

    // Who is banned afterwards learns of the ban alone.
    house.ban(&room, bob.user);
    let answer = house.sync(&mut bob).await;
    let left = &answer["rooms"]["leave"][room.id.as_str()];
    assert_eq!(timeline(left), ["member bob"]);
    assert_eq!(left["timeline"]["events"][0]["content"]["membership"], "ban");

    let mut new =
        Phone { filter: json!({ "room": { "include_leave": true, "timeline": { "limit": 50 } } }), ..phone(bob.user) };
    let answer = house.sync(&mut new).await;
    let all = timeline(&answer["rooms"]["leave"][room.id.as_str()]);
    assert!(all.contains(&"stay".to_owned()) && !all.contains(&"gone".to_owned()), "{all:?}");
    let mut plain = phone(bob.user);
    assert_eq!(house.sync(&mut plain).await.get("rooms"), None);

    // An invitation turned down, and a room forgotten.
    house.invite(&room, cat.user);
    house.sync(&mut cat).await;
    house.leave(&room, cat.user);
    let answer = house.sync(&mut cat).await;
    assert_eq!(timeline(&answer["rooms"]["leave"][room.id.as_str()]), ["member cat"]);
    house.forget_room(&room, bob.user);
    new.since = None;
    assert_eq!(house.sync(&mut new).await.get("rooms"), None);
    assert_eq!(house.membership(&room, bob.user), Membership::Ban);
}

#[tokio::test]
async fn a_room_forgotten_on_one_device_is_left_on_the_others() {
    let house = House::new();
    let (room, den) = (house.room(), house.room());
    house.join(&room, bob());
    house.invite(&den, bob());
    let mut other = phone(bob());
    house.sync(&mut other).await;
    for room in [&room, &den] {
        house.say(room, ann(), "before");
        house.leave(room, bob());
        house.forget_room(room, bob());
    }
    let answer = house.sync(&mut other).await;
    for room in [&room, &den] {
        assert_eq!(timeline(&answer["rooms"]["leave"][room.id.as_str()]), ["member bob"]);
    }
    assert_eq!(house.sync(&mut other).await.get("rooms"), None);
    let include_leave = json!({ "room": { "include_leave": true } });
    let mut all = Phone { filter: include_leave, ..other };
    let answer = house.ask(&mut all, |request| request.full_state = true).await;
    assert_eq!(answer.get("rooms"), None);
}

#[tokio::test]
async fn history_that_is_for_members_only_is_kept_from_newcomers() {
    let house = House::new();
    let room = house.room();
    house.set(&room, "m.room.history_visibility", json!({ "history_visibility": "joined" }));
    house.say(&room, ann(), "secret");
    let mut bob = phone(bob());
    house.sync(&mut bob).await;
    house.join(&room, bob.user);
    house.say(&room, ann(), "welcome");
    let answer = house.sync(&mut bob).await;
    let seen = timeline(joined(&answer, &room));
    assert_eq!(seen.iter().filter(|kind| *kind == "secret").count(), 0, "{seen:?}");
    assert_eq!(seen[seen.len() - 2..], ["member bob", "welcome"]);
    // Left and joined again: what was said in between stays hidden, what was seen stays seen.
    house.leave(&room, bob.user);
    house.say(&room, ann(), "between");
    house.join(&room, bob.user);
    house.say(&room, ann(), "again");
    bob.since = None;
    let answer = house.sync(&mut bob).await;
    let seen = timeline(joined(&answer, &room));
    assert!(
        seen.contains(&"welcome".into()) && seen.contains(&"again".into()) && !seen.contains(&"between".into()),
        "{seen:?}"
    );
}

#[tokio::test]
async fn members_are_loaded_as_they_speak() {
    let house = House::new();
    let room = house.room();
    house.join(&room, bob());
    house.join(&room, cat());
    for n in 0..10 {
        house.say(&room, ann(), &n.to_string());
    }
    let lazy = |redundant: bool| json!({ "room": { "state": { "lazy_load_members": true, "include_redundant_members": redundant } } });
    let mut phones = [false, true].map(|redundant| Phone {
        filter: lazy(redundant),
        device: if redundant { "A" } else { "B" },
        ..phone(bob())
    });
    for phone in &mut phones {
        let answer = house.sync(phone).await;
        let state = shown(&joined(&answer, &room)["state"]["events"]);
        // Who spoke, oneself, and the heroes: all three here.
        for member in ["member ann", "member bob", "member cat"] {
            assert!(state.contains(&member.to_owned()), "{state:?}");
        }
    }
    house.say(&room, ann(), "again");
    let [mut lean, mut redundant] = phones;
    let members = |answer: &Value| shown(&joined(answer, &room)["state"]["events"]);
    assert_eq!(members(&house.sync(&mut lean).await), Vec::<String>::new());
    assert_eq!(members(&house.sync(&mut redundant).await), ["member ann"]);

    // In a room with a name nobody is a hero.
    house.set(&room, "m.room.name", json!({ "name": "den" }));
    for n in 0..10 {
        house.say(&room, ann(), &format!("named {n}"));
    }
    lean.since = None;
    let state = members(&house.sync(&mut lean).await);
    assert!(!state.contains(&"member cat".to_owned()) && state.contains(&"member bob".to_owned()), "{state:?}");
    house.say(&room, cat(), "hi");
    assert_eq!(members(&house.sync(&mut lean).await), ["member cat"]);
    house.say(&room, cat(), "hi again");
    assert_eq!(members(&house.sync(&mut lean).await), Vec::<String>::new());
    // A change in the gap is told, however well known the member is.
    house.leave(&room, cat());
    for n in 0..11 {
        house.say(&room, ann(), &format!("left {n}"));
    }
    assert_eq!(members(&house.sync(&mut lean).await), ["member cat"]);
}

#[tokio::test]
async fn members_that_changed_in_a_gap_are_told_with_the_full_state_too() {
    let mut house = House::new();
    let room = house.room();
    house.set(&room, "m.room.name", json!({ "name": "den" }));
    for user in [bob(), cat()] {
        house.join(&room, user);
    }
    let lazy = json!({ "room": { "state": { "lazy_load_members": true } } });
    let phone = |device| Phone { filter: lazy.clone(), device, ..phone(bob()) };
    // One whose timeline reaches back to before the change, but keeps it back.
    let mut filtered = phone("D");
    filtered.filter["room"]["timeline"] = json!({ "limit": 20, "types": ["m.room.message"] });
    house.sync(&mut filtered).await;
    let mut phones = [phone("A"), phone("B"), phone("C")];
    for phone in &mut phones {
        house.sync(phone).await;
    }
    house.say(&room, ann(), "before");
    house.leave(&room, cat());
    for n in 0..11 {
        house.say(&room, ann(), &n.to_string());
    }
    let has_cat = |answer: &Value, state: &str| {
        let state = shown(&joined(answer, &room)[state]["events"]);
        assert!(state.contains(&"create".to_owned()), "{state:?}");
        state.contains(&"member cat".to_owned())
    };
    let [mut before, mut after, mut astray] = phones;
    for phone in [&mut before, &mut filtered] {
        assert!(has_cat(&house.ask(phone, |request| request.full_state = true).await, "state"));
    }
    let full = |request: &mut ruma::api::client::sync::sync_events::v3::Request| {
        request.full_state = true;
        request.use_state_after = true;
    };
    assert!(has_cat(&house.ask(&mut after, full).await, "state_after"));
    // And where the device comes back from before a restore.
    let from: u64 = astray.since.as_ref().unwrap()[1..].split('_').next().unwrap().parse().unwrap();
    house.restored(from);
    astray.since = Some(format!("s{}", from + 1));
    assert!(has_cat(&house.sync(&mut astray).await, "state"));
    // Who begins hears of those alone who speak.
    before.since = None;
    assert!(!has_cat(&house.sync(&mut before).await, "state"));
}

#[tokio::test]
async fn a_member_is_told_again_where_the_answer_was_lost() {
    let house = House::new();
    let room = house.room();
    house.set(&room, "m.room.name", json!({ "name": "den" }));
    for user in [bob(), cat()] {
        house.join(&room, user);
    }
    for n in 0..10 {
        house.say(&room, ann(), &n.to_string());
    }
    let mut bob = Phone { filter: json!({ "room": { "state": { "lazy_load_members": true } } }), ..phone(bob()) };
    house.sync(&mut bob).await;
    let members = |answer: &Value| shown(&joined(answer, &room)["state"]["events"]);
    house.say(&room, cat(), "hi");
    let before = bob.since.clone();
    assert_eq!(members(&house.sync(&mut bob).await), ["member cat"]);
    bob.since = before;
    assert_eq!(members(&house.sync(&mut bob).await), ["member cat"]);
    house.say(&room, cat(), "hi again");
    assert_eq!(members(&house.sync(&mut bob).await), Vec::<String>::new());
}

#[tokio::test]
async fn filters_keep_rooms_types_and_senders_back() {
    let house = House::new();
    let (room, other) = (house.room(), house.room());
    house.join(&room, bob());
    house.say(&room, bob(), "bob");
    house.say(&room, ann(), "ann");
    let ask = |filter: Value| {
        let house = &house;
        async move {
            let mut phone = Phone { filter, ..phone(ann()) };
            house.sync(&mut phone).await
        }
    };
    let answer = ask(json!({ "room": { "not_rooms": [other.id], "timeline": { "types": ["m.room.message"], "senders": ["@bob:hearth.example"] } } })).await;
    assert_eq!(answer["rooms"]["join"].as_object().unwrap().len(), 1);
    assert_eq!(timeline(joined(&answer, &room)), ["bob"]);
    // State that a filter keeps out of the timeline is told all the same.
    let state = shown(&joined(&answer, &room)["state"]["events"]);
    assert!(state.contains(&"member bob".to_owned()), "{state:?}");
    let answer = ask(json!({ "room": { "timeline": { "limit": 0 }, "state": { "types": ["m.room.create"] } } })).await;
    assert_eq!(timeline(joined(&answer, &room)), Vec::<String>::new());
    assert_eq!(joined(&answer, &room)["timeline"]["limited"], true);
    assert_eq!(shown(&joined(&answer, &room)["state"]["events"]), ["create"]);
    let answer = ask(json!({ "room": { "rooms": [] }, "account_data": { "types": [] } })).await;
    assert_eq!((answer.get("rooms"), answer.get("account_data")), (None, None));
    let answer = ask(json!({ "event_format": "federation", "room": { "timeline": { "limit": 1 } } })).await;
    assert!(joined(&answer, &room)["timeline"]["events"][0]["prev_events"].is_array());
    let unknown = Phone { filter: json!("77"), ..phone(ann()) };
    assert!(matches!(house.try_ask(&unknown, |_| ()).await, Err(crate::sync::SyncError::UnknownFilter)));
    let bad = Phone { filter: json!("{\"room\":5}"), ..phone(ann()) };
    assert!(matches!(house.try_ask(&bad, |_| ()).await, Err(crate::sync::SyncError::BadFilter(_))));
    let bad = Phone { since: Some("x12".into()), ..phone(ann()) };
    assert!(matches!(house.try_ask(&bad, |_| ()).await, Err(crate::sync::SyncError::BadToken)));
}

#[tokio::test]
async fn who_went_and_came_back_between_two_syncs_is_told_what_is_new() {
    let house = House::new();
    let room = house.room();
    house.join(&room, bob());
    let mut bob = phone(bob());
    house.sync(&mut bob).await;
    house.leave(&room, bob.user);
    house.say(&room, ann(), "behind their back");
    house.join(&room, bob.user);
    let answer = house.sync(&mut bob).await;
    assert_eq!(timeline(joined(&answer, &room)), ["member bob", "behind their back", "member bob"]);
    assert_eq!(joined(&answer, &room)["state"].get("events"), None);
    // And went once more.
    house.leave(&room, bob.user);
    house.join(&room, bob.user);
    house.leave(&room, bob.user);
    let answer = house.sync(&mut bob).await;
    assert_eq!(timeline(&answer["rooms"]["leave"][room.id.as_str()]), ["member bob"; 3]);
}

#[tokio::test]
async fn who_is_ignored_is_not_heard() {
    let house = House::new();
    let room = house.room();
    house.join(&room, bob());
    house.account_data(bob(), "", "m.ignored_user_list", json!({ "ignored_users": { ann(): {} } }));
    let mut bob = phone(bob());
    house.sync(&mut bob).await;
    house.say(&room, ann(), "noise");
    house.set(&room, "m.room.topic", json!({ "topic": "state" }));
    let den = house.room_like(|new| new.preset = Preset::PrivateChat);
    house.invite(&den, bob.user);
    let answer = house.sync(&mut bob).await;
    assert_eq!(timeline(joined(&answer, &room)), ["topic"]);
    assert_eq!(answer["rooms"].get("invite"), None);
}

#[tokio::test]
async fn receipts_move_forward_only_and_private_ones_are_their_owners() {
    let house = House::new();
    let room = house.room();
    house.join(&room, bob());
    let first = house.say(&room, ann(), "1");
    let second = house.say(&room, ann(), "2");
    let reply = house.say_in_thread(&room, ann(), &first, "in thread");
    let (mut ann, mut bob) = (phone(ann()), phone(bob()));
    house.sync(&mut ann).await;
    house.sync(&mut bob).await;
    assert!(house.read(&room, bob.user, READ, "", &second));
    assert!(!house.read(&room, bob.user, READ, "", &first));
    assert!(house.read(&room, bob.user, READ, "main", &second));
    assert!(house.read(&room, bob.user, READ_PRIVATE, first.as_str(), &reply));
    let ephemeral = |answer: &Value| joined(answer, &room)["ephemeral"]["events"].clone();
    let public = json!({ "type": "m.receipt", "content": { &second: { "m.read": { bob.user: { "ts": NOW } } } } });
    let main = json!({ "type": "m.receipt", "content": { &second: { "m.read": { bob.user: { "ts": NOW, "thread_id": "main" } } } } });
    let private = json!({ "type": "m.receipt", "content": { &reply: { "m.read.private": { bob.user: { "ts": NOW, "thread_id": first } } } } });
    assert_eq!(ephemeral(&house.sync(&mut ann).await), json!([public, main]));
    assert_eq!(ephemeral(&house.sync(&mut bob).await), json!([public, private, main]));
    assert_eq!(house.sync(&mut ann).await.get("rooms"), None);
    ann.since = None;
    assert_eq!(ephemeral(&house.sync(&mut ann).await), json!([public, main]));
}

#[tokio::test]
async fn account_data_comes_once_and_push_rules_always() {
    let house = House::new();
    let room = house.room();
    let mut ann = phone(ann());
    house.account_data(ann.user, "", "a.b", json!({ "n": 1 }));
    let answer = house.sync(&mut ann).await;
    assert_eq!(shown(&answer["account_data"]["events"]), ["a.b", "m.push_rules"]);
    house.account_data(ann.user, "", "a.b", json!({ "n": 2 }));
    house.account_data(ann.user, "", "a.b", json!({ "n": 3 }));
    house.account_data(ann.user, room.id.as_str(), "m.fully_read", json!({ "event_id": "$x" }));
    let answer = house.sync(&mut ann).await;
    assert_eq!(answer["account_data"]["events"], json!([{ "type": "a.b", "content": { "n": 3 } }]));
    assert_eq!(shown(&joined(&answer, &room)["account_data"]["events"]), ["m.fully_read"]);
    assert!(timeline(joined(&answer, &room)).is_empty());
    let answer = house.sync(&mut ann).await;
    assert_eq!((answer.get("account_data"), answer.get("rooms")), (None, None));
}

#[tokio::test]
async fn a_room_that_one_comes_back_to_has_its_account_data() {
    let house = House::new();
    let (room, den) = (house.room(), house.room());
    for room in [&room, &den] {
        house.join(room, bob());
        house.account_data(bob(), room.id.as_str(), "m.tag", json!({ "tags": { "m.favourite": {} } }));
        house.leave(room, bob());
    }
    let mut new = phone(bob());
    assert_eq!(house.sync(&mut new).await.get("rooms"), None);
    for room in [&room, &den] {
        house.join(room, bob());
    }
    house.account_data(bob(), room.id.as_str(), "m.fully_read", json!({ "event_id": "$x" }));
    house.leave(&den, bob());
    let answer = house.sync(&mut new).await;
    assert_eq!(shown(&joined(&answer, &room)["account_data"]["events"]), ["m.fully_read", "m.tag"]);
    let left = &answer["rooms"]["leave"][den.id.as_str()];
    assert_eq!(shown(&left["account_data"]["events"]), ["m.tag"]);
    assert_eq!(house.sync(&mut new).await.get("rooms"), None);
}
