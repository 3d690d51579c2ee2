//! What stands before every handler: the header and origin that a foreign page can't send, the session, the phase, a limit of time.

use super::{cookie, route::Access};
use crate::{app::App, health, problem::Problem, sessions::Who};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Method, StatusCode, Uri, header, request};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::Instant;

/// The longest that an answer may take; a long poll takes 20 s.
const TIME: Duration = Duration::from_secs(60);

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| Problem::internal(&"a request came from nowhere"))
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller(pub Who);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::not_logged_in)
    }
}

/// Lets a request through to its handler, or answers why not.
pub(super) async fn guard(
    State((app, access)): State<(Arc<App>, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&app, access, &request) {
        Ok(Some(who)) => {
            request.extensions_mut().insert(Caller(who));
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    match tokio::time::timeout(TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            "That took too long.",
            "Try again in a minute. If it stays so, restart the box.",
        )
        .into_response(),
    }
}

fn admit(app: &App, access: Access, request: &Request) -> Result<Option<Who>, Problem> {
    if request.method() != Method::GET {
        same_origin(request.headers(), request.uri())?;
    }
    let (phases, rescue) = match access {
        Access::Open => return Ok(None),
        Access::In(phases) => (phases, false),
        Access::Rescue(phases) => (phases, true),
    };
    let who = who(app, request.headers()).ok_or_else(Problem::not_logged_in)?;
    if who == Who::Rescuer && !rescue {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "rescue_only",
            "This needs an administrator's name and password.",
            "By the setup code you can look at health and logs, restart the box, and reset it.",
        ));
    }
    let phase = app.store.phase();
    if phases.contains(&phase) { Ok(Some(who)) } else { Err(Problem::wrong_phase(phase)) }
}

/// Whose session a request brings. One that began because the homeserver was silent ends when it answers.
#[must_use]
pub fn who(app: &App, headers: &HeaderMap) -> Option<Who> {
    let who = cookie::token(headers).and_then(|token| app.sessions.find(token, Instant::now()))?;
    (who != Who::Rescuer || health::rescue_is_open(app)).then_some(who)
}

/// A page of another origin can make a browser send a request with the cookie of an older browser, but not with a header of
/// its own choice, and `Origin` says where it came from.
fn same_origin(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let foreign = || {
        Problem::new(
            StatusCode::FORBIDDEN,
            "foreign_origin",
            "This request did not come from the box's own page.",
            "Open the box's page itself and try there.",
        )
    };
    if headers.get("x-hearth").is_none_or(|value| value != "1") {
        return Err(foreign());
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()).ok_or_else(foreign)?,
    };
    let same = origin.to_str().ok().and_then(|origin| origin.strip_prefix("https://"));
    if same.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) { Ok(()) } else { Err(foreign()) }
}
