//! Verifying by emoji, both people at their screens.

use matrix_sdk::{
    encryption::verification::{SasVerification, Verification, VerificationRequest, VerificationRequestState},
    ruma::{UserId, events::key::verification::VerificationMethod},
};

use crate::{device::Device, rooms::join_invited};

/// `asker` verifies `answerer`'s user as apps do it: the request is a message in their direct room, which is made if
/// there is none yet. Both compare emoji and confirm. Answers when each trusts the other's identity.
pub async fn verify_user(asker: &Device, answerer: &Device) {
    let identity = asker
        .client()
        .encryption()
        .request_user_identity(answerer.user_id())
        .await
        .expect("keys can be queried")
        .unwrap_or_else(|| panic!("{} has no cross-signing identity to verify", answerer.name()));
    let asked = identity
        .request_verification_with_methods(vec![VerificationMethod::SasV1])
        .await
        .expect("a verification can be requested");
    let room_id = asked.room_id().expect("users are verified in a room").to_owned();
    if answerer.client().get_room(&room_id).is_none_or(|room| !room.is_synced() || room.joined_members_count() < 2) {
        join_invited(answerer, &room_id).await;
    }
    let received = receive(answerer, asker.user_id(), asked.flow_id()).await;
    compare_emoji((asker, asked), (answerer, received)).await;
    trusts(asker, answerer.user_id()).await;
    trusts(answerer, asker.user_id()).await;
}

/// `new` and `old` are devices of one user; `new` asks to be verified, by to-device messages. Answers when `new` knows
/// that its owner has signed it.
pub async fn verify_own_device(new: &Device, old: &Device) {
    let identity = new
        .client()
        .encryption()
        .request_user_identity(new.user_id())
        .await
        .expect("keys can be queried")
        .expect("the first device has made the identity");
    let asked = identity
        .request_verification_with_methods(vec![VerificationMethod::SasV1])
        .await
        .expect("a verification can be requested");
    let received = receive(old, new.user_id(), asked.flow_id()).await;
    compare_emoji((new, asked), (old, received)).await;
    new.until_true("its own device to be signed by its owner", async |client| {
        let device = client.encryption().get_own_device().await.expect("the store answers");
        device.is_some_and(|device| device.is_cross_signed_by_owner())
    })
    .await;
}

/// Goes through the whole flow on both sides: accept, start, compare seven emoji, confirm, done.
pub async fn compare_emoji(
    (asker, asked): (&Device, VerificationRequest),
    (answerer, received): (&Device, VerificationRequest),
) {
    received.accept_with_methods(vec![VerificationMethod::SasV1]).await.expect("the request can be accepted");
    asker.until_true("the verification request to be accepted", async |_| asked.is_ready()).await;
    let asker_sas = asked.start_sas().await.expect("emoji can be started").expect("both sides know emoji");
    let answerer_sas = answerer.until("the comparison of emoji to be started", async |_| started(&received)).await;
    answerer_sas.accept().await.expect("the comparison can be accepted");

    let shown = emoji_shown_to(asker, &asker_sas).await;
    assert_eq!(shown, emoji_shown_to(answerer, &answerer_sas).await, "both screens must show the same seven emoji");

    asker_sas.confirm().await.expect("the match can be confirmed");
    answerer_sas.confirm().await.expect("the match can be confirmed");
    for (device, sas) in [(asker, &asker_sas), (answerer, &answerer_sas)] {
        device
            .until_true("the verification to be done", async |_| {
                assert!(!sas.is_cancelled(), "the verification was cancelled: {:?}", sas.cancel_info());
                sas.is_done()
            })
            .await;
    }
}

async fn receive(device: &Device, from: &UserId, flow: &str) -> VerificationRequest {
    device
        .until("the verification request", async |client| {
            client.encryption().get_verification_request(from, flow).await
        })
        .await
}

fn started(request: &VerificationRequest) -> Option<SasVerification> {
    match request.state() {
        VerificationRequestState::Transitioned { verification: Verification::SasV1(sas) } => Some(sas),
        VerificationRequestState::Cancelled(info) => panic!("the verification was cancelled: {}", info.reason()),
        _ => None,
    }
}

/// The descriptions of the emoji on a device's screen.
async fn emoji_shown_to(device: &Device, sas: &SasVerification) -> Vec<&'static str> {
    device
        .until("the emoji", async |_| {
            assert!(!sas.is_cancelled(), "the verification was cancelled: {:?}", sas.cancel_info());
            sas.emoji().map(|emoji| emoji.iter().map(|one| one.description).collect())
        })
        .await
}

async fn trusts(device: &Device, user: &UserId) {
    device
        .until_true(&format!("its trust in {user}"), async |client| {
            let identity = client.encryption().get_user_identity(user).await.expect("the store answers");
            identity.is_some_and(|identity| identity.is_verified())
        })
        .await;
}
