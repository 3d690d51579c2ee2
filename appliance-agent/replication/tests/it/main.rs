//! Repositories on real folders, with Debian's restic as the other side.
// Clippy's leave for tests covers test functions, not the helpers beside them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crash;
mod damage;
mod full;
mod growth;
mod locks;
mod memory;
mod open;
mod peer;
mod restore;
mod source;
mod support;
mod tidy;
