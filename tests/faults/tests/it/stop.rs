//! Stopping on request.

use std::time::Duration;

use hearth_test_faults::{Chance, Crowd, judge, report};
use hearth_test_support::{Account, Homeserver, Options};
use serde_json::json;
use tokio::task::block_in_place;

/// How often the server is stopped and started again.
const STOPS: u32 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_stopped_while_clients_send() {
    let mut chance = Chance::new();
    let mut server = Homeserver::start(Options::default());
    let crowd = Crowd::gather(&server.target()).await;
    for _ in 0..STOPS {
        tokio::time::sleep(chance.moment(200..800)).await;
        let status = block_in_place(|| server.stop());
        assert_eq!(status.code(), Some(0), "a server that is asked to stop must end with exit code 0, not {status}");
        block_in_place(|| server.restart());
    }
    let verdict = judge(&crowd.dismiss().await).await;
    report(&format!("fault test: stops: {STOPS}, {verdict}"));
    assert!(verdict.faults.is_empty(), "promises were broken:\n{}", verdict.faults.join("\n"));
    let status = block_in_place(|| server.stop());
    assert!(status.success(), "the last stop ended with {status}");
    server.check().unwrap_or_else(|printed| panic!("the store fails its own check: {printed}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_long_poll() {
    let mut server = Homeserver::start(Options::default());
    let alice = Account::sign_up(&server.target(), "alice").await.expect("alice can sign up");
    let first = alice.sync(None, 0).await.expect("a first sync is answered");
    let since = first["next_batch"].as_str().expect("every sync has a next_batch").to_owned();
    let poll = tokio::spawn(async move { alice.sync(Some(&since), 50_000).await });
    // Given time to arrive; should it not have arrived by then, the test only shows less.
    tokio::time::sleep(Duration::from_millis(300)).await;

    let begin = std::time::Instant::now();
    let status = block_in_place(|| server.stop());
    assert_eq!(status.code(), Some(0), "a server that is asked to stop must end with exit code 0, not {status}");
    assert!(begin.elapsed() < Duration::from_secs(10), "the stop took {:?}, as a client was polling", begin.elapsed());
    // Answered early or cut off: both are fine, only not kept.
    let _ = poll.await.expect("the poll ends with the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_rooms_and_sync_tokens_outlive_a_restart() {
    let mut server = Homeserver::start(Options::default());
    let alice = Account::sign_up(&server.target(), "alice").await.expect("alice can sign up");
    let room = alice.create_room(json!({ "name": "Before" })).await.expect("a room can be made");
    let first = alice.sync(None, 0).await.expect("a first sync is answered");
    let since = first["next_batch"].as_str().expect("every sync has a next_batch");
    block_in_place(|| server.stop());
    block_in_place(|| server.restart());

    let content = json!({ "msgtype": "m.text", "body": "after" });
    let event_id = alice.send(&room, "m.room.message", "after", &content).await.expect("the session goes on");
    let next = alice.sync(Some(since), 0).await.expect("the token goes on");
    let timeline = next["rooms"]["join"][&room]["timeline"]["events"].as_array().cloned().unwrap_or_default();
    let ids: Vec<_> = timeline.iter().map(|event| event["event_id"].clone()).collect();
    assert_eq!(ids, [json!(event_id)], "the sync after the restart must bring the one new event and nothing else");
    alice.log_in_again().await.expect("the password is still known");
}
