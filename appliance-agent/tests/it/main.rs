//! Tests of the whole agent: its own program on a faked machine, with a real homeserver, over real HTTPS.

// A test that meets the unexpected ends, helpers outside of `#[test]` included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod acme;
mod agent;
mod client;
mod crash;
mod disks;
mod faults;
mod layers;
mod malformed;
mod mdns;
#[path = "../../reachability/tests/it/namespace.rs"]
mod namespace;
#[path = "../../certificates/tests/it/pebble.rs"]
mod pebble;
mod rescue;
mod restore;
mod setup;
mod wait;
