//! The checks in a house of their own: network namespaces with miniupnpd as the router and bind9 for DNS.

// A test that meets the unexpected ends, helpers outside of `#[test]` included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod delegation;
mod house;
mod names;
mod namespace;
mod outside;
mod ports;
mod router;
