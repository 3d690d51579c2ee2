//! `POST /api/checks`: whether the world can reach the box by these names.

use super::Started;
use crate::{app::App, checks, http::Body, problem::Problem, setup};
use axum::{Json, extract::State};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    server_name: String,
    host: String,
}

pub(super) async fn start(State(app): State<Arc<App>>, Body(names): Body<Names>) -> Result<Json<Started>, Problem> {
    let server_name = setup::domain_name("server_name", &names.server_name)?;
    let host = setup::domain_name("host", &names.host)?;
    Ok(Json(Started { job: checks::start(&app, server_name, host)? }))
}
