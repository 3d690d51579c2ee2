//! `/api/restore`: a box that was, from its backup disk.

use super::{Started, session::attempt};
use crate::{
    app::App,
    http::{Body, Peer},
    problem::Problem,
    restore::{self, Preview},
};
use axum::{Json, extract::State};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    disk: String,
    recovery_key: String,
}

/// `POST /api/restore/open`
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Peer(peer): Peer,
    Body(Open { disk, recovery_key }): Body<Open>,
) -> Result<Json<Started>, Problem> {
    attempt(&app.recoveries, peer)?;
    Ok(Json(Started { job: restore::open(&app, disk, &recovery_key).await? }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    replica: String,
}

/// `POST /api/restore/preview`
pub(super) async fn preview(
    State(app): State<Arc<App>>,
    Body(Which { replica }): Body<Which>,
) -> Result<Json<Preview>, Problem> {
    restore::preview(&app, &replica).await.map(Json)
}

/// `POST /api/restore/start`
pub(super) async fn start(
    State(app): State<Arc<App>>,
    Body(Which { replica }): Body<Which>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: restore::start(&app, &replica)? }))
}
