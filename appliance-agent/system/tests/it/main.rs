//! The crate from outside: the faked machine with everything that can go wrong, and files that survive a power cut.

// A test that meets the unexpected ends, helpers outside of `#[test]` included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod atomic;
mod machine;
mod processes;
mod switches;
mod volumes;
