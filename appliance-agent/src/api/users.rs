//! `/api/users`: the homeserver's accounts, as its socket tells and does it.

use super::Done;
use crate::{
    app::App,
    homeserver::part,
    http::{Body, Parts},
    problem::Problem,
    setup,
};
use axum::{Json, extract::State};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /api/users`
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    Ok(Json(app.homeserver.get("/v1/users").await?))
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    name: String,
    password: String,
    #[serde(default)]
    admin: bool,
}

/// `POST /api/users`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Body(user): Body<NewUser>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    setup::check_password(&user.password)?;
    let made = app.homeserver.send(Method::POST, "/v1/users", &user).await?;
    tracing::info!(name = user.name, admin = user.admin, "an account was made");
    Ok((StatusCode::CREATED, Json(made)))
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    password: String,
    #[serde(default)]
    logout: bool,
}

/// `PUT /api/users/{name}/password`
pub(super) async fn password(
    State(app): State<Arc<App>>,
    Parts(name): Parts<String>,
    Body(new): Body<NewPassword>,
) -> Result<Json<Done>, Problem> {
    setup::check_password(&new.password)?;
    let path = format!("/v1/users/{}/password", part(&name));
    app.homeserver.send::<Value>(Method::PUT, &path, &new).await?;
    out(&app, &name).await;
    tracing::info!(name, "an account got a new password");
    Ok(Json(Done {}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    admin: bool,
}

/// `PUT /api/users/{name}/admin`
pub(super) async fn admin(
    State(app): State<Arc<App>>,
    Parts(name): Parts<String>,
    Body(Admin { admin }): Body<Admin>,
) -> Result<Json<Done>, Problem> {
    let path = format!("/v1/users/{}/admin", part(&name));
    let done = app.homeserver.send::<Value>(Method::PUT, &path, &json!({ "admin": admin })).await;
    done.map_err(last_administrator)?;
    if !admin {
        out(&app, &name).await;
    }
    tracing::info!(name, admin, "an account was made an administrator's, or no longer one");
    Ok(Json(Done {}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deactivate {
    #[serde(default)]
    erase: bool,
}

/// `POST /api/users/{name}/deactivate`
pub(super) async fn deactivate(
    State(app): State<Arc<App>>,
    Parts(name): Parts<String>,
    Body(Deactivate { erase }): Body<Deactivate>,
) -> Result<Json<Done>, Problem> {
    let path = format!("/v1/users/{}/deactivate", part(&name));
    let done = app.homeserver.send::<Value>(Method::POST, &path, &json!({ "erase": erase })).await;
    done.map_err(last_administrator)?;
    out(&app, &name).await;
    tracing::info!(name, erase, "an account was deactivated");
    Ok(Json(Done {}))
}

fn last_administrator(error: crate::homeserver::SocketError) -> Problem {
    if error.is("M_FORBIDDEN") {
        return Problem::new(
            StatusCode::CONFLICT,
            "last_administrator",
            "This is the last administrator.",
            "Make somebody else an administrator first.",
        );
    }
    error.into()
}

/// Ends the user's sessions here.
async fn out(app: &App, name: &str) {
    if name.starts_with('@') {
        app.sessions.end_all_of(name);
    } else if let Some(server_name) = app.store.read(|state| state.setup.server_name.clone()) {
        app.sessions.end_all_of(&format!("@{name}:{server_name}"));
    }
}
