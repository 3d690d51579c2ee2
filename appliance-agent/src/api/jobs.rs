//! `GET /api/jobs/{id}?after=REV`: how work in the background does.

use crate::{
    app::App,
    http::{Parts, Queries},
    jobs::{POLL, View},
    problem::Problem,
};
use axum::{Json, extract::State};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    Parts(id): Parts<String>,
    Queries(After { after }): Queries<After>,
) -> Result<Json<View>, Problem> {
    app.jobs.poll(&id, after, POLL).await.map(Json)
}
