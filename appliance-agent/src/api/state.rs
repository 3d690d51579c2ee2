//! `GET /api/state`: what everybody may know, so that the page shows the right thing first.

use crate::{app::App, health, http::who, sessions::Who, state::Phase};
use axum::{Json, extract::State};
use http::HeaderMap;
use serde::Serialize;
use std::sync::Arc;

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    phase: Phase,
    authenticated: bool,
    session: Option<&'static str>,
    rescue: bool,
    language: String,
    version: &'static str,
    board: String,
    server_name: Option<String>,
    time_ms: u64,
    time_trusted: bool,
    hostname: String,
}

pub(super) async fn state(State(app): State<Arc<App>>, headers: HeaderMap) -> Json<Answer> {
    let who = who(&app, &headers);
    let authenticated = who.is_some();
    let (phase, language, server_name) = app.store.read(|state| {
        let language = state.setup.locale.as_ref().map_or_else(|| "en".to_owned(), |locale| locale.language.clone());
        // Before it is in use the name is the owner's alone.
        let named = authenticated || state.phase == Phase::Ready;
        (state.phase, language, state.setup.server_name.clone().filter(|_| named))
    });
    Json(Answer {
        phase,
        authenticated,
        session: who.map(|who| match who {
            Who::Owner => "owner",
            Who::Rescuer => "rescuer",
            Who::Administrator(_) => "administrator",
        }),
        rescue: health::rescue_is_open(&app),
        language,
        version: env!("CARGO_PKG_VERSION"),
        board: app.system.board().model,
        server_name,
        time_ms: app.now_ms(),
        time_trusted: app.system.time_trusted(),
        hostname: app.watch.hostname(),
    })
}
