//! One binary for all of the store's tests.
// Clippy's leave for tests covers test functions, not the helpers beside them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod dump;
mod faults;
mod groups;
mod keys;
mod medium;
mod model;
mod opening;
mod smoke;
