//! `GET /api/health`, `GET /api/storage`

use crate::{
    app::App,
    health::{self, Report, StorageView},
    problem::Problem,
};
use axum::{Json, extract::State};
use std::sync::Arc;

/// `GET /api/health`
pub(super) async fn health(State(app): State<Arc<App>>) -> Result<Json<Report>, Problem> {
    health::report(&app).await.map(Json)
}

/// `GET /api/storage`
pub(super) async fn storage(State(app): State<Arc<App>>) -> Result<Json<StorageView>, Problem> {
    health::storage(&app).await.map(Json)
}
