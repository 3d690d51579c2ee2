//! The wizard's mail step.

use super::Started;
use crate::{
    app::App,
    homeserver::MailSettings,
    http::Body,
    mail,
    problem::Problem,
    setup::{self, View},
    state::{Mail, Security},
};
use axum::{Json, extract::State};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    #[serde(default)]
    skip: bool,
    host: Option<String>,
    port: Option<u16>,
    security: Option<Security>,
    user: Option<String>,
    password: Option<String>,
    from: Option<String>,
}

/// `PUT /api/setup/mail`: a relay, or `{"skip": true}`.
pub(super) async fn put(State(app): State<Arc<App>>, Body(form): Body<Form>) -> Result<Json<View>, Problem> {
    if form.skip {
        app.store.change(|state| state.setup.mail = Some(Mail::Skipped))?;
        mail::keep_password(&app, None)?;
        return setup::view(&app).await.map(Json);
    }
    let need =
        |field: &str| Problem::invalid(field, "This is needed to send mail.", "Fill it in, or go on without mail.");
    let settings = MailSettings {
        host: form.host.ok_or_else(|| need("host"))?,
        port: form.port.ok_or_else(|| need("port"))?,
        security: form.security.ok_or_else(|| need("security"))?,
        user: form.user.unwrap_or_default(),
        password: form.password,
        from: form.from.ok_or_else(|| need("from"))?,
    };
    let relay = mail::check(&settings)?;
    // The password first: without it the relay would look finished.
    if let Some(password) = &settings.password {
        mail::keep_password(&app, Some(password))?;
    }
    app.store.change(|state| state.setup.mail = Some(Mail::Relay(relay)))?;
    setup::view(&app).await.map(Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    to: String,
}

/// `POST /api/setup/mail/test`
pub(super) async fn test(State(app): State<Arc<App>>, Body(To { to }): Body<To>) -> Result<Json<Started>, Problem> {
    let relay = app.store.read(|state| match &state.setup.mail {
        Some(Mail::Relay(relay)) => Some(mail::settings(relay)),
        _ => None,
    });
    Ok(Json(Started { job: mail::start_test(&app, relay, &to)? }))
}
