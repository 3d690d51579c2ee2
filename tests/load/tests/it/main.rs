//! The program from outside, against a homeserver made up for the purpose: whether it does the whole of what was asked,
//! counts it right, and stops at the first answer that is not as it should be. Real servers are what it is for; this one
//! is only so small that every count is known beforehand.

mod fake_homeserver;

use fake_homeserver::{FakeHomeserver, TOKEN};
use serde_json::Value;
use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// Bounded by count everywhere, so that it ends the same on a slow machine.
const SMALL: [&str; 20] = [
    "--seconds",
    "600",
    "--messages",
    "12",
    "--sign-ups",
    "3",
    "--clients",
    "6",
    "--parallel-rooms",
    "3",
    "--readers",
    "4",
    "--fan-out-messages",
    "5",
    "--rooms",
    "7",
    "--first-syncs",
    "2",
    "--history",
    "200",
];

// Not inside `#[test]`, but nothing but tests calls it.
#[allow(clippy::unwrap_used)]
fn run(url: &str, more: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_hearth-load");
    Command::new(program).args(["run", "--url", url]).args(SMALL).args(more).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_whole_run_counts_what_it_did() {
    let server = FakeHomeserver::start(usize::MAX);
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("whole-run.json");
    // The server lives in this process, so this process is measured for it.
    let pid = std::process::id().to_string();
    let output = run(&server.url, &["--token", TOKEN, "--pid", &pid, "--json", json.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));

    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let phases = report["phases"].as_array().unwrap();
    let done: Vec<_> =
        phases.iter().map(|phase| (phase["phase"].as_str().unwrap(), phase["operations"].as_u64().unwrap())).collect();
    let expected = [
        ("sign-up", 3),
        ("send-alone", 12),
        ("send-parallel", 12),
        ("fan-out", 5),
        ("first-sync", 2),
        ("pagination", 6),
    ];
    assert_eq!(done, expected);
    for phase in phases {
        let (median, most) = (&phase["latency"]["p50_ms"], &phase["latency"]["max_ms"]);
        assert!(median.as_f64().unwrap() > 0.0 && median.as_f64() <= most.as_f64(), "{phase}");
        assert!(phase["server_cpu_seconds"].is_number() && phase["server_written_bytes"].is_number(), "{phase}");
    }
    assert!(report["resident_idle_kib"].as_u64().unwrap() > 0);

    // Six for the clients and one that is in many rooms.
    assert_eq!(server.accounts(), 7);
    // A history of 200 (20 to warm up and 12 alone are part of it); 12 in parallel and 2 to warm up from each of 6 clients;
    // 5 to the readers; 6 in each of 7 rooms.
    assert_eq!(server.messages(), 200 + 12 + 2 * 6 + 5 + 6 * 7);
    assert_eq!(server.rooms(), 1 + 3 + 1 + 7);
}

#[test]
fn an_answer_that_is_an_error_ends_the_run_and_is_shown() {
    let server = FakeHomeserver::start(25);
    let output = run(&server.url, &["--token", TOKEN]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains("send-alone") && said.contains("403") && said.contains("The jar is full"), "{said}");
    assert_eq!(server.messages(), 25);
}

#[test]
fn a_missing_registration_token_is_named() {
    let server = FakeHomeserver::start(usize::MAX);
    let output = run(&server.url, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("--token"), "{}", said(&output));
}

#[test]
fn another_machine_is_left_alone() {
    let output = run("http://192.0.2.1:8008", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("refused"), "{}", said(&output));
}
