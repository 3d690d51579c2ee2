//! The judge itself: a test that can't fail would let every loss pass.

use std::time::Duration;

use hearth_test_faults::{Crowd, judge};
use hearth_test_support::{Homeserver, Options};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_broken_promise_is_noticed() {
    let server = Homeserver::start(Options::default());
    let crowd = Crowd::gather(&server.target()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut promises = crowd.dismiss().await;
    let honest = judge(&promises).await;
    assert!(honest.faults.is_empty(), "nothing was killed, and still: {}", honest.faults.join("\n"));

    // One promise of each kind that the server never made, so that it looks as if it had broken it.
    let sent = &mut promises.messages[0].sent;
    assert!(sent.len() > 2, "half a second must be enough for three messages");
    sent[0].event_id = "$nowhere".to_owned();
    sent[1].content = json!({ "msgtype": "m.text", "body": "something else" });
    promises.seen.remove(&sent[2].event_id);
    promises.messages[1].sent.pop();
    promises.state.last[0].1 = json!({ "number": -1 });
    promises.settings.last[0].1 = json!({ "number": -1 });
    let given = promises.claims.iter().find_map(|claims| claims.given.first().cloned()).expect("keys were claimed");
    promises.claims[0].given.push(given);
    promises.stocks[0].uploaded.push("signed_curve25519:never".to_owned());
    for claims in &mut promises.claims {
        claims.unknown = 0;
    }

    let verdict = judge(&promises).await;
    let faults = verdict.faults.join("\n");
    assert_eq!((verdict.events_lost, verdict.events_doubled), (1, 1), "{faults}");
    assert_eq!(verdict.keys_doubled, 1, "{faults}");
    // The first judging has claimed what was left, so these keys count as lost now, beside the one that never was.
    assert!(verdict.keys_lost >= 1, "{faults}");
    let sentences =
        ["is stored", "/sync never told", "the room's state", "the datum", "is gone", "made a second event"];
    for sentence in sentences {
        assert!(faults.contains(sentence), "no fault says `{sentence}`:\n{faults}");
    }
}
