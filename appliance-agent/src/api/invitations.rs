//! `/api/invitations`: tokens to sign up by, each with a link that people can be sent.

use super::Done;
use crate::{
    app::App,
    homeserver::{Invitation, Invitations, NewInvitation, part},
    http::{Body, Parts},
    problem::Problem,
};
use axum::{Json, extract::State};
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    invitations: Vec<Linked>,
}

#[derive(Debug, Serialize)]
pub(super) struct Linked {
    #[serde(flatten)]
    invitation: Invitation,
    link: String,
}

/// `GET /api/invitations`
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Answer>, Problem> {
    let Invitations { invitations } = app.homeserver.get("/v1/invitations").await?;
    Ok(Json(Answer { invitations: invitations.into_iter().map(|invitation| linked(&app, invitation)).collect() }))
}

/// `POST /api/invitations`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Body(new): Body<NewInvitation>,
) -> Result<(StatusCode, Json<Linked>), Problem> {
    let made: Invitation = app.homeserver.send(Method::POST, "/v1/invitations", &new).await?;
    Ok((StatusCode::CREATED, Json(linked(&app, made))))
}

/// `DELETE /api/invitations/{token}`
pub(super) async fn delete(State(app): State<Arc<App>>, Parts(token): Parts<String>) -> Result<Json<Done>, Problem> {
    let path = format!("/v1/invitations/{}", part(&token));
    app.homeserver.send::<Value>(Method::DELETE, &path, &serde_json::json!({})).await?;
    Ok(Json(Done {}))
}

/// The homeserver's own page, told by the part of the address that no server sees or logs.
fn linked(app: &App, invitation: Invitation) -> Linked {
    let link = format!("{}/#invitation={}", app.base_url().unwrap_or_default(), part(&invitation.token));
    Linked { invitation, link }
}
