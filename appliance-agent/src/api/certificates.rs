//! `/api/certificates`, the wizard's step, and `GET /authority.pem`.

use super::{Nothing, Started};
use crate::{
    app::App,
    certificates::{self, View},
    http::Body,
    problem::Problem,
    state::CertificateKind,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::sync::Arc;

/// `GET /authority.pem`: to be trusted by those who like.
pub(super) async fn authority(State(app): State<Arc<App>>) -> Response {
    let mut response = app.certificates.authority_pem().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-pem-file"));
    headers
        .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"hearth-authority.pem\""));
    response
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    kind: CertificateKind,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    agree: bool,
}

/// `POST /api/setup/certificate`, and `POST /api/certificates` for who began with the box's own and wants another later.
pub(super) async fn choose(State(app): State<Arc<App>>, Body(choice): Body<Choice>) -> Result<Json<Started>, Problem> {
    if choice.kind == CertificateKind::Acme && !choice.agree {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "terms_not_agreed",
            "The authority gives certificates only to those who agree to its terms.",
            "Read the terms and agree, or use the box's own certificate.",
        ));
    }
    let job = certificates::choose(&app, choice.kind, choice.email.as_deref())?;
    Ok(Json(Started { job }))
}

/// `GET /api/certificates`
pub(super) async fn get(State(app): State<Arc<App>>) -> Json<View> {
    Json(certificates::view(&app))
}

/// `POST /api/certificates/renew`
pub(super) async fn renew(
    State(app): State<Arc<App>>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Started>, Problem> {
    Ok(Json(Started { job: certificates::renew(&app)? }))
}
