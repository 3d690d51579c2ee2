//! The authority of the box, and ACME against pebble.

// A test that meets the unexpected ends, helpers outside of `#[test]` included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod acme;
mod authority;
mod failures;
mod folder;
mod interrupted;
mod pebble;
mod peer;
mod resolver;
