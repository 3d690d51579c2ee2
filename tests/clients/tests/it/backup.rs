//! A second device reads what was said before it existed.

use hearth_test_clients::{Device, House, encrypted_room_of, history, text, verify_own_device};
use matrix_sdk::{
    encryption::recovery::RecoveryState,
    ruma::{OwnedRoomId, RoomId},
};

use crate::identity::set_up_identity;

#[tokio::test]
async fn a_new_device_with_the_recovery_key_reads_the_history() {
    let house = House::open();
    let Past { alice, bob, room, recovery_key } = a_past(&house).await;

    let tablet = house.log_in_again(&alice, "alice's tablet").await;
    knows_the_room(&tablet, &room).await;
    assert_eq!(history(&tablet, &room).await, Vec::<String>::new(), "without any key the history must stay closed");

    let recovery = tablet.client().encryption().recovery();
    recovery.recover(&recovery_key).await.expect("the recovery key opens the secret storage");
    tablet.until_true("recovery to be complete", async |_| recovery.state() == RecoveryState::Enabled).await;
    is_signed_by_its_owner(&tablet).await;
    reads_the_past(&tablet, &room).await;

    bob.room(&room).send(text("Welcome on the tablet")).await.expect("bob may speak");
    tablet.hear(&room, "Welcome on the tablet").await;
}

#[tokio::test]
async fn a_new_device_verified_by_emoji_reads_the_history_from_the_backup() {
    let house = House::open();
    let Past { alice, room, .. } = a_past(&house).await;

    let tablet = house.log_in_again(&alice, "alice's tablet").await;
    knows_the_room(&tablet, &room).await;
    verify_own_device(&tablet, &alice).await;
    // The old device hands over the backup's key once it trusts the new one.
    let backups = tablet.client().encryption().backups();
    tablet.until_true("the backup's key from the first device", async |_| backups.are_enabled().await).await;
    reads_the_past(&tablet, &room).await;
}

#[tokio::test]
async fn a_wrong_recovery_key_opens_nothing() {
    let house = House::open();
    let Past { alice, room, .. } = a_past(&house).await;

    let tablet = house.log_in_again(&alice, "alice's tablet").await;
    knows_the_room(&tablet, &room).await;
    let recovery = tablet.client().encryption().recovery();
    recovery.recover("not the passphrase").await.expect_err("a wrong recovery key must be refused");
    assert_eq!(history(&tablet, &room).await, Vec::<String>::new(), "the history was opened by a wrong key");
}

/// What was said before the second device came.
const SAID: [&str; 2] = ["The key is under the mat", "Which mat?"];

struct Past {
    alice: Device,
    bob: Device,
    room: OwnedRoomId,
    recovery_key: String,
}

/// Alice and Bob have talked, and Alice has a backup whose keys have all reached the server.
async fn a_past(house: &House) -> Past {
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    set_up_identity(&alice).await;
    let room = encrypted_room_of(&alice, &[&bob]).await;
    alice.room(&room).send(text(SAID[0])).await.expect("alice may speak");
    bob.hear(&room, SAID[0]).await;
    bob.room(&room).send(text(SAID[1])).await.expect("bob may speak");
    alice.hear(&room, SAID[1]).await;

    let recovery = alice.client().encryption().recovery();
    let recovery_key =
        recovery.enable().wait_for_backups_to_upload().await.expect("recovery and backup can be switched on");
    assert_eq!(recovery.state(), RecoveryState::Enabled, "recovery was switched on and isn't");
    Past { alice, bob, room, recovery_key }
}

async fn knows_the_room(device: &Device, room: &RoomId) {
    device
        .until_true("the room", async |client| client.get_room(room).is_some_and(|room| room.is_state_fully_synced()))
        .await;
}

async fn is_signed_by_its_owner(device: &Device) {
    device
        .until_true("its own device to be signed by its owner", async |client| {
            let own = client.encryption().get_own_device().await.expect("the store answers");
            own.is_some_and(|own| own.is_cross_signed_by_owner())
        })
        .await;
}

async fn reads_the_past(device: &Device, room: &RoomId) {
    let backups = device.client().encryption().backups();
    backups.download_room_keys_for_room(room).await.expect("the room's keys can be fetched from the backup");
    assert_eq!(history(device, room).await, SAID, "the history must be readable with the keys of the backup");
}
