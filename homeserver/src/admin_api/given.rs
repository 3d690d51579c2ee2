//! The body of a request, read as what the handler wants.

use crate::http::{Error, limits};
use axum::{body::Body, extract::FromRequest};
use serde::de::DeserializeOwned;

/// A JSON body. Fields that the type doesn't know are refused where it says so.
pub(super) struct Given<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Error;

    async fn from_request(request: http::Request<Body>, _: &S) -> Result<Self, Error> {
        let body = limits::whole_body(request.into_body(), limits::STRANGERS_BODY_BYTES).await?;
        limits::check_nesting(&body)?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Error::bad_json(format!("The body is not what this takes: {error}")))
    }
}
