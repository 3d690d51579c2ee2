//! The client-server API: one file a chapter of the specification.

mod aliases;
mod create_room;
mod directory;
mod key_backup;
mod key_backup_sessions;
mod keys;
mod membership;
mod room_events;
mod room_state;
mod rooms;
mod send;
mod to_device;

use crate::http::App;
use axum::Router;
use std::sync::Arc;

/// Every route of the client-server API.
pub fn routes() -> Router<Arc<App>> {
    let chapters = [
        aliases::routes,
        create_room::routes,
        directory::routes,
        key_backup::routes,
        key_backup_sessions::routes,
        keys::routes,
        membership::routes,
        room_events::routes,
        room_state::routes,
        send::routes,
        to_device::routes,
    ];
    chapters.into_iter().fold(Router::new(), |router, routes| routes(router))
}
