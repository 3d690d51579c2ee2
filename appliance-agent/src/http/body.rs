//! Bodies, queries and path parts as types; what does not fit is answered in the API's own form.

use crate::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::{StatusCode, request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The largest body in bytes; forms are small.
const LARGEST: usize = 64 * 1024;
/// What is a little larger is taken all the same and thrown away, so that its sender comes to hear the answer.
const DRAINED: usize = 256 * 1024;
/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(15);

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let collected = tokio::time::timeout(TIME, Limited::new(request.into_body(), DRAINED).collect()).await;
        let too_large = || {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The request is too large.",
                "Shorten what you typed.",
            )
        };
        let bytes = collected
            .map_err(|_| {
                Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "timeout",
                    "The request did not arrive in time.",
                    "Check the connection and try again.",
                )
            })?
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    return too_large();
                }
                Problem::bad_request("The request was cut off.")
            })?
            .to_bytes();
        if bytes.len() > LARGEST {
            return Err(too_large());
        }
        // An empty body is what a request without anything to say looks like.
        let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
        // serde would take a list for an object, field by field.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::bad_request("The request is not a JSON object."));
        }
        serde_json::from_slice(bytes)
            .map(Self)
            .map_err(|error| Problem::bad_request(format!("The request is not what this takes: {error}.")))
    }
}

/// The query.
#[derive(Debug)]
pub struct Queries<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Queries<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::bad_request(format!("The address is not what this takes: {error}."))),
        }
    }
}

/// The parts of the path that vary.
#[derive(Debug)]
pub struct Parts<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Parts<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(path)) => Ok(Self(path)),
            Err(error) => Err(Problem::bad_request(format!("The address is not what this takes: {error}."))),
        }
    }
}
