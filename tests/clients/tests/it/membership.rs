//! Coming and going: leave, kick, ban, knock.

use hearth_test_clients::{Device, House, join_invited, room_of, text};
use matrix_sdk::{
    RoomState,
    ruma::{
        RoomId,
        api::client::room::create_room::v3::Request,
        assign,
        events::{
            InitialStateEvent,
            room::{
                join_rules::{JoinRule, RoomJoinRulesEventContent},
                member::MembershipState,
            },
        },
    },
};

#[tokio::test]
async fn somebody_leaves_and_forgets_the_room() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = room_of(&alice, &[&bob]).await;

    bob.room(&room).leave().await.expect("everybody may leave");
    alice.until_true("bob to be gone", async |_| alice.room(&room).joined_members_count() == 1).await;
    bob.room(&room).forget().await.expect("a room that was left can be forgotten");
    assert!(bob.client().get_room(&room).is_none(), "bob still knows the room that he forgot");

    let refused = alice.room(&room).kick_user(bob.user_id(), None).await;
    assert_forbidden(refused, "to kick somebody who has left already");
}

#[tokio::test]
async fn an_invitation_can_be_declined() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = room_of(&alice, &[]).await;
    alice.room(&room).invite_user_by_id(bob.user_id()).await.expect("the host may invite");
    is_in_state(&bob, &room, RoomState::Invited).await;

    bob.room(&room).leave().await.expect("an invitation can be declined");
    is_member_as(&alice, &room, &bob, MembershipState::Leave).await;
}

#[tokio::test]
async fn somebody_kicked_is_out_and_may_be_invited_again() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = room_of(&alice, &[&bob]).await;

    assert_forbidden(bob.room(&room).kick_user(alice.user_id(), None).await, "that a guest kicks the host");
    alice.room(&room).kick_user(bob.user_id(), Some("go to bed")).await.expect("the host may kick");
    is_in_state(&bob, &room, RoomState::Left).await;
    assert!(bob.room(&room).send(text("But")).await.is_err(), "somebody kicked could still speak");

    alice.room(&room).invite_user_by_id(bob.user_id()).await.expect("the host may invite again");
    join_invited(&bob, &room).await;
    is_in_state(&bob, &room, RoomState::Joined).await;
}

#[tokio::test]
async fn somebody_banned_stays_out_until_the_ban_is_lifted() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = room_of(&alice, &[&bob]).await;

    alice.room(&room).ban_user(bob.user_id(), Some("spam")).await.expect("the host may ban");
    // Some servers leave one's own membership out of the state after the timeline when members are loaded lazily; the
    // SDK then knows that it is out, and not why.
    bob.until_true("to be out of the room", async |client| {
        client.get_room(&room).is_some_and(|room| matches!(room.state(), RoomState::Banned | RoomState::Left))
    })
    .await;
    assert_forbidden(bob.client().join_room_by_id(&room).await, "that somebody banned joins");
    assert_forbidden(alice.room(&room).invite_user_by_id(bob.user_id()).await, "to invite somebody banned");

    alice.room(&room).unban_user(bob.user_id(), None).await.expect("the host may lift the ban");
    is_member_as(&alice, &room, &bob, MembershipState::Leave).await;
    alice.room(&room).invite_user_by_id(bob.user_id()).await.expect("the host may invite again");
    join_invited(&bob, &room).await;
}

#[tokio::test]
async fn somebody_knocks_and_is_let_in() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let rule = InitialStateEvent::with_empty_state_key(RoomJoinRulesEventContent::new(JoinRule::Knock));
    let request = assign!(Request::new(), { initial_state: vec![rule.to_raw_any()] });
    let room = alice.client().create_room(request).await.expect("a room to knock on can be made");
    let room = room.room_id();

    assert_forbidden(bob.client().join_room_by_id(room).await, "that somebody walks in without knocking");
    let reason = Some("It rains".to_owned());
    bob.client().knock(room.to_owned().into(), reason, Vec::new()).await.expect("anybody may knock");
    is_in_state(&bob, room, RoomState::Knocked).await;

    is_member_as(&alice, room, &bob, MembershipState::Knock).await;
    let knocking = alice.room(room).get_member(bob.user_id()).await.expect("the store answers");
    let knocking = knocking.expect("bob was just seen");
    assert_eq!(knocking.event().reason(), Some("It rains"), "the host must read why somebody knocks");

    alice.room(room).invite_user_by_id(bob.user_id()).await.expect("the host may let bob in");
    join_invited(&bob, room).await;
    is_in_state(&bob, room, RoomState::Joined).await;
}

/// Waits until the room is in this state for `device` itself.
async fn is_in_state(device: &Device, room: &RoomId, state: RoomState) {
    device
        .until_true(&format!("the room to become {state:?}"), async |client| {
            client.get_room(room).is_some_and(|room| room.state() == state)
        })
        .await;
}

/// Waits until `watcher` sees `other` with this membership.
async fn is_member_as(watcher: &Device, room: &RoomId, other: &Device, membership: MembershipState) {
    watcher
        .until_true(&format!("{}'s membership to become {membership}", other.name()), async |_| {
            let member = watcher.room(room).get_member(other.user_id()).await.expect("the store answers");
            member.is_some_and(|member| *member.membership() == membership)
        })
        .await;
}

/// Refused with 403; the code beside it may be `M_FORBIDDEN` or `M_BAD_STATE`.
fn assert_forbidden<T>(result: matrix_sdk::Result<T>, what: &str) {
    match result {
        Ok(_) => panic!("the server allows {what}"),
        Err(error) => assert!(
            error.as_client_api_error().is_some_and(|error| error.status_code == 403),
            "the server must refuse {what} with 403, and said: {error}"
        ),
    }
}
