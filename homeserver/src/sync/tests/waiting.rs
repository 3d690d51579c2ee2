use super::house::*;
use crate::{
    accounts::AccountError,
    rooms::{Room, receipts::READ_PRIVATE},
    sync::{SyncError, presence::FADES_AFTER},
};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Long enough for a sync that has something to tell, too short for one that waits.
const SOON: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_waiting_sync_is_woken_by_its_rooms_and_by_nothing_else() {
    let house = House::new();
    let (room, other) = (house.room(), house.room_like(|new| new.creator = cat().to_owned()));
    house.join(&room, bob());
    let mut bob = phone(bob());
    house.sync(&mut bob).await;
    let wait = house.wait(&mut bob);
    tokio::pin!(wait);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut wait).await.is_err());
    assert_eq!(house.syncs.wakers().len(), 1);
    house.say(&other, cat(), "elsewhere");
    // Somebody else's private receipt wakes, but there is nothing to show.
    let event = house.say(&other, cat(), "x");
    house.read(&other, cat(), READ_PRIVATE, "", &event);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut wait).await.is_err());
    house.say(&room, ann(), "here");
    let answer = tokio::time::timeout(SOON, wait).await.unwrap();
    assert_eq!(timeline(joined(&answer, &room)), ["here"]);
    assert!(house.syncs.wakers().is_empty());
}

#[tokio::test]
async fn a_dropped_sync_leaves_nothing_behind_and_time_ends_it() {
    let house = House::new();
    let _room = house.room();
    let mut ann = phone(ann());
    let first = house.sync(&mut ann).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), house.wait(&mut ann)).await.is_err());
    assert!(house.syncs.wakers().is_empty());
    let answer = house.ask(&mut ann, |request| request.timeout = Some(Duration::from_millis(50))).await;
    assert_eq!(answer.get("rooms"), None);
    assert_eq!(answer["next_batch"], first["next_batch"]);
}

#[tokio::test]
async fn a_room_joined_while_waiting_is_waited_for_too() {
    let house = House::new();
    let (room, den) = (house.room(), house.room());
    house.join(&room, bob());
    let mut bob = Phone { filter: json!({ "room": { "not_rooms": [room.id] } }), ..phone(bob()) };
    house.sync(&mut bob).await;
    let user = bob.user;
    {
        let wait = house.wait(&mut bob);
        tokio::pin!(wait);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut wait).await.is_err());
        house.join(&den, user);
        let answer = tokio::time::timeout(SOON, wait).await.unwrap();
        assert!(joined(&answer, &den).is_object());
    }
    house.say(&room, ann(), "filtered");
    let wait = house.wait(&mut bob);
    tokio::pin!(wait);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut wait).await.is_err());
    house.say(&den, ann(), "here");
    let answer = tokio::time::timeout(SOON, wait).await.unwrap();
    assert_eq!(timeline(joined(&answer, &den)), ["here"]);
}

#[tokio::test]
async fn typing_is_shown_once_and_its_end_too() {
    let house = House::new();
    let room = house.room();
    house.join(&room, bob());
    let mut bob = phone(bob());
    house.sync(&mut bob).await;
    let typing = |answer: &serde_json::Value| joined(answer, &room)["ephemeral"]["events"].clone();
    {
        let wait = house.wait(&mut bob);
        tokio::pin!(wait);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut wait).await.is_err());
        assert!(house.typing.start(room.number, ann()).changed);
        house.syncs.wakers().wake_room(room.number);
        let answer = tokio::time::timeout(SOON, wait).await.unwrap();
        assert_eq!(typing(&answer), json!([{ "type": "m.typing", "content": { "user_ids": [ann()] } }]));
    }
    assert_eq!(house.sync(&mut bob).await.get("rooms"), None);
    assert!(house.typing.stop(room.number, ann()));
    assert_eq!(typing(&house.sync(&mut bob).await)[0]["content"]["user_ids"], json!([]));
}

#[tokio::test]
async fn who_typed_before_a_restart_types_no_longer() {
    let mut house = House::new();
    let (room, den) = (house.room(), house.room());
    for room in [&room, &den] {
        house.join(room, bob());
        let _ = house.typing.start(room.number, ann());
    }
    let mut bob = phone(bob());
    let typing = |answer: &serde_json::Value, room: &Room| {
        joined(answer, room)["ephemeral"]["events"][0]["content"]["user_ids"].clone()
    };
    assert_eq!(typing(&house.sync(&mut bob).await, &room), json!([ann()]));
    house.forget();
    let _ = house.typing.start(room.number, ann());
    let answer = house.sync(&mut bob).await;
    assert_eq!((typing(&answer, &room), typing(&answer, &den)), (json!([ann()]), json!([])));
    assert_eq!(house.sync(&mut bob).await.get("rooms"), None);
}

#[tokio::test]
async fn who_was_there_before_a_restart_and_never_came_back_is_offline() {
    let mut house = House::new();
    let room = house.room();
    house.join(&room, bob());
    house.users();
    let (mut ann, mut bob) = (phone(ann()), phone(bob()));
    house.sync(&mut bob).await;
    let shown = |answer: &serde_json::Value| -> Vec<_> {
        let events = answer["presence"]["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| (event["sender"].clone(), event["content"]["presence"].clone())).collect()
    };
    assert_eq!(shown(&house.sync(&mut ann).await), [(json!(bob.user), json!("online"))]);
    house.forget();
    house.sync(&mut ann).await;
    let start = Instant::now();
    house.syncs.settle(start).unwrap();
    assert_eq!(shown(&house.sync(&mut ann).await), []);
    house.syncs.settle(start + FADES_AFTER).unwrap();
    // Cat is in none of Ann's rooms.
    assert_eq!(shown(&house.sync(&mut ann).await), [(json!(bob.user), json!("offline"))]);
    house.syncs.settle(start + 2 * FADES_AFTER).unwrap();
    assert_eq!(shown(&house.sync(&mut ann).await), []);
}

#[tokio::test]
async fn what_came_before_a_restart_is_not_missed() {
    let mut house = House::new();
    let room = house.room();
    let mut ann = phone(ann());
    house.sync(&mut ann).await;
    let event = house.say(&room, ann.user, "before");
    house.forget();
    assert_eq!(timeline(joined(&house.sync(&mut ann).await, &room)), ["before"]);
    house.read(&room, ann.user, READ_PRIVATE, "", &event);
    house.forget();
    assert!(joined(&house.sync(&mut ann).await, &room)["ephemeral"].is_object());
    assert_eq!(house.sync(&mut ann).await.get("rooms"), None);
}

#[tokio::test]
async fn a_waiting_sync_ends_with_its_login() {
    let house = House::new();
    let room = house.room();
    let mut ann = phone(ann());
    house.sync(&mut ann).await;
    let user = ann.user;
    let wait = house.try_ask(&ann, |request| request.timeout = Some(Duration::from_secs(10)));
    tokio::pin!(wait);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut wait).await.is_err());
    house.change(move |_, change| Ok(change.delete(hearth_store::tables::DEVICES, (user.as_str(), "PHONE"))?));
    house.say(&room, user, "for those who are logged in");
    let answer = tokio::time::timeout(SOON, wait).await.unwrap();
    assert!(matches!(answer, Err(SyncError::Account(AccountError::UnknownToken { soft_logout: false }))));
}
