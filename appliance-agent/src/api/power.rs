//! `POST /api/restart`, `/api/factory-reset`

use super::{Done, session::confirm};
use crate::{
    app::App,
    http::{Body, Caller, Peer},
    problem::Problem,
    sessions::Who,
    state::Phase,
};
use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// From the answer to the box's going down: the answer has to reach the page.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Homeserver,
    Box,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restart {
    what: What,
}

/// `POST /api/restart`
pub(super) async fn restart(
    State(app): State<Arc<App>>,
    Body(Restart { what }): Body<Restart>,
) -> Result<Json<Done>, Problem> {
    match what {
        What::Homeserver => {
            let phase = app.store.phase();
            if phase != Phase::Ready {
                return Err(Problem::wrong_phase(phase));
            }
            app.machine(|system| system.restart_homeserver()).await?;
        }
        What::Box => {
            // A replica that is cut off leaves the earlier ones whole; but nobody should restart by mistake in the middle of a restore.
            if app.jobs.is_running("volume") {
                return Err(Problem::busy("replica"));
            }
            reboot(&app);
        }
    }
    Ok(Json(Done {}))
}

fn reboot(app: &Arc<App>) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        tokio::time::sleep(GRACE).await;
        if let Err(problem) = app.machine(|system| system.reboot()).await {
            tracing::error!(%problem, "the box could not be restarted");
        }
    });
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactoryReset {
    server_name: String,
    #[serde(default)]
    password: Option<String>,
}

/// `POST /api/factory-reset`: everything on the data partition goes; backup volumes stay as they are.
pub(super) async fn factory_reset(
    State(app): State<Arc<App>>,
    Peer(peer): Peer,
    Caller(who): Caller,
    Body(FactoryReset { server_name, password }): Body<FactoryReset>,
) -> Result<Json<Done>, Problem> {
    // A box that has lost its name is still to be reset.
    if app.store.read(|state| state.setup.server_name.as_deref().unwrap_or_default() != server_name.trim()) {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "wrong_server_name",
            "This is not the server's name.",
            "Type the name exactly as it is shown, to say that you mean this box.",
        ));
    }
    match (&who, password) {
        // The homeserver would have to judge it, and is silent.
        (Who::Rescuer, _) => {}
        (_, Some(password)) => confirm(&app, peer, &who, &password).await?,
        (_, None) => return Err(Problem::bad_request("the password is missing")),
    }
    tracing::warn!(%peer, "the box is reset to how it came");
    app.machine(|system| system.factory_reset()).await?;
    reboot(&app);
    Ok(Json(Done {}))
}
