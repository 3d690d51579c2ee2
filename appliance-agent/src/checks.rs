//! The checks of the public name as a job.

use crate::{
    app::App,
    jobs::{Kind, Progress},
    problem::Problem,
};
use serde_json::{Value, json};
use std::sync::Arc;

const CHECKS: Kind = Kind {
    name: "checks",
    group: "checks",
    steps: &["dns", "public_address", "router", "port_80", "port_443", "port_8448", "delegation"],
    joins: false,
    once: false,
};

/// Starts them.
///
/// # Errors
/// `busy`
pub fn start(app: &Arc<App>, server_name: String, host: String) -> Result<String, Problem> {
    let worker = Arc::clone(app);
    app.jobs.start(CHECKS, |job| async move { run(&worker, server_name, host, &job).await })
}

async fn run(_app: &App, _server_name: String, _host: String, _job: &Progress) -> Result<Value, Problem> {
    Ok(json!({}))
}
