//! The numbers on an app's badge.

use hearth_test_clients::{Device, House, encrypted_room_of, room_of, text};
use matrix_sdk::ruma::{
    OwnedEventId, RoomId,
    api::client::receipt::create_receipt::v3::ReceiptType,
    events::{Mentions, receipt::ReceiptThread},
};

#[tokio::test]
async fn messages_and_mentions_are_counted_until_they_are_read() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = room_of(&alice, &[&bob]).await;

    bob.room(&room).send(text("Anybody here?")).await.expect("bob may speak");
    badge_shows(&alice, &room, 1, 0).await;
    let call = text("Alice, you?").add_mentions(Mentions::with_user_ids([alice.user_id().to_owned()]));
    bob.room(&room).send(call).await.expect("bob may speak");
    badge_shows(&alice, &room, 2, 1).await;

    let last = alice.hear(&room, "Alice, you?").await.event_id();
    read_up_to(&alice, &room, last).await;
    badge_shows(&alice, &room, 0, 0).await;
    assert_eq!(badge(&bob, &room), (0, 0), "one's own messages must not be counted as unread");
}

#[tokio::test]
async fn encrypted_messages_are_counted_by_the_server_that_cannot_read_them() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = encrypted_room_of(&alice, &[&bob]).await;

    for body in ["one", "two", "three"] {
        bob.room(&room).send(text(body)).await.expect("bob may speak");
    }
    badge_shows(&alice, &room, 3, 0).await;

    let second = alice.hear(&room, "two").await.event_id();
    read_up_to(&alice, &room, second).await;
    badge_shows(&alice, &room, 1, 0).await;
}

/// (notifications, highlights) as the server has counted them.
fn badge(device: &Device, room: &RoomId) -> (u64, u64) {
    let counts = device.room(room).unread_notification_counts();
    (counts.notification_count, counts.highlight_count)
}

async fn badge_shows(device: &Device, room: &RoomId, notifications: u64, highlights: u64) {
    device
        .until_true(&format!("{notifications} notifications, {highlights} of them highlights"), async |_| {
            badge(device, room) == (notifications, highlights)
        })
        .await;
}

async fn read_up_to(device: &Device, room: &RoomId, event_id: OwnedEventId) {
    device
        .room(room)
        .send_single_receipt(ReceiptType::Read, ReceiptThread::Unthreaded, event_id)
        .await
        .expect("a member may say what was read");
}
