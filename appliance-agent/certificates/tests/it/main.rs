//! The authority of the box, and ACME against pebble.

mod acme;
mod authority;
mod failures;
mod folder;
mod interrupted;
mod peer;
mod resolver;
