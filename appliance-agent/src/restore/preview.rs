//! What a restore will do, before it does it.

use super::Listed;
use crate::{app::App, problem::Problem, replicas::Found};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// How old a replica may be without a word about it.
const FRESH_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Preview {
    replica: Listed,
    replaces: Option<Replaced>,
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize)]
struct Replaced {
    server_name: String,
}

#[derive(Debug, Serialize)]
struct Warning {
    code: &'static str,
    message: &'static str,
}

/// What will be there.
///
/// # Errors
/// `nothing_open`, `replica_unknown`
pub async fn preview(app: &Arc<App>, replica: &str) -> Result<Preview, Problem> {
    let (_, replica) = chosen(app, replica)?;
    let has_database = app.paths.homeserver.join("hearth.redb").exists();
    let named = app.store.read(|state| state.setup.server_name.clone());
    let replaces = named.filter(|_| has_database).map(|server_name| Replaced { server_name });
    let mut warnings = vec![Warning {
        code: "old_box_must_stay_off",
        message: "Do not switch the old box on again: two servers of one name confuse everybody who talks with them.",
    }];
    if app.now_ms().saturating_sub(replica.time_ms) > FRESH_MS {
        warnings.push(Warning {
            code: "old_replica",
            message: "This replica is more than a week old: what was written after it is not in it.",
        });
    }
    if replaces.is_some() {
        warnings.push(Warning { code: "replaces_data", message: "What is on this box now is replaced." });
    }
    Ok(Preview { replica, replaces, warnings })
}

/// The replica of this name among those that were listed.
pub(super) fn chosen(app: &App, replica: &str) -> Result<(Arc<Found>, Listed), Problem> {
    let found = app.volumes.found().ok_or_else(|| {
        Problem::new(
            StatusCode::CONFLICT,
            "nothing_open",
            "No backup disk is open.",
            "Choose the disk and type its recovery key first.",
        )
    })?;
    let listed = found
        .replicas
        .iter()
        .find(|listed| listed.id == replica)
        .cloned()
        .ok_or_else(|| Problem::not_found("replica_unknown", "There is no such replica on this disk."))?;
    Ok((found, listed))
}
