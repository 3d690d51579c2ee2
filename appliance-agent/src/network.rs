//! A network setting is tried before it is kept: who locks himself out only has to wait.

use crate::{app::App, problem::Problem};
use hearth_system::Plan;
use http::StatusCode;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

#[derive(Debug)]
struct Running {
    number: u64,
    plan: Plan,
    in_force: bool,
    ends_ms: u64,
}

/// From one attempt to put the kept setting back in force to the next.
const AGAIN: Duration = Duration::from_secs(3);

/// The setting that is being tried, if there is one.
#[derive(Debug, Default)]
pub struct Trial {
    running: Mutex<Option<Running>>,
    kept: Notify,
}

impl Trial {
    /// What is being tried, and until when.
    pub fn running(&self) -> Option<(Plan, u64)> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(|running| (running.plan.clone(), running.ends_ms))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Option<Running>) -> T) -> T {
        look(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Takes a plan: at once where nothing changes, otherwise for a trial that begins when the answer has reached the page.
///
/// # Errors
/// `invalid_network`, `busy`, or the machine's.
pub async fn begin(app: &Arc<App>, plan: Plan) -> Result<(), Problem> {
    plan.check()?;
    if app.trial.running().is_some() {
        return Err(Problem::busy("network"));
    }
    if plan == app.machine(|system| system.network_plan()).await? {
        app.store.change(|state| state.setup.network = Some(plan))?;
        return Ok(());
    }
    let delay = Duration::from_secs(app.config.network.delay_s);
    let length = Duration::from_secs(app.config.network.trial_s);
    let ends_ms = app.now_ms().saturating_add(u64::try_from((delay + length).as_millis()).unwrap_or(u64::MAX));
    let number = u64::from_le_bytes(app.random.bytes());
    let begun = app.trial.with(|running| {
        let free = running.is_none();
        if free {
            *running = Some(Running { number, plan: plan.clone(), in_force: false, ends_ms });
        }
        free
    });
    if !begun {
        return Err(Problem::busy("network"));
    }
    let app = Arc::clone(app);
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let ended = run(&app, number, plan, length).await;
        if let Err(problem) = &ended {
            tracing::error!(%problem, "the network could not be changed");
        }
        app.trial.with(|running| *running = None);
        if ended.is_err() {
            // What was tried may be in force, in part or as a whole.
            put_back(app).await;
        }
    });
    Ok(())
}

async fn run(app: &App, number: u64, plan: Plan, length: Duration) -> Result<(), Problem> {
    let kept = app.trial.kept.notified();
    let tried = plan.clone();
    app.machine(move |system| system.try_network(&tried)).await?;
    app.trial.with(|running| {
        if let Some(running) = running.as_mut().filter(|running| running.number == number) {
            running.in_force = true;
        }
    });
    if tokio::time::timeout(length, kept).await.is_ok() {
        app.machine(|system| system.keep_network()).await?;
        app.store.change(|state| state.setup.network = Some(plan))?;
        tracing::info!("the network setting is kept");
    } else {
        app.machine(|system| system.revert_network()).await?;
        tracing::warn!("nobody kept the network setting: it is as before");
    }
    Ok(())
}

/// Puts the kept setting in force, and tries that again for as long as it fails: a network card may come up later than the agent.
pub async fn put_back(app: Arc<App>) {
    let mut failed = false;
    // A setting that is being tried sees to it itself when its time is over.
    while app.trial.running().is_none() {
        match app.machine(|system| system.revert_network()).await {
            Ok(()) => {
                if failed {
                    tracing::info!("the network is set as it was kept");
                }
                return;
            }
            Err(problem) if !failed => {
                tracing::warn!(%problem, "the network can't be set as it was kept; it is tried again");
                failed = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The page was reached with the new setting.
///
/// # Errors
/// `no_network_trial`
pub fn keep(app: &App) -> Result<(), Problem> {
    if app.trial.with(|running| running.as_ref().is_some_and(|running| running.in_force)) {
        app.trial.kept.notify_waiters();
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "no_network_trial",
        "No network setting is being tried.",
        "The time to keep it may be over. Set it once more.",
    ))
}
