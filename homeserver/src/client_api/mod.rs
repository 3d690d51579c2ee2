//! The client-server API: one file a chapter of the specification.

mod account;
mod account_data;
mod aliases;
mod confirm_email;
mod create_room;
mod device;
mod directory;
mod discovery;
mod filter;
mod key_backup;
mod key_backup_sessions;
mod keys;
mod login;
mod membership;
mod presence;
mod profile;
mod push_rules;
mod receipts;
mod registration;
mod room_events;
mod room_state;
mod rooms;
mod send;
mod sync;
mod tags;
mod third_party_ids;
mod to_device;
mod typing;
mod user_directory;
mod welcome;

use crate::http::App;
use axum::Router;
use std::sync::Arc;

/// Every route of the client-server API.
pub fn routes() -> Router<Arc<App>> {
    let chapters = [
        account::routes,
        account_data::routes,
        aliases::routes,
        confirm_email::routes,
        create_room::routes,
        device::routes,
        directory::routes,
        discovery::routes,
        filter::routes,
        key_backup::routes,
        key_backup_sessions::routes,
        keys::routes,
        login::routes,
        membership::routes,
        presence::routes,
        profile::routes,
        push_rules::routes,
        receipts::routes,
        registration::routes,
        room_events::routes,
        room_state::routes,
        send::routes,
        sync::routes,
        tags::routes,
        third_party_ids::routes,
        to_device::routes,
        typing::routes,
        user_directory::routes,
        welcome::routes,
    ];
    chapters.into_iter().fold(Router::new(), |router, routes| routes(router))
}
