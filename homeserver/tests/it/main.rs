//! Tests of the whole server within this process: requests into the router, responses out of it.

// A test that meets the unexpected ends, helpers outside of `#[test]` included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accounts;
mod admin;
mod bodies;
mod broken;
mod e2ee;
mod emails;
mod full_disk;
mod harness;
mod layers;
mod local;
mod process;
mod rooms;
mod send_test_mail;
mod sessions;
mod smtp;
mod snapshot;
mod sync;
mod tls;
