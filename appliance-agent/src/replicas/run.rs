//! One replica: snapshot, written as it comes, read back, and old ones let go.

use super::{Manifest, Opened, into_command, mount_name, progress, source::Staging, stream::BodyReader};
use crate::{
    app::{App, blocking},
    jobs::{Kind, Progress},
    problem::Problem,
    state::ReplicaRun,
};
use hearth_replication::{Replica, Retention, Scope, Source};
use hearth_system::VolumeId;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const RUN: Kind = Kind {
    name: "replica",
    group: "volume",
    steps: &["snapshot", "write", "verify", "forget"],
    joins: true,
    once: false,
};

/// Starts a replica as a job.
///
/// # Errors
/// `no_volume`, `busy`
pub fn run(app: &Arc<App>) -> Result<String, Problem> {
    let volume = own_volume(app)?;
    let worker = Arc::clone(app);
    app.jobs.start(RUN, |progress| async move {
        let replica = replicate(&worker, &volume, &progress).await?;
        Ok(shown(&replica))
    })
}

/// The volume that replicas go to.
///
/// # Errors
/// `no_volume`
pub fn own_volume(app: &App) -> Result<VolumeId, Problem> {
    app.store.read(|state| state.volume.clone()).map(VolumeId).ok_or_else(|| {
        Problem::new(
            http::StatusCode::CONFLICT,
            "no_volume",
            "No backup disk is set up.",
            "Plug in a disk and prepare it.",
        )
    })
}

pub(super) fn shown(replica: &Replica) -> Value {
    json!({ "id": replica.id, "time_ms": replica.time_ms, "bytes_added": replica.bytes_added })
}

/// Makes a replica on the box's own volume, and notes how that went.
///
/// # Errors
/// What it failed by; earlier replicas are whole.
pub async fn replicate(app: &Arc<App>, volume: &VolumeId, job: &Progress) -> Result<Replica, Problem> {
    let _turn = app.volumes.turn.lock().await;
    let began = (app.now_ms(), app.system.monotonic_ms());
    let result = onto(app, volume, mount_name(false), job).await;
    let run = ReplicaRun {
        time_ms: began.0,
        ok: result.is_ok(),
        bytes_added: result.as_ref().map_or(0, |replica| replica.bytes_added),
        duration_ms: app.system.monotonic_ms().saturating_sub(began.1),
        error: result.as_ref().err().map(|problem| problem.message.clone()),
    };
    let code = result.as_ref().err().map(|problem| problem.code.to_owned());
    app.store.change(|state| {
        state.history.add_replica(run);
        state.history.last_error_code = code;
        if let Ok(replica) = &result {
            state.history.verified.push(replica.id.to_string());
        }
    })?;
    app.volumes.wake.notify_one();
    match &result {
        Ok(replica) => tracing::info!(id = %replica.id, bytes_added = replica.bytes_added, "a replica was made"),
        Err(problem) => tracing::warn!(%problem, "a replica could not be made"),
    }
    result
}

/// Makes a replica on any of the box's volumes. The caller holds the turn.
pub(super) async fn onto(
    app: &Arc<App>,
    volume: &VolumeId,
    name: &'static str,
    job: &Progress,
) -> Result<Replica, Problem> {
    job.begin("snapshot");
    let (worker, id) = (Arc::clone(app), volume.clone());
    let opened = Arc::new(blocking(move || Opened::own(&worker, &id, name)).await?);
    let result = made(app, &opened, job).await;
    // Closing takes a moment, on a thread that may wait.
    blocking(move || {
        drop(opened);
        Ok(())
    })
    .await?;
    result
}

async fn made(app: &Arc<App>, opened: &Arc<Opened>, job: &Progress) -> Result<Replica, Problem> {
    let replica = match write(app, opened, job).await {
        // What old replicas hold is given up only now that it is needed.
        Err(problem) if problem.code == "backup_full" => {
            forget(app, opened, job).await?;
            write(app, opened, job).await?
        }
        result => result?,
    };
    if let Err(problem) = verify(app, opened, &replica, job).await {
        if is_of_contents(&problem) {
            take_out(app, opened, &replica).await;
        }
        return Err(problem);
    }
    job.begin("forget");
    forget(app, opened, job).await?;
    let (worker, opened) = (Arc::clone(app), Arc::clone(opened));
    blocking(move || {
        let is_own = worker.store.read(|state| state.volume.as_deref() == Some(opened.mounted.volume.0.as_str()));
        if is_own {
            let seen = opened.look()?;
            let ids: Vec<String> = seen.replicas.iter().map(|replica| replica.id.to_string()).collect();
            worker.store.change(|state| state.history.verified.retain(|id| ids.contains(id)))?;
            worker.volumes.see(Some(seen));
        }
        Ok(())
    })
    .await?;
    Ok(replica)
}

