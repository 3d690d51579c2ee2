//! What fuzzing throws at the homeserver's parsers.
//!
//! A target is a plain function from bytes: it gives them to one parser that takes bytes from outside, and panics where
//! the parser broke a promise. libFuzzer runs the same functions (`libfuzzer/`, `./hearth fuzz`) that the ordinary test
//! run tries on seeds and on mutations of them (`tests/replay.rs`).
//!
//! An input that broke something is kept in `found/TARGET/`, under a name that says what went wrong.

// A target that meets the unexpected has found something, and says so in the one way that libFuzzer understands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod house;
pub mod targets;

use std::path::{Path, PathBuf};

/// One parser, and how to throw bytes at it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its program in `libfuzzer/`.
    pub name: &'static str,
    /// Tries one input.
    pub run: fn(&[u8]),
    /// Inputs that are understood, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Inputs that one run of the tests tries; fewer where each takes long.
    pub cases: u32,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "config", run: targets::config::run, seeds: targets::config::seeds, cases: 2_000 },
    Target { name: "connection", run: targets::connection::run, seeds: targets::connection::seeds, cases: 200 },
    Target { name: "event", run: targets::event::run, seeds: targets::event::seeds, cases: 100 },
    Target { name: "filter", run: targets::filter::run, seeds: targets::filter::seeds, cases: 2_000 },
    Target { name: "json", run: targets::json::run, seeds: targets::json::seeds, cases: 4_000 },
    Target { name: "key_backup", run: targets::key_backup::run, seeds: targets::key_backup::seeds, cases: 2_000 },
    Target { name: "keys", run: targets::keys::run, seeds: targets::keys::seeds, cases: 1_000 },
    Target { name: "mail_address", run: targets::mail_address::run, seeds: targets::mail_address::seeds, cases: 4_000 },
    Target { name: "mail_link", run: targets::mail_link::run, seeds: targets::mail_link::seeds, cases: 2_000 },
    Target { name: "pdu", run: targets::pdu::run, seeds: targets::pdu::seeds, cases: 500 },
    Target { name: "push_rules", run: targets::push_rules::run, seeds: targets::push_rules::seeds, cases: 1_000 },
    Target { name: "request", run: targets::request::run, seeds: targets::request::seeds, cases: 300 },
    Target { name: "settings", run: targets::settings::run, seeds: targets::settings::seeds, cases: 2_000 },
    Target { name: "snapshot", run: targets::snapshot::run, seeds: targets::snapshot::seeds, cases: 2_000 },
    Target { name: "state_node", run: targets::state_node::run, seeds: targets::state_node::seeds, cases: 1_000 },
    Target { name: "store_file", run: targets::store_file::run, seeds: targets::store_file::seeds, cases: 40 },
    Target { name: "store_row", run: targets::store_row::run, seeds: targets::store_row::seeds, cases: 1_000 },
    Target { name: "sync_token", run: targets::sync_token::run, seeds: targets::sync_token::seeds, cases: 4_000 },
    Target { name: "user_name", run: targets::user_name::run, seeds: targets::user_name::seeds, cases: 4_000 },
];

/// Inputs that once broke a target.
#[must_use]
pub fn found(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("found").join(target.name);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("a folder of this checkout can be listed").path();
            let bytes = std::fs::read(&path).expect("a file of this checkout can be read");
            (path, bytes)
        })
        .collect();
    found.sort();
    found
}
