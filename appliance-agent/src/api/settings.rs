//! `/api/settings`, `POST /api/mail/test`

use super::Started;
use crate::{
    app::App,
    homeserver::{Settings, SettingsChange},
    http::Body,
    mail,
    problem::Problem,
};
use axum::{Json, extract::State};
use http::Method;
use serde::Deserialize;
use std::sync::Arc;

/// `GET /api/settings`
pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<Settings>, Problem> {
    Ok(Json(app.homeserver.get("/v1/settings").await?))
}

/// `PUT /api/settings`
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Body(change): Body<SettingsChange>,
) -> Result<Json<Settings>, Problem> {
    let settings: Settings = app.homeserver.send(Method::PUT, "/v1/settings", &change).await?;
    mail::follow(&app, &change)?;
    tracing::info!(registration = ?settings.registration, mail = settings.mail.is_some(), "settings were changed");
    Ok(Json(settings))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    to: String,
}

/// `POST /api/mail/test`
pub(super) async fn test_mail(
    State(app): State<Arc<App>>,
    Body(To { to }): Body<To>,
) -> Result<Json<Started>, Problem> {
    let settings: Settings = app.homeserver.get("/v1/settings").await?;
    let job = mail::start_test(&app, settings.mail, &to)?;
    Ok(Json(Started { job }))
}