async fn write(app: &Arc<App>, opened: &Arc<Opened>, job: &Progress) -> Result<Replica, Problem> {
    job.begin("snapshot");
    let health = app.homeserver.health().await?;
    let manifest = serde_json::to_vec_pretty(&Manifest::of(app, &health)).map_err(|error| Problem::internal(&error))?;
    // The server has taken its snapshot when it begins to answer: media that it speaks of are listed after that.
    let database = BodyReader::new(app.homeserver.snapshot().await?);
    job.begin("write");
    let (worker, opened, job) = (Arc::clone(app), Arc::clone(opened), job.clone());
    blocking(move || {
        let staging = Staging::gather(&worker)?;
        let source = Source::new(manifest, database)
            .folder("media", worker.paths.homeserver.join("media"))?
            .folder("agent", &staging.folder)?;
        Ok(opened.repository.write(source, worker.now_ms(), &progress(&job, "write"))?)
    })
    .await
}

/// Reads it back, the database through the homeserver's own check.
async fn verify(app: &Arc<App>, opened: &Arc<Opened>, replica: &Replica, job: &Progress) -> Result<(), Problem> {
    job.begin("verify");
    let (worker, opened, replica, job) = (Arc::clone(app), Arc::clone(opened), replica.clone(), job.clone());
    blocking(move || {
        let verified = worker.store.read(|state| state.history.verified.clone());
        // What an earlier replica had was read back with it.
        let before = opened
            .repository
            .list()?
            .into_iter()
            .find(|earlier| earlier.id != replica.id && verified.iter().any(|id| *id == earlier.id.to_string()));
        let scope = before.map_or(Scope::Full, |before| Scope::Since(before.id));
        into_command(&worker, &["verify-snapshot"], |database| {
            Ok(opened.repository.verify(&replica.id, &scope, database, &progress(&job, "verify"))?)
        })?;
        Ok(())
    })
    .await
}

/// Whether the replica itself is no good. What the disk, the cable or the memory failed by says nothing of it.
fn is_of_contents(problem: &Problem) -> bool {
    // A command that the kernel ended for want of memory has found nothing, and says nothing.
    let has_words = || problem.params.get("detail").and_then(Value::as_str).is_some_and(|words| !words.is_empty());
    match problem.code {
        "backup_damaged" | "replica_unusable" => true,
        "replica_refused" => has_words(),
        _ => false,
    }
}

/// One that did not pass its check goes at once: kept, it would count as the newest, and push out good ones when old replicas are let go.
async fn take_out(app: &Arc<App>, opened: &Arc<Opened>, replica: &Replica) {
    let (worker, opened, id) = (Arc::clone(app), Arc::clone(opened), replica.id.clone());
    let removed = blocking(move || Ok(opened.repository.remove(&id, worker.now_ms())?)).await;
    match removed {
        Ok(()) => tracing::warn!(id = %replica.id, "a replica that did not pass its check was removed"),
        Err(problem) => tracing::warn!(%problem, "a replica that did not pass its check could not be removed"),
    }
}

async fn forget(app: &Arc<App>, opened: &Arc<Opened>, job: &Progress) -> Result<(), Problem> {
    let (worker, opened, job) = (Arc::clone(app), Arc::clone(opened), job.clone());
    blocking(move || {
        let plan = Retention::default().plan(&opened.repository.list()?, worker.now_ms());
        if !plan.remove.is_empty() {
            let tidied = opened.repository.forget(&plan, &progress(&job, "forget"))?;
            tracing::info!(removed = tidied.removed, bytes_freed = tidied.bytes_freed, "old replicas were let go");
        }
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_in_a_replica_condemns_it() {
        let problem = |code| Problem::new(http::StatusCode::CONFLICT, code, "", "");
        assert!(is_of_contents(&problem("backup_damaged")));
        assert!(is_of_contents(&problem("replica_refused").with("detail", "the checksum differs")));
        assert!(!is_of_contents(&problem("replica_refused").with("detail", "")));
        for code in ["backup_vanished", "backup_disk_error", "volume_absent", "cancelled", "internal"] {
            assert!(!is_of_contents(&problem(code)), "{code}");
        }
    }
}
