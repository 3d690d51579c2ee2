//! Two people meet, verify each other and talk, encrypted.

use hearth_test_clients::{Device, House, encrypted_room_of, text, verify_user};

use crate::identity::set_up_identity;

#[tokio::test]
async fn two_people_verify_each_other_by_emoji_and_talk_encrypted() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    set_up_identity(&alice).await;
    set_up_identity(&bob).await;

    let room = encrypted_room_of(&alice, &[&bob]).await;
    verify_user(&alice, &bob).await;

    say_and_be_believed(&alice, &bob, &room, "Can you read this?").await;
    say_and_be_believed(&bob, &alice, &room, "Every word.").await;
}

#[tokio::test]
async fn a_message_of_somebody_never_verified_is_read_but_not_trusted() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = encrypted_room_of(&alice, &[&bob]).await;

    bob.room(&room).send(text("It's me, really")).await.expect("bob may speak");
    let heard = alice.hear(&room, "It's me, really").await;
    assert!(heard.encryption.is_some(), "the message must have come encrypted");
    assert!(!heard.is_from_trusted_device(), "nobody has verified bob, and still his message counts as trusted");
}

/// `speaker` says `body`; `listener` must read it, and know that it comes from a device it can trust.
async fn say_and_be_believed(speaker: &Device, listener: &Device, room: &matrix_sdk::ruma::RoomId, body: &str) {
    speaker.room(room).send(text(body)).await.expect("members may speak");
    let heard = listener.hear(room, body).await;
    assert!(
        heard.is_from_trusted_device(),
        "{} reads \"{body}\", but doesn't trust the device it comes from: {:?}",
        listener.name(),
        heard.encryption
    );
}
