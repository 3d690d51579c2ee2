//! The watch over the homeserver, the storage and the time.

use super::{rescue, storage};
use crate::{app::App, homeserver::Health, state::Phase};
use http::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

const LOOK: Duration = Duration::from_secs(15);
/// Of every so many looks one counts the storage: each writes a little to the card.
const STORAGE_EVERY: u32 = 4 * 30;
/// The machine keeps its time this often.
const SAVE_CLOCK: Duration = Duration::from_secs(10 * 60);

/// Looks after homeserver and storage for as long as the agent runs.
pub async fn keep_watch(app: Arc<App>) {
    let mut tick = tokio::time::interval(LOOK);
    let mut looks = 0_u32;
    let mut open = false;
    loop {
        tick.tick().await;
        if app.store.phase() == Phase::Ready {
            let answer = app.homeserver.health().await;
            if let Ok(health) = &answer {
                clocks(&app, health).await;
            }
            let before = app.watch.seen().silent;
            app.watch.see(answer.map_err(|error| error.to_string()), Instant::now());
            let now = app.watch.seen();
            if before == 0 && now.silent == 1 {
                tracing::warn!(error = now.error, "the homeserver does not answer");
            } else if before > 0 && now.silent == 0 {
                tracing::info!("the homeserver answers again");
            }
        }
        if open != rescue::is_open(&app) {
            open = !open;
            rescue::tell(&app, open).await;
        }
        if looks.is_multiple_of(STORAGE_EVERY)
            && let Err(problem) = storage::note(&app).await
        {
            tracing::warn!(%problem, "the storage can't be counted");
        }
        looks = looks.wrapping_add(1);
    }
}

/// Once per start: neither the machine's clock nor the homeserver's may be behind what has happened already.
async fn clocks(app: &Arc<App>, health: &Health) {
    if app.watch.clock_restored() {
        return;
    }
    let newest = health.newest_event_ts;
    match app.machine(move |system| system.restore_clock(newest)).await {
        Ok(None) => {}
        Ok(Some(restored)) => tracing::warn!(?restored, "the clock was behind and has been set forward"),
        Err(problem) => tracing::warn!(%problem, "the clock can't be set"),
    }
    let floor = json!({ "floor_ms": app.now_ms().max(newest.unwrap_or(0)) });
    match app.homeserver.send::<Value>(Method::POST, "/v1/clock", &floor).await {
        Ok(_) => app.watch.set_clock_restored(),
        Err(error) => tracing::warn!(%error, "the homeserver's clock can't be set"),
    }
}

/// Keeps the time for the next start, for there is no clock chip.
pub async fn keep_time(app: Arc<App>) {
    let mut tick = tokio::time::interval(SAVE_CLOCK);
    loop {
        tick.tick().await;
        if let Err(problem) = app.machine(|system| system.save_clock()).await {
            tracing::warn!(%problem, "the time can't be kept");
        }
    }
}
