use super::house::*;
use crate::rooms::{
    Room,
    receipts::{MAIN, READ, READ_PRIVATE, UNTHREADED},
};
use serde_json::{Value, json};

fn counts(answer: &Value, room: &Room) -> (u64, u64) {
    let unread = &joined(answer, room)["unread_notifications"];
    (unread["notification_count"].as_u64().unwrap(), unread["highlight_count"].as_u64().unwrap())
}

/// The answer by counting anew must be that by counting on.
async fn both(house: &mut House, phone: &mut Phone, room: &Room) -> (u64, u64) {
    let on = house.sync(phone).await;
    let mut anew = Phone { since: None, filter: phone.filter.clone(), ..super::house::phone(phone.user) };
    let kept = counts(&house.sync(&mut anew).await, room);
    house.forget();
    anew.since = None;
    assert_eq!(counts(&house.sync(&mut anew).await, room), kept);
    if joined(&on, room).is_object() {
        assert_eq!(counts(&on, room), kept);
    }
    kept
}

#[tokio::test]
async fn what_others_say_is_unread_until_a_receipt_or_an_answer() {
    let mut house = House::new();
    let room = house.room();
    house.join(&room, bob());
    house.join(&room, cat());
    let mut bob = phone(bob());
    let house = &mut house;
    assert_eq!(both(house, &mut bob, &room).await, (0, 0));
    house.say(&room, ann(), "one");
    assert_eq!(both(house, &mut bob, &room).await, (1, 0));
    let two = house.say(&room, ann(), "two");
    house.say(&room, ann(), "three");
    assert_eq!(both(house, &mut bob, &room).await, (3, 0));
    house.read(&room, bob.user, READ_PRIVATE, UNTHREADED, &two);
    assert_eq!(both(house, &mut bob, &room).await, (1, 0));
    let mention = json!({ "msgtype": "m.text", "body": "hey", "m.mentions": { "user_ids": [bob.user] } });
    house.send(&room, House::draft(ann(), "m.room.message", None, mention));
    house.send(&room, House::draft(ann(), "m.room.encrypted", None, json!({ "algorithm": "m.megolm.v1.aes-sha2" })));
    // Neither notices nor state are.
    house.send(&room, House::draft(ann(), "m.room.message", None, json!({ "msgtype": "m.notice", "body": "beep" })));
    house.set(&room, "m.room.topic", json!({ "topic": "x" }));
    assert_eq!(both(house, &mut bob, &room).await, (3, 1));
    house.say(&room, bob.user, "I have read it all");
    house.say(&room, ann(), "then read this");
    assert_eq!(both(house, &mut bob, &room).await, (1, 0));
    // Rules that change count anew.
    let master =
        json!({ "rule_id": ".m.rule.master", "default": true, "enabled": true, "conditions": [], "actions": [] });
    house.account_data(bob.user, "", "m.push_rules", json!({ "global": { "override": [master] } }));
    assert_eq!(both(house, &mut bob, &room).await, (0, 0));
}

#[tokio::test]
async fn what_was_redacted_is_unread_no_longer() {
    let mut house = House::new();
    let room = house.room();
    house.join(&room, bob());
    let mut bob = phone(bob());
    let house = &mut house;
    let mention = json!({ "msgtype": "m.text", "body": "hey", "m.mentions": { "user_ids": [bob.user] } });
    let (_, mention) = house.send(&room, House::draft(ann(), "m.room.message", None, mention));
    house.say(&room, ann(), "stays");
    assert_eq!(counts(&house.sync(&mut bob).await, &room), (2, 1));
    house.redact(&room, ann(), &mention);
    house.say(&room, ann(), "and then");
    assert_eq!(counts(&house.sync(&mut bob).await, &room), (2, 0));
    assert_eq!(both(house, &mut bob, &room).await, (2, 0));
}

#[tokio::test]
async fn a_name_that_was_redacted_is_called_no_longer() {
    // Counted on, and counted anew because something was read.
    for reads in [false, true] {
        let house = House::new();
        let room = house.room();
        house.join(&room, bob());
        let named = json!({ "membership": "join", "displayname": "Builder" });
        let (_, member) = house.send(&room, House::draft(bob(), "m.room.member", Some(bob().as_str()), named));
        let rule = json!({
            "rule_id": "name", "default": false, "enabled": true, "conditions": [{ "kind": "contains_display_name" }],
            "actions": ["notify", { "set_tweak": "highlight" }],
        });
        house.account_data(bob(), "", "m.push_rules", json!({ "global": { "override": [rule] } }));
        let mut bob = phone(bob());
        let dear = house.say(&room, ann(), "dear Builder");
        assert_eq!(counts(&house.sync(&mut bob).await, &room), (1, 1));
        house.redact(&room, ann(), &member);
        house.say(&room, ann(), "no Builder");
        if reads {
            house.read(&room, bob.user, READ, UNTHREADED, &dear);
        }
        assert_eq!(counts(&house.sync(&mut bob).await, &room), (if reads { 1 } else { 2 }, 0));
    }
}

#[tokio::test]
async fn who_is_ignored_counts_no_longer() {
    let mut house = House::new();
    let room = house.room();
    house.join(&room, bob());
    house.join(&room, cat());
    let mut bob = phone(bob());
    let house = &mut house;
    house.say(&room, ann(), "noise");
    assert_eq!(both(house, &mut bob, &room).await, (1, 0));
    house.account_data(bob.user, "", "m.ignored_user_list", json!({ "ignored_users": { ann(): {} } }));
    house.say(&room, cat(), "sense");
    assert_eq!(both(house, &mut bob, &room).await, (1, 0));
}

#[tokio::test]
async fn threads_are_counted_apart_where_asked_for() {
    let mut house = House::new();
    let room = house.room();
    house.join(&room, bob());
    let root = house.say(&room, ann(), "root");
    house.say_in_thread(&room, ann(), &root, "a");
    let b = house.say_in_thread(&room, ann(), &root, "b");
    let house = &mut house;
    let filter = json!({ "room": { "timeline": { "unread_thread_notifications": true } } });
    let (mut apart, mut together) = (Phone { filter, ..phone(bob()) }, phone(bob()));
    let threads = |answer: &Value| joined(answer, &room)["unread_thread_notifications"].clone();
    let answer = house.sync(&mut apart).await;
    assert_eq!(counts(&answer, &room), (1, 0));
    assert_eq!(threads(&answer), json!({ &root: { "notification_count": 2, "highlight_count": 0 } }));
    assert_eq!(both(house, &mut together, &room).await, (3, 0));
    house.read(&room, bob(), READ, MAIN, &root);
    let answer = house.sync(&mut apart).await;
    assert_eq!(counts(&answer, &room), (0, 0));
    assert_eq!(threads(&answer)[root.as_str()]["notification_count"], 2);
    house.read(&room, bob(), READ, root.as_str(), &b);
    house.say(&room, ann(), "main");
    let answer = house.sync(&mut apart).await;
    assert_eq!((counts(&answer, &room), threads(&answer)), ((1, 0), Value::Null));
    house.say_in_thread(&room, ann(), &root, "c");
    assert_eq!(both(house, &mut together, &room).await, (2, 0));
    // Writing in the main timeline reads no thread.
    house.say(&room, bob(), "mine");
    let answer = house.sync(&mut apart).await;
    assert_eq!(counts(&answer, &room), (0, 0));
    assert_eq!(threads(&answer)[root.as_str()]["notification_count"], 1);
    let last = house.say(&room, ann(), "last");
    house.read(&room, bob(), READ, UNTHREADED, &last);
    assert_eq!(both(house, &mut together, &room).await, (0, 0));
}
