//! The owner's API: HTTP/1.1 with JSON over a Unix socket, for root and the server's own user alone.
//! `docs/appliance.md` lists its routes.
//!
//! Whoever may open the socket may do everything here, so no request carries a token. One file for each thing that is
//! administered.

mod certificate;
mod clock;
mod given;
mod health;
mod invitations;
mod login;
mod settings;
mod snapshot;
mod socket;
mod users;

pub use socket::{Socket, SocketError};

use crate::http::{App, Error};
use axum::{Router, body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;

/// Every route of the socket.
pub fn routes() -> Router<Arc<App>> {
    let chapters = [
        certificate::routes,
        clock::routes,
        health::routes,
        invitations::routes,
        login::routes,
        settings::routes,
        snapshot::routes,
        users::routes,
    ];
    chapters
        .into_iter()
        .fold(Router::new(), |router, routes| routes(router))
        .fallback(|| async { Error::unrecognized(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Error::unrecognized(StatusCode::METHOD_NOT_ALLOWED) })
}

/// What a handler returns.
type Answer = Result<Response, Error>;

/// 200 with a body.
fn ok(body: &impl Serialize) -> Answer {
    with_status(StatusCode::OK, body)
}

/// 200 with `{}`.
fn done() -> Answer {
    ok(&serde_json::json!({}))
}

fn with_status(status: StatusCode, body: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(body).map_err(|error| Error::internal(&error))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
