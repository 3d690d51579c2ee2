//! The client-server API: one file a chapter of the specification.

mod create_room;
mod membership;
mod room_events;
mod room_state;
mod rooms;
mod send;

use crate::http::App;
use axum::Router;
use std::sync::Arc;

/// Every route of the client-server API.
pub fn routes() -> Router<Arc<App>> {
    let chapters = [create_room::routes, membership::routes, room_events::routes, room_state::routes, send::routes];
    chapters.into_iter().fold(Router::new(), |router, routes| routes(router))
}
