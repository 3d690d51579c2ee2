//! When replicas are made without anybody asking.

use super::{
    Opened, replicate, restore_test,
    run::{RUN, own_volume},
};
use crate::{
    app::{App, blocking},
    jobs::Progress,
    state::Phase,
};
use hearth_system::VolumeId;
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// How often the scheduler looks.
const LOOK: Duration = Duration::from_secs(30);
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// From one restore test to the next.
const TEST_EVERY_MS: u64 = 30 * 24 * HOUR_MS;
/// After a start the box has other things to do first.
const SETTLE_MS: u64 = 5 * MINUTE_MS;

/// What the scheduler knows from one look to the next; times are of the clock that never jumps.
#[derive(Debug)]
struct Schedule {
    due_ms: u64,
    failures: u32,
    /// The disk was not there at the last attempt: its return is what is waited for.
    absent: bool,
    tested: bool,
}

/// Makes replicas for as long as the agent runs.
pub async fn keep_replicating(app: Arc<App>) {
    let mut schedule = Schedule { due_ms: first_due(&app), failures: 0, absent: false, tested: false };
    loop {
        // Told of a replica that somebody asked for, it counts from there.
        let woken = tokio::time::timeout(LOOK, app.volumes.wake.notified()).await.is_ok();
        if app.store.phase() != Phase::Ready || app.jobs.is_running("volume") {
            continue;
        }
        let Ok(volume) = own_volume(&app) else { continue };
        if woken {
            schedule.due_ms = schedule.due_ms.max(first_due(&app));
        }
        look(&app, &volume, &mut schedule).await;
        app.watch
            .set_next_replica(app.now_ms().saturating_add(schedule.due_ms.saturating_sub(app.system.monotonic_ms())));
    }
}

async fn look(app: &Arc<App>, volume: &VolumeId, schedule: &mut Schedule) {
    let now = app.system.monotonic_ms();
    let here = is_here(app, volume).await;
    let is_back = schedule.absent && here;
    if !is_back && now < schedule.due_ms {
        return;
    }
    if !here {
        if !schedule.absent {
            tracing::warn!("the backup disk is not plugged in: the replica waits for it");
        }
        schedule.absent = true;
        schedule.due_ms = now.saturating_add(10 * MINUTE_MS);
        return;
    }
    schedule.absent = false;
    let result = as_job(app, volume.clone()).await;
    let now = app.system.monotonic_ms();
    if result {
        schedule.failures = 0;
        schedule.due_ms = now.saturating_add(every_ms(app)).saturating_add(app.random.below(5 * MINUTE_MS));
        if !schedule.tested && test_is_due(app) {
            // Once per run of the agent if it fails: the dashboard tells of it, and the owner may start another.
            schedule.tested = true;
            if let Err(problem) = restore_test(app, volume, &Progress::unwatched()).await {
                tracing::warn!(%problem, "the monthly restore test failed");
            } else {
                schedule.tested = false;
            }
        }
    } else {
        schedule.failures = schedule.failures.saturating_add(1);
        let wait = (10 * MINUTE_MS).saturating_mul(1 << schedule.failures.min(4).saturating_sub(1)).min(every_ms(app));
        schedule.due_ms = now.saturating_add(wait).saturating_add(app.random.below(MINUTE_MS));
    }
}

/// Runs as a job, so that the dashboard shows it and nothing else uses the volume meanwhile. Whether it is whole.
async fn as_job(app: &Arc<App>, volume: VolumeId) -> bool {
    let (tell, told) = tokio::sync::oneshot::channel();
    let worker = Arc::clone(app);
    let started = app.jobs.start(RUN, |job| async move {
        let result = replicate(&worker, &volume, &job).await;
        // The scheduler may be gone already; the replica is what counts.
        let _ = tell.send(result.is_ok());
        result.map(|replica| json!({ "id": replica.id }))
    });
    started.is_ok() && told.await.unwrap_or(false)
}

fn every_ms(app: &App) -> u64 {
    let hours = app.store.read(|state| state.every_hours).unwrap_or(app.config.replicas.every_hours);
    u64::from(hours.max(1)).saturating_mul(HOUR_MS)
}

/// When the next one is due, counted from the last good one; its time says nothing where the clock was set meanwhile.
fn first_due(app: &App) -> u64 {
    let (now, monotonic) = (app.now_ms(), app.system.monotonic_ms());
    let last = app.store.read(|state| state.history.last_success_ms);
    let since = last.and_then(|last| now.checked_sub(last));
    match since {
        Some(since) => monotonic.saturating_add(every_ms(app).saturating_sub(since).max(SETTLE_MS)),
        None => monotonic.saturating_add(SETTLE_MS),
    }
}

fn test_is_due(app: &App) -> bool {
    let now = app.now_ms();
    app.store
        .read(|state| state.history.last_restore_test_ms.is_none_or(|last| now.saturating_sub(last) >= TEST_EVERY_MS))
}

async fn is_here(app: &Arc<App>, volume: &VolumeId) -> bool {
    let ours = app.volumes.keys.volumes();
    match app.machine(move |system| system.disks(&ours)).await {
        Ok(disks) => disks.iter().any(|disk| disk.volume.as_ref() == Some(volume)),
        Err(problem) => {
            tracing::warn!(%problem, "the disks can't be listed");
            false
        }
    }
}

/// Looks what is on the volume, if nobody has since the start.
pub(super) async fn look_once(app: &Arc<App>, volume: &VolumeId) {
    let Ok(_turn) = app.volumes.turn.try_lock() else { return };
    let (worker, id) = (Arc::clone(app), volume.clone());
    let seen = blocking(move || Opened::own(&worker, &id, super::mount_name(false))?.look()).await;
    match seen {
        Ok(seen) => app.volumes.see(Some(seen)),
        Err(problem) => tracing::debug!(%problem, "the backup volume can't be looked at"),
    }
}
