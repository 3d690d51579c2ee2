//! What one sees of the others besides their messages: that they type, and how far they have read.

use hearth_test_clients::{House, room_of, text};
use matrix_sdk::ruma::{
    api::client::receipt::create_receipt,
    events::receipt::{ReceiptThread, ReceiptType},
};

#[tokio::test]
async fn one_sees_that_somebody_types_and_stops() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = room_of(&alice, &[&bob]).await;
    let (_guard, mut typing) = alice.room(&room).subscribe_to_typing_notifications();

    bob.room(&room).typing_notice(true).await.expect("a member may type");
    let who = alice.until("somebody to type", async |_| typing.try_recv().ok()).await;
    assert_eq!(who, [bob.user_id()], "it is bob who types");

    bob.room(&room).typing_notice(false).await.expect("a member may stop typing");
    let who = alice.until("the typing to end", async |_| typing.try_recv().ok()).await;
    assert!(who.is_empty(), "bob has stopped and still counts as typing");
}

#[tokio::test]
async fn one_sees_how_far_somebody_has_read() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = room_of(&alice, &[&bob]).await;

    for body in ["one", "two"] {
        alice.room(&room).send(text(body)).await.expect("alice may speak");
        let read = bob.hear(&room, body).await.event_id();
        bob.room(&room)
            .send_single_receipt(create_receipt::v3::ReceiptType::Read, ReceiptThread::Unthreaded, read.clone())
            .await
            .expect("a member may say what was read");
        alice
            .until_true(&format!("bob's receipt on \"{body}\""), async |_| {
                let room = alice.room(&room);
                let receipt = room.load_user_receipt(ReceiptType::Read, ReceiptThread::Unthreaded, bob.user_id()).await;
                receipt.expect("the store answers").is_some_and(|(event_id, _)| event_id == read)
            })
            .await;
    }
}
