//! `/api/replicas`

use super::{Done, Nothing, Started};
use crate::{app::App, http::Body, problem::Problem, replicas};
use axum::{Json, extract::State};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// `GET /api/replicas`
pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<replicas::View>, Problem> {
    replicas::view(&app).await.map(Json)
}

/// `POST /api/replicas/run`
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: replicas::run(&app)? }))
}

/// `POST /api/replicas/test`
pub(super) async fn test(
    State(app): State<Arc<App>>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: replicas::test(&app)? }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disk {
    pub(super) disk: String,
    pub(super) erase: bool,
}

/// `POST /api/replicas/export`
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Body(Disk { disk, erase }): Body<Disk>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: replicas::export(&app, disk, erase).await? }))
}

/// `POST /api/replicas/export/confirm`
pub(super) async fn confirm_export(
    State(app): State<Arc<App>>,
    Body(Groups { groups }): Body<Groups>,
) -> Result<Json<Done>, Problem> {
    replicas::confirm_export(&app, &groups)?;
    Ok(Json(Done {}))
}

/// `POST /api/replicas/eject`
pub(super) async fn eject(
    State(app): State<Arc<App>>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: replicas::eject(&app)? }))
}

/// `POST /api/replicas/prepare`
pub(super) async fn prepare(
    State(app): State<Arc<App>>,
    Body(Disk { disk, erase }): Body<Disk>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: replicas::prepare(&app, disk, erase).await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Groups {
    pub(super) groups: BTreeMap<String, String>,
}

/// `POST /api/replicas/confirm`
pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    Body(Groups { groups }): Body<Groups>,
) -> Result<Json<Done>, Problem> {
    replicas::confirm(&app, &groups)?;
    Ok(Json(Done {}))
}
