//! The wizard's steps that hold a form each.

use super::{Nothing, Started};
use crate::{
    app::App,
    http::Body,
    problem::Problem,
    setup::{self, View, apply},
    state::{Administrator, Locale, SignUp},
};
use axum::{Json, extract::State};
use serde::Deserialize;
use std::sync::Arc;

/// `GET /api/setup`
pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<View>, Problem> {
    setup::view(&app).await.map(Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocaleForm {
    language: String,
    time_zone: String,
}

/// `PUT /api/setup/locale`
pub(super) async fn locale(State(app): State<Arc<App>>, Body(form): Body<LocaleForm>) -> Result<Json<View>, Problem> {
    let locale = Locale { language: setup::language(&form.language)?, time_zone: form.time_zone };
    let zone = locale.time_zone.clone();
    app.machine(move |system| system.set_time_zone(&zone)).await?;
    app.store.change(|state| state.setup.locale = Some(locale))?;
    setup::view(&app).await.map(Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameForm {
    server_name: String,
    host: String,
}

/// `PUT /api/setup/name`
pub(super) async fn name(State(app): State<Arc<App>>, Body(form): Body<NameForm>) -> Result<Json<View>, Problem> {
    let server_name = setup::domain_name("server_name", &form.server_name)?;
    let host = setup::domain_name("host", &form.host)?;
    apply::not_begun(&app)?;
    app.store.change(|state| {
        let setup = &mut state.setup;
        // A certificate for other names is none.
        if setup.host.as_ref() != Some(&host) || setup.server_name.as_ref() != Some(&server_name) {
            setup.certificate = None;
        }
        setup.server_name = Some(server_name);
        setup.host = Some(host);
    })?;
    setup::view(&app).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdministratorForm {
    name: String,
    password: String,
}

/// `PUT /api/setup/administrator`
pub(super) async fn administrator(
    State(app): State<Arc<App>>,
    Body(form): Body<AdministratorForm>,
) -> Result<Json<View>, Problem> {
    let name = setup::localpart(&form.name)?;
    apply::not_begun(&app)?;
    let password_hash = Some(setup::hash(form.password, &app.random).await?);
    app.store.change(|state| state.setup.administrator = Some(Administrator { name, password_hash }))?;
    setup::view(&app).await.map(Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationForm {
    mode: SignUp,
}

/// `PUT /api/setup/registration`
pub(super) async fn registration(
    State(app): State<Arc<App>>,
    Body(form): Body<RegistrationForm>,
) -> Result<Json<View>, Problem> {
    app.store.change(|state| state.setup.registration = Some(form.mode))?;
    setup::view(&app).await.map(Json)
}

/// `POST /api/setup/apply`
pub(super) async fn apply(
    State(app): State<Arc<App>>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: apply::start(&app)? }))
}
