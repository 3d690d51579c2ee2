//! How the server is.

use super::{Answer, ok};
use crate::{accounts::users, config::Registration, http::App};
use axum::{Router, extract::State, routing::get};
use hearth_store::{Read as _, StreamPos, schema, tables};
use serde::Serialize;
use std::sync::Arc;

/// Routes of this chapter.
pub(super) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route("/v1/health", get(health))
}

#[derive(Serialize)]
struct Health<'a> {
    server_name: &'a str,
    version: &'static str,
    /// Version of the database's layout.
    schema: u64,
    /// Position of the newest change.
    position: StreamPos,
    /// Accounts that can be used.
    users: u64,
    rooms: u64,
    uptime_s: u64,
    registration: Registration,
    /// Mail can be sent.
    mail: bool,
    /// Milliseconds since the Unix epoch, as the event says.
    newest_event_ts: Option<u64>,
    database_bytes: u64,
}

/// `GET /v1/health`
async fn health(State(app): State<Arc<App>>) -> Answer {
    app.store.health()?;
    let read = app.store.snapshot()?;
    let settings = app.settings.now();
    let mut rooms = 0;
    for room in read.prefix(tables::ROOMS, ())? {
        room?;
        rooms += 1;
    }
    ok(&Health {
        server_name: app.config.server_name.as_str(),
        version: env!("CARGO_PKG_VERSION"),
        schema: schema::VERSION,
        position: read.pos(),
        users: users::count(&read)?,
        rooms,
        uptime_s: app.started.elapsed().as_secs(),
        registration: settings.registration,
        mail: settings.mail.is_some(),
        newest_event_ts: crate::rooms::newest_event_ts(&read)?,
        database_bytes: std::fs::metadata(app.config.database()).map_or(0, |file| file.len()),
    })
}
