//! The HTTP API, one file per group of endpoints. `docs/appliance.md` has the table of what goes in and out.

mod certificates;
mod checks;
mod disks;
mod health;
mod invitations;
mod jobs;
mod logs;
mod network;
mod power;
mod replicas;
mod restore;
mod session;
mod settings;
mod setup;
mod setup_backup;
mod setup_mail;
mod state;
mod users;

use crate::{
    http::{Access, Route},
    state::Phase,
};
use serde::{Deserialize, Serialize};

const SETUP: Access = Access::In(&[Phase::Setup]);
const READY: Access = Access::In(&[Phase::Ready]);
const ANY: Access = Access::In(&[Phase::Setup, Phase::Restoring, Phase::Ready]);
const READY_OR_RESCUE: Access = Access::Rescue(&[Phase::Ready]);
const ANY_OR_RESCUE: Access = Access::Rescue(&[Phase::Setup, Phase::Restoring, Phase::Ready]);
const SETUP_OR_READY: Access = Access::In(&[Phase::Setup, Phase::Ready]);

/// Every endpoint there is.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/state", Access::Open, state::state),
        Route::get("/authority.pem", Access::Open, certificates::authority),
        Route::post("/api/claim", Access::Open, session::claim),
        Route::post("/api/login", Access::Open, session::login),
        Route::post("/api/logout", Access::Open, session::logout),
        Route::get("/api/setup", SETUP, setup::get),
        Route::put("/api/setup/locale", SETUP, setup::locale),
        Route::put("/api/setup/network", SETUP, network::put_in_setup),
        Route::post("/api/setup/network/keep", SETUP, network::keep_in_setup),
        Route::put("/api/setup/name", SETUP, setup::name),
        Route::put("/api/setup/administrator", SETUP, setup::administrator),
        Route::put("/api/setup/registration", SETUP, setup::registration),
        Route::put("/api/setup/mail", SETUP, setup_mail::put),
        Route::post("/api/setup/mail/test", SETUP, setup_mail::test),
        Route::post("/api/setup/certificate", SETUP, certificates::choose),
        Route::post("/api/setup/backup/prepare", SETUP, setup_backup::prepare),
        Route::post("/api/setup/backup/confirm", SETUP, setup_backup::confirm),
        Route::post("/api/setup/backup/skip", SETUP, setup_backup::skip),
        Route::post("/api/setup/apply", SETUP, setup::apply),
        Route::post("/api/checks", SETUP_OR_READY, checks::start),
        Route::get("/api/disks", SETUP_OR_READY, disks::get),
        Route::get("/api/jobs/{id}", ANY, jobs::get),
        Route::post("/api/restore/open", SETUP, restore::open),
        Route::post("/api/restore/preview", SETUP, restore::preview),
        Route::post("/api/restore/start", SETUP, restore::start),
        Route::get("/api/health", READY_OR_RESCUE, health::health),
        Route::get("/api/storage", READY, health::storage),
        Route::get("/api/users", READY, users::list),
        Route::post("/api/users", READY, users::create),
        Route::put("/api/users/{name}/password", READY, users::password),
        Route::put("/api/users/{name}/admin", READY, users::admin),
        Route::post("/api/users/{name}/deactivate", READY, users::deactivate),
        Route::get("/api/invitations", READY, invitations::list),
        Route::post("/api/invitations", READY, invitations::create),
        Route::delete("/api/invitations/{token}", READY, invitations::delete),
        Route::get("/api/settings", READY, settings::get),
        Route::put("/api/settings", READY, settings::put),
        Route::post("/api/mail/test", READY, settings::test_mail),
        Route::get("/api/replicas", READY, replicas::get),
        Route::post("/api/replicas/run", READY, replicas::run),
        Route::post("/api/replicas/test", READY, replicas::test),
        Route::post("/api/replicas/export", READY, replicas::export),
        Route::post("/api/replicas/export/confirm", READY, replicas::confirm_export),
        Route::post("/api/replicas/eject", READY, replicas::eject),
        Route::post("/api/replicas/prepare", READY, replicas::prepare),
        Route::post("/api/replicas/confirm", READY, replicas::confirm),
        Route::get("/api/certificates", READY, certificates::get),
        Route::post("/api/certificates", READY, certificates::choose),
        Route::post("/api/certificates/renew", READY, certificates::renew),
        Route::get("/api/network", READY, network::get),
        Route::put("/api/network", READY, network::put),
        Route::post("/api/network/keep", READY, network::keep),
        Route::get("/api/logs", ANY_OR_RESCUE, logs::get),
        Route::post("/api/restart", ANY_OR_RESCUE, power::restart),
        Route::post("/api/factory-reset", READY_OR_RESCUE, power::factory_reset),
    ]
}

/// `{}`, in a request that says nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `{}`
#[derive(Debug, Default, Serialize)]
struct Done {}

/// `{"job"}`
#[derive(Debug, Serialize)]
struct Started {
    job: String,
}
