//! `GET /api/logs?unit=agent|homeserver|system&lines=N`

use crate::{app::App, http::Queries, problem::Problem};
use axum::{Json, extract::State};
use hearth_system::{LogLine, LogUnit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Agent,
    Homeserver,
    System,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    unit: Unit,
    #[serde(default = "default_lines")]
    lines: usize,
}

fn default_lines() -> usize {
    200
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    lines: Vec<LogLine>,
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    Queries(Which { unit, lines }): Queries<Which>,
) -> Result<Json<Answer>, Problem> {
    let unit = match unit {
        Unit::Agent => LogUnit::Agent,
        Unit::Homeserver => LogUnit::Homeserver,
        Unit::System => LogUnit::System,
    };
    let lines = app.machine(move |system| system.logs(unit, lines.clamp(1, 5000))).await?;
    Ok(Json(Answer { lines }))
}
