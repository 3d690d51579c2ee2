//! The agent: sets a box up and looks after it.
//!
//! Low to high: `problem, random, readable, attempts, config, state, sessions, jobs -> homeserver -> app -> http -> mail, network, checks,
//! certificates, replicas -> setup, health -> restore -> api -> ports -> start`. `tests/it/layers.rs` holds the code to it.

pub mod api;
pub mod app;
pub mod attempts;
pub mod certificates;
pub mod checks;
pub mod config;
pub mod health;
pub mod homeserver;
pub mod http;
pub mod jobs;
pub mod mail;
pub mod mdns;
pub mod network;
pub mod ports;
pub mod problem;
pub mod random;
pub mod readable;
pub mod replicas;
pub mod restore;
pub mod sessions;
pub mod setup;
pub mod start;
pub mod state;
pub mod welcome;
