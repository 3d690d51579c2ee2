//! The Matrix homeserver of Hearth.
//!
//! Layers, low to high; each imports only what stands before it (`tests/it/layers.rs` holds it to that):
//! `config, clock -> store -> settings -> mail -> accounts -> rooms -> e2ee, media -> federation, sync, push, appservice
//! -> http -> client_api, server_api, admin_api -> server, notify -> main`

pub mod accounts;
pub mod admin_api;
pub mod client_api;
pub mod clock;
pub mod config;
pub mod e2ee;
pub mod http;
pub mod mail;
pub mod notify;
pub mod push;
pub mod rooms;
pub mod server;
pub mod settings;
pub mod sync;
