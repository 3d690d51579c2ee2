//! `POST /api/claim`, `/api/login`, `/api/logout`: who may see the rest.

use super::{Done, Nothing};
use crate::{
    app::App,
    attempts::Attempts,
    health,
    homeserver::Login,
    http::{self as web, Body, Peer},
    problem::Problem,
    readable,
    sessions::Who,
    state::Phase,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{net::IpAddr, sync::Arc, time::Duration};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    code: String,
}

/// `POST /api/claim`: the setup code lets in until the box is in use, and again while the homeserver stays silent.
pub(super) async fn claim(
    State(app): State<Arc<App>>,
    Peer(peer): Peer,
    Body(Claim { code }): Body<Claim>,
) -> Result<Response, Problem> {
    let phase = app.store.phase();
    if phase == Phase::Ready && !health::rescue_is_open(&app) {
        return Err(Problem::wrong_phase(phase));
    }
    attempt(&app.claims, peer)?;
    // Digests are of one length whatever was typed, and are compared in the same time whichever letters differ.
    let (typed, right) = (Sha256::digest(readable::normal(&code)), Sha256::digest(&app.setup_code));
    if !bool::from(typed.as_slice().ct_eq(right.as_slice())) {
        tracing::warn!(%peer, "a wrong setup code was typed");
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "wrong_setup_code",
            "This is not the setup code.",
            "It is on the screen plugged into the box, and in the file HEARTH-SETUP.txt on its card.",
        ));
    }
    app.claims.right(peer);
    if phase == Phase::Ready {
        tracing::warn!(%peer, "somebody came in by the setup code, for the homeserver is silent");
        return begin(&app, Who::Rescuer);
    }
    if app.store.phase() == Phase::Unclaimed {
        app.store.change(|state| state.phase = Phase::Setup)?;
        tracing::info!(%peer, "the box was claimed");
    }
    begin(&app, Who::Owner)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamePassword {
    name: String,
    password: String,
}

/// `POST /api/login`: an administrator of the homeserver.
pub(super) async fn login(
    State(app): State<Arc<App>>,
    Peer(peer): Peer,
    Body(NamePassword { name, password }): Body<NamePassword>,
) -> Result<Response, Problem> {
    let phase = app.store.phase();
    if phase != Phase::Ready {
        return Err(Problem::wrong_phase(phase));
    }
    attempt(&app.logins, peer)?;
    let user_id = administrator(&app, peer, &name, &password).await?;
    tracing::info!(%peer, user_id, "an administrator logged in");
    begin(&app, Who::Administrator(user_id))
}

/// Judges a name and password; the attempt was counted before.
async fn administrator(app: &App, peer: IpAddr, name: &str, password: &str) -> Result<String, Problem> {
    let body = json!({ "name": name, "password": password });
    let login: Login = match app.homeserver.send(Method::POST, "/v1/login", &body).await {
        Ok(login) => login,
        Err(error) if error.is("M_FORBIDDEN") => {
            tracing::warn!(%peer, "a wrong name or password was typed");
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "wrong_login",
                "The name or the password is wrong.",
                "Type them as in Element. Another administrator can set a new password for you.",
            ));
        }
        Err(error) => {
            // Not the caller's fault.
            app.logins.right(peer);
            return Err(error.into());
        }
    };
    app.logins.right(peer);
    if login.admin {
        return Ok(login.user_id);
    }
    tracing::warn!(%peer, user_id = login.user_id, "somebody who is no administrator tried to log in");
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "not_an_administrator",
        "This account is not an administrator's.",
        "Ask an administrator to make you one, or to do it for you.",
    ))
}

/// `POST /api/logout`
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Body(Nothing {}): Body<Nothing>,
) -> Response {
    if let Some(token) = web::token(&headers) {
        app.sessions.end(token);
    }
    let mut response = Json(Done {}).into_response();
    response.headers_mut().insert(header::SET_COOKIE, web::end());
    response
}

/// Counts an attempt at a secret.
pub(super) fn attempt(attempts: &Attempts, peer: IpAddr) -> Result<(), Problem> {
    attempts.begin(peer, Instant::now()).map_err(|wait| too_many(peer, wait))
}

fn too_many(peer: IpAddr, wait: Duration) -> Problem {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    tracing::warn!(%peer, seconds, "too many wrong attempts");
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_attempts",
        "There were too many wrong attempts.",
        format!("Wait {seconds} seconds and try again."),
    )
    .with("retry_after_s", seconds)
}

fn begin(app: &App, who: Who) -> Result<Response, Problem> {
    let token = app.sessions.begin(who, &app.random, Instant::now());
    let mut response = Json(Done {}).into_response();
    let cookie = web::begin(&token).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The administrator's password typed again, before something that can't be undone.
pub(super) async fn confirm(app: &App, peer: IpAddr, who: &Who, password: &str) -> Result<(), Problem> {
    attempt(&app.logins, peer)?;
    let name = match who {
        Who::Administrator(user_id) => user_id.clone(),
        Who::Owner | Who::Rescuer => {
            app.store.read(|state| state.setup.administrator.as_ref().map(|who| who.name.clone())).ok_or_else(|| {
                Problem::new(
                    StatusCode::FORBIDDEN,
                    "not_an_administrator",
                    "You came in by the setup code, so the box does not know which administrator you are.",
                    "Log out, and log in with your name and password.",
                )
            })?
        }
    };
    administrator(app, peer, &name, password).await.map(drop)
}
