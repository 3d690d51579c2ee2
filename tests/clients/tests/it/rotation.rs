//! Who has left reads no more.

use hearth_test_clients::{House, encrypted_room_of, text};
use hearth_test_support::Http;
use matrix_sdk::{deserialized_responses::TimelineEventKind, ruma::serde::Raw};
use serde_json::value::to_raw_value;

#[tokio::test]
async fn somebody_who_left_cannot_decrypt_what_is_said_afterwards() {
    let house = House::open();
    let (alice, bob, carol) = (house.sign_up("alice").await, house.sign_up("bob").await, house.sign_up("carol").await);
    let room = encrypted_room_of(&alice, &[&bob, &carol]).await;
    alice.room(&room).send(text("All three")).await.expect("alice may speak");
    let before = bob.hear(&room, "All three").await;
    carol.hear(&room, "All three").await;

    carol.room(&room).leave().await.expect("everybody may leave");
    alice.until_true("carol to be gone", async |_| alice.room(&room).joined_members_count() == 2).await;
    alice.room(&room).send(text("Just us")).await.expect("alice may speak");
    let after = bob.hear(&room, "Just us").await;
    assert_ne!(before.session_id(), after.session_id(), "the room's key must change when somebody has left");

    // The event as it lies on the server, as if it had leaked to carol.
    let event_id = after.event_id();
    let path = ["rooms", room.as_str(), "event", event_id.as_str()];
    let token = |device: &hearth_test_clients::Device| device.client().access_token().expect("is signed in");
    let as_stored = Http::new(house.url())
        .with_token(&token(&bob))
        .get(&path, &[])
        .await
        .expect("a member may fetch an event of the room");
    let leaked = Raw::from_json(to_raw_value(&as_stored).expect("JSON stays JSON"));

    let readable = bob.room(&room).decrypt_event(&leaked, None).await.expect("the event can be looked at");
    assert!(matches!(readable.kind, TimelineEventKind::Decrypted(_)), "bob is still in the room and must read it");
    let closed = carol.room(&room).decrypt_event(&leaked, None).await.expect("the event can be looked at");
    assert!(
        matches!(closed.kind, TimelineEventKind::UnableToDecrypt { .. }),
        "carol has left and still has the key of what was said afterwards"
    );

    let refused = Http::new(house.url()).with_token(&token(&carol)).get(&path, &[]).await;
    assert!(refused.is_err(), "the server gives carol an event from after she left: {refused:?}");
}
