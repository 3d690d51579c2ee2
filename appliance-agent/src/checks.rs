//! Whether the world can reach the box: the checks as a job, the ports kept open in the router, and a look each day.

use crate::{
    app::App,
    jobs::{Kind, Progress},
    problem::Problem,
    state::Phase,
};
use hearth_reachability::{Config, Dns, Event, Finding, Level, Mappings, Ports, Question};
use http::StatusCode;
use serde_json::{Value, json};
use std::{net::IpAddr, sync::Arc, time::Duration};

const CHECKS: Kind = Kind {
    name: "checks",
    group: "checks",
    steps: &["dns", "public_address", "router", "port_80", "port_443", "port_8448", "delegation"],
    joins: false,
    once: false,
};
/// From one look of the box's own to the next.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);
/// After a start there is much else to do.
const SETTLE: Duration = Duration::from_secs(10 * 60);
/// How soon is looked again whether there is something to keep open.
const IDLE: Duration = Duration::from_secs(60);

/// Starts the checks.
///
/// # Errors
/// `busy`
pub fn start(app: &Arc<App>, server_name: String, host: String) -> Result<String, Problem> {
    let worker = Arc::clone(app);
    app.jobs.start(CHECKS, |job| async move {
        let config = config(&worker).await?;
        let shown = job.clone();
        let progress = move |event| show(&shown, event);
        let question = Question { server_name, host };
        let random = worker.random.bytes();
        let findings = hearth_reachability::check(&config, &question, &worker.nonces, random, &progress).await;
        let reachable = findings.iter().all(|finding| finding.level != Level::Bad);
        Ok::<Value, Problem>(json!({ "reachable": reachable, "findings": findings }))
    })
}

fn show(job: &Progress, event: Event) {
    match event {
        Event::Started(check) => job.run(check.name()),
        Event::Found(finding) => {
            let name = finding.check.name();
            let problem = || {
                let mut problem =
                    Problem::new(StatusCode::CONFLICT, finding.code, finding.message.clone(), finding.help.clone());
                problem.params = finding.params.clone();
                problem
            };
            match finding.level {
                Level::Good => job.done(name),
                Level::Warning | Level::Unknown => job.warn(name, problem()),
                Level::Bad => job.fail(name, problem()),
            }
            job.detail(name, finding.message);
        }
    }
}

/// The box and its surroundings, as they are now.
async fn config(app: &App) -> Result<Config, Problem> {
    let now = app.machine(|system| system.network()).await?;
    let address = |text: &String| text.split('/').next().and_then(|text| text.parse::<IpAddr>().ok());
    let gateway = match now.gateway {
        Some(IpAddr::V4(gateway)) => Some(gateway),
        _ => None,
    };
    let mut config = Config::new(now.addresses.iter().filter_map(address).collect(), gateway);
    config.ports = Ports {
        http: app.config.http.port(),
        https: app.config.https.port(),
        federation: app.config.federation.port(),
    };
    config.map_ports = app.config.checks.map_ports;
    if let Some(resolver) = app.config.checks.resolver {
        config.dns = Dns::Servers(vec![resolver]);
    }
    config.outside_checker_url.clone_from(&app.config.checks.outside);
    Ok(config)
}

/// Keeps the ports open in a router that can be asked, for as long as the agent runs.
pub async fn keep_open(app: Arc<App>) {
    let ports = [&app.config.http, &app.config.https, &app.config.federation].map(std::net::SocketAddr::port);
    let mut mappings = Mappings::new(ports.to_vec());
    loop {
        // Nothing of the box is open to the world before somebody has claimed it.
        let wanted = app.config.checks.map_ports && app.store.phase() != Phase::Unclaimed;
        let wait = match config(&app).await {
            Ok(config) if wanted => mappings.renew(&config).await.next,
            _ => IDLE,
        };
        tokio::time::sleep(wait).await;
    }
}

/// Looks each day whether the box can be reached, for as long as the agent runs.
pub async fn keep_looking(app: Arc<App>) {
    tokio::time::sleep(SETTLE).await;
    loop {
        if app.store.phase() == Phase::Ready {
            app.watch.set_unreachable(look(&app).await);
        }
        tokio::time::sleep(DAILY).await;
    }
}

/// What keeps the world out, if something does.
async fn look(app: &App) -> Option<Finding> {
    let names = app.store.read(|state| state.setup.server_name.clone().zip(state.setup.host.clone()));
    let (server_name, host) = names?;
    let config = config(app).await.ok()?;
    let question = Question { server_name, host };
    let findings = hearth_reachability::check(&config, &question, &app.nonces, app.random.bytes(), &|_| {}).await;
    findings.into_iter().find(|finding| finding.level == Level::Bad)
}
