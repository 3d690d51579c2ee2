//! Cross-signing: a person's identity that signs their devices.

use hearth_test_clients::{Device, House, password_auth};
use matrix_sdk::encryption::CrossSigningResetAuthType;

/// Makes the cross-signing identity of a new user, giving the password if the server asks for it. A server may let the
/// very first keys pass without one.
pub async fn set_up_identity(device: &Device) {
    let encryption = device.client().encryption();
    if let Err(error) = encryption.bootstrap_cross_signing(None).await {
        let asked = error.as_uiaa_response().unwrap_or_else(|| panic!("cross-signing can't be set up: {error}"));
        encryption
            .bootstrap_cross_signing(Some(password_auth(device, asked)))
            .await
            .expect("the password opens the way to cross-signing");
    }
    device
        .until_true("its own identity to come back from the server", async |client| {
            let own = client.encryption().get_own_device().await.expect("the store answers");
            own.is_some_and(|own| own.is_cross_signed_by_owner())
        })
        .await;
}

#[tokio::test]
async fn replacing_the_identity_asks_for_the_password() {
    let house = House::open();
    let alice = house.sign_up("alice").await;
    set_up_identity(&alice).await;
    let before = master_key(&alice).await;

    let encryption = alice.client().encryption();
    let handle = encryption
        .reset_cross_signing()
        .await
        .expect("a reset can be asked for")
        .expect("the server must ask who is there before it replaces an identity");
    let CrossSigningResetAuthType::Uiaa(asked) = handle.auth_type() else {
        panic!("the server must ask by user-interactive authentication")
    };
    handle.auth(Some(password_auth(&alice, asked))).await.expect("the right password is accepted");

    alice.until_true("its new identity", async |_| master_key(&alice).await != before).await;
}

#[tokio::test]
async fn a_wrong_password_replaces_no_identity() {
    let house = House::open();
    let alice = house.sign_up("alice").await;
    set_up_identity(&alice).await;
    let before = master_key(&alice).await;

    let handle = alice.client().encryption().reset_cross_signing().await.expect("a reset can be asked for");
    let handle = handle.expect("the server must ask who is there before it replaces an identity");
    let CrossSigningResetAuthType::Uiaa(asked) = handle.auth_type() else {
        panic!("the server must ask by user-interactive authentication")
    };
    let mut wrong = password_auth(&alice, asked);
    if let matrix_sdk::ruma::api::client::uiaa::AuthData::Password(password) = &mut wrong {
        password.password = "not it".to_owned();
    }
    handle.auth(Some(wrong)).await.expect_err("a wrong password must be refused");

    assert_eq!(master_key(&alice).await, before, "the identity on the server was replaced all the same");
}

/// The master key that the server has for the device's own user.
async fn master_key(device: &Device) -> Option<String> {
    let encryption = device.client().encryption();
    let identity = encryption.request_user_identity(device.user_id()).await.expect("keys can be queried");
    identity.and_then(|identity| identity.master_key().get_first_key().map(|key| key.to_base64()))
}
