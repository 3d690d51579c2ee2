//! Tests of the whole server within this process: requests into the router, responses out of it.

mod accounts;
mod harness;
mod layers;
mod sessions;
mod sync;
