//! What happens to messages: they arrive at once, are answered, corrected, liked and taken back.

use std::time::{Duration, Instant};

use hearth_test_clients::{Heard, House, as_apps_sync, encrypted_room_of, room_of, text};
use hearth_test_support::Account;
use matrix_sdk::{
    room::{
        edit::EditedContent,
        reply::{EnforceThread, Reply},
    },
    ruma::events::{
        AnyMessageLikeEventContent, AnySyncTimelineEvent,
        reaction::ReactionEventContent,
        relation::Annotation,
        room::message::{AddMentions, Relation, RoomMessageEventContentWithoutRelation},
    },
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_ends_a_long_poll_at_once() {
    let house = House::open();
    let (mut alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = room_of(&alice, &[&bob]).await;
    alice.stop_syncing().await;
    // Whatever is still to come is fetched first, so that the next poll has nothing to bring but the message.
    while brings_something(&alice.client().sync_once(as_apps_sync().timeout(Duration::ZERO)).await) {}

    let begin = Instant::now();
    let poll = alice.client().sync_once(as_apps_sync().timeout(Duration::from_secs(30)));
    let send = async { bob.room(&room).send(text("Now!")).await.expect("bob may speak") };
    let (answer, _) = tokio::join!(poll, send);
    answer.expect("the poll is answered");
    alice.hear(&room, "Now!").await;
    assert!(begin.elapsed() < Duration::from_secs(15), "the poll sat on the message for {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_long_poll_without_news_lasts_as_long_as_asked() {
    let house = House::open();
    let alice = Account::sign_up(house.target(), "alice").await.expect("alice can sign up");
    let since = token(&alice.sync(None, 0).await.expect("a first sync is answered"));
    // Its own sign-up may still be news (presence, push rules); after that there is nothing.
    let since = token(&alice.sync(Some(&since), 100).await.expect("a sync is answered"));

    let begin = Instant::now();
    let answer = alice.sync(Some(&since), 1_500).await.expect("a sync is answered");
    let lasted = begin.elapsed();
    assert!(lasted >= Duration::from_millis(1_400), "a poll without news came back after {lasted:?}: {answer}");
    assert!(lasted < Duration::from_secs(15), "a poll of 1.5 s lasted {lasted:?}");
}

#[tokio::test]
async fn a_message_can_be_answered_corrected_and_liked() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = encrypted_room_of(&alice, &[&bob]).await;
    alice.room(&room).send(text("Dinner at sven")).await.expect("alice may speak");
    let dinner = bob.hear(&room, "Dinner at sven").await.event_id();

    let plain = |body: &str| RoomMessageEventContentWithoutRelation::text_plain(body);
    let corrected = EditedContent::RoomMessage(plain("Dinner at seven"));
    let correction = alice.room(&room).make_edit_event(&dinner, corrected).await.expect("it is her own message");
    alice.room(&room).send(correction).await.expect("alice may speak");
    bob.see(&room, "the correction", |heard| match relation(heard) {
        Some(Relation::Replacement(new)) => {
            new.event_id == dinner && new.new_content.msgtype.body() == "Dinner at seven"
        }
        _ => false,
    })
    .await;

    let reply =
        Reply { event_id: dinner.clone(), enforce_thread: EnforceThread::Unthreaded, add_mentions: AddMentions::Yes };
    let answer = bob.room(&room).make_reply_event(plain("I'll be there"), reply).await.expect("can be answered");
    bob.room(&room).send(answer).await.expect("bob may speak");
    alice
        .see(
            &room,
            "the answer",
            |heard| matches!(relation(heard), Some(Relation::Reply(reply)) if reply.in_reply_to.event_id == dinner),
        )
        .await;

    let like = ReactionEventContent::new(Annotation::new(dinner.clone(), "👍".to_owned()));
    bob.room(&room).send(like.clone()).await.expect("bob may react");
    alice
        .see(&room, "the reaction", |heard| {
            matches!(heard.content(), Some(AnyMessageLikeEventContent::Reaction(reaction))
            if reaction.relates_to.event_id == dinner && reaction.relates_to.key == "👍")
        })
        .await;
    let again = bob.room(&room).send(like).await;
    assert!(again.is_err(), "the same reaction by the same person must not be counted twice");
}

#[tokio::test]
async fn a_message_taken_back_is_empty_for_everybody() {
    let house = House::open();
    let (alice, bob) = (house.sign_up("alice").await, house.sign_up("bob").await);
    let room = encrypted_room_of(&alice, &[&bob]).await;
    alice.room(&room).send(text("Oops")).await.expect("alice may speak");
    let oops = bob.hear(&room, "Oops").await.event_id();

    assert!(bob.room(&room).redact(&oops, None, None).await.is_err(), "a guest took back somebody else's message");
    alice.room(&room).redact(&oops, Some("wrong room"), None).await.expect("one's own message can be taken back");
    bob.see(&room, "the redaction", |heard| match &heard.event {
        AnySyncTimelineEvent::MessageLike(event) => event.event_type().to_string() == "m.room.redaction",
        AnySyncTimelineEvent::State(_) => false,
    })
    .await;

    let stored = bob.room(&room).event(&oops, None).await.expect("the event's shell can still be fetched");
    let stored: Value = stored.raw().deserialize_as_unchecked().expect("an event is JSON");
    assert_eq!(stored["content"], json!({}), "what was taken back can still be fetched");
    let because = &stored["unsigned"]["redacted_because"];
    assert_eq!(because["content"]["reason"], "wrong room", "the shell must say why it is empty: {stored}");
}

/// The relation of an `m.room.message`.
fn relation(heard: &Heard) -> Option<Relation<RoomMessageEventContentWithoutRelation>> {
    match heard.content()? {
        AnyMessageLikeEventContent::RoomMessage(message) => message.relates_to,
        _ => None,
    }
}

fn brings_something(answer: &matrix_sdk::Result<matrix_sdk::sync::SyncResponse>) -> bool {
    let answer = answer.as_ref().expect("a sync is answered");
    !answer.rooms.joined.is_empty() || !answer.to_device.is_empty() || !answer.account_data.is_empty()
}

fn token(sync: &Value) -> String {
    sync["next_batch"].as_str().expect("every sync has a next_batch").to_owned()
}
