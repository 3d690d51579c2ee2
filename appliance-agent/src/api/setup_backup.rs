//! The wizard's step of the backup disk.

use super::{
    Nothing, Started,
    replicas::{Disk, Groups},
};
use crate::{
    app::App,
    http::Body,
    problem::Problem,
    replicas,
    setup::{self, View},
    state::Backup,
};
use axum::{Json, extract::State};
use std::sync::Arc;

/// `POST /api/setup/backup/prepare`
pub(super) async fn prepare(
    State(app): State<Arc<App>>,
    Body(Disk { disk, erase }): Body<Disk>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: replicas::prepare(&app, disk, erase).await? }))
}

/// `POST /api/setup/backup/confirm`
pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    Body(Groups { groups }): Body<Groups>,
) -> Result<Json<View>, Problem> {
    replicas::confirm(&app, &groups)?;
    setup::view(&app).await.map(Json)
}

/// `POST /api/setup/backup/skip`
pub(super) async fn skip(State(app): State<Arc<App>>, Body(Nothing {}): Body<Nothing>) -> Result<Json<View>, Problem> {
    app.store.change(|state| {
        state.setup.backup = Some(Backup::Skipped);
        state.volume = None;
    })?;
    setup::view(&app).await.map(Json)
}
