//! The client-server API: one file a chapter of the specification.

use crate::http::App;
use axum::Router;
use std::sync::Arc;

/// Every route of the client-server API.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
}
