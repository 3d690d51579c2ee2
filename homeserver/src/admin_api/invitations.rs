//! Invitations: registration tokens that the owner hands out.

use super::{Answer, done, given::Given, ok, with_status};
use crate::{
    accounts::registration::{self, Token},
    http::{App, Error},
};
use axum::{
    Router,
    extract::{Path, State},
    routing::{delete, get},
};
use hearth_store::records::RegistrationTokenRecord;
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// Letters of a token, some 93 bits.
const TOKEN_LETTERS: usize = 16;

/// Routes of this chapter.
pub(super) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route("/v1/invitations", get(list).post(create)).route("/v1/invitations/{token}", delete(remove))
}

fn shown((token, record): &Token) -> serde_json::Value {
    serde_json::json!({
        "token": token,
        "uses_allowed": record.uses_allowed,
        "completed": record.completed,
        "expires_at": record.expires_at,
    })
}

/// `GET /v1/invitations`
async fn list(State(app): State<Arc<App>>) -> Answer {
    let tokens = registration::tokens(&app.store.snapshot()?)?;
    ok(&serde_json::json!({ "invitations": tokens.iter().map(shown).collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewInvitation {
    #[serde(default)]
    uses_allowed: Option<u64>,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    expires_at: Option<u64>,
}

/// `POST /v1/invitations`
async fn create(State(app): State<Arc<App>>, Given(new): Given<NewInvitation>) -> Answer {
    if new.uses_allowed == Some(0) {
        return Err(Error::invalid("An invitation that nobody may use is none."));
    }
    if new.expires_at.is_some_and(|end| end <= app.clock.now()) {
        return Err(Error::invalid("An invitation can't end before it is made."));
    }
    let record = RegistrationTokenRecord { uses_allowed: new.uses_allowed, completed: 0, expires_at: new.expires_at };
    let token = app.random.word(TOKEN_LETTERS);
    let invitation = shown(&(token.clone(), record.clone()));
    app.store.change(move |change| registration::add_token(change, &token, &record)).await?;
    with_status(StatusCode::CREATED, &invitation)
}

/// `DELETE /v1/invitations/{token}`
async fn remove(State(app): State<Arc<App>>, Path(token): Path<String>) -> Answer {
    app.store.change(move |change| registration::remove_token(change, &token)).await?;
    done()
}
