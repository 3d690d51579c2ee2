//! The kill test: SIGKILL at random moments, again and again, on the same data.

use std::{
    env,
    time::{Duration, Instant},
};

use hearth_test_faults::{Chance, Crowd, judge, report};
use hearth_test_support::{Homeserver, Options};
use tokio::task::block_in_place;

/// How often the server is killed; `HEARTH_KILLS` takes another number.
const KILLS: u32 = 50;

/// How long a killed server may keep clients waiting on average, their work in between included. It bounds the test.
const PER_KILL: Duration = Duration::from_secs(3);

/// Milliseconds between `ready` and the kill.
const ALIVE: std::ops::Range<u64> = 20..900;

/// Milliseconds between the start of the process and a kill that doesn't wait for `ready`.
const BARELY_BEGUN: std::ops::Range<u64> = 0..120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_no_key_given_twice_when_the_server_is_killed_again_and_again() {
    let kills: u32 = env::var("HEARTH_KILLS").map_or(KILLS, |text| text.parse().expect("HEARTH_KILLS is a number"));
    let mut chance = Chance::new();
    let mut server = Homeserver::start(Options::default());
    let crowd = Crowd::gather(&server.target()).await;

    let begin = Instant::now();
    let limit = (PER_KILL * kills).max(Duration::from_secs(60));
    for done in 0..kills {
        if crowd.somebody_failed() {
            break;
        }
        assert!(begin.elapsed() < limit, "only {done} of {kills} kills in {limit:?}: the server comes back too slowly");
        tokio::time::sleep(chance.moment(ALIVE)).await;
        block_in_place(|| server.kill9());
        // Some die again while they recover.
        if chance.once_in(5) {
            block_in_place(|| server.restart_and_kill_after(chance.moment(BARELY_BEGUN)));
        }
        block_in_place(|| server.restart());
    }
    let promises = crowd.dismiss().await;
    let verdict = judge(&promises).await;
    let status = block_in_place(|| server.stop());
    let check = block_in_place(|| server.check());

    report(&format!("kill test: kills: {kills}, {verdict} (in {:.0?})", begin.elapsed()));
    assert!(verdict.faults.is_empty(), "promises were broken:\n{}", verdict.faults.join("\n"));
    assert!(status.success(), "after all the kills the server must still stop cleanly, and ended with {status}");
    check.unwrap_or_else(|printed| panic!("the store fails its own check: {printed}"));
    assert!(
        verdict.events_acknowledged >= kills as usize && verdict.keys_claimed >= kills as usize,
        "hardly anything was done between the kills, so the test has shown nothing: {verdict}"
    );
}
