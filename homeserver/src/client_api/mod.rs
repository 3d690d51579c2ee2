//! The client-server API: one file a chapter of the specification.

mod aliases;
mod create_room;
mod directory;
mod membership;
mod receipts;
mod room_events;
mod room_state;
mod rooms;
mod send;
mod sync;
mod typing;

use crate::http::App;
use axum::Router;
use std::sync::Arc;

/// Every route of the client-server API.
pub fn routes() -> Router<Arc<App>> {
    let chapters = [
        aliases::routes,
        create_room::routes,
        directory::routes,
        membership::routes,
        receipts::routes,
        room_events::routes,
        room_state::routes,
        send::routes,
        sync::routes,
        typing::routes,
    ];
    chapters.into_iter().fold(Router::new(), |router, routes| routes(router))
}
