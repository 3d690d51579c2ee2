//! A restore test: the newest replica is restored for real into a folder that is thrown away.

use super::{
    Opened, Scratch, into_command, mount_name, progress,
    run::{own_volume, shown},
};
use crate::{
    app::{App, blocking},
    jobs::{Kind, Progress},
    problem::Problem,
};
use hearth_replication::{Destination, Preview, Scope};
use hearth_system::VolumeId;
use serde_json::Value;
use std::{collections::BTreeMap, io::empty, sync::Arc};

const TEST: Kind =
    Kind { name: "restore_test", group: "volume", steps: &["open", "read", "check"], joins: true, once: false };

/// Starts a restore test as a job.
///
/// # Errors
/// `no_volume`, `busy`
pub fn test(app: &Arc<App>) -> Result<String, Problem> {
    let volume = own_volume(app)?;
    let worker = Arc::clone(app);
    app.jobs.start(TEST, |progress| async move { restore_test(&worker, &volume, &progress).await })
}

/// Tests the newest replica, and notes how that went.
///
/// # Errors
/// What it failed by.
pub async fn restore_test(app: &Arc<App>, volume: &VolumeId, job: &Progress) -> Result<Value, Problem> {
    let _turn = app.volumes.turn.lock().await;
    let (worker, id, progress) = (Arc::clone(app), volume.clone(), job.clone());
    let result = blocking(move || restore_aside(&worker, &id, &progress)).await;
    let now = app.now_ms();
    app.store.change(|state| {
        let history = &mut state.history;
        match &result {
            Ok(_) => (history.last_restore_test_ms, history.restore_test_error) = (Some(now), None),
            Err(problem) => history.restore_test_error = Some(problem.message.clone()),
        }
    })?;
    result
}

fn restore_aside(app: &App, volume: &VolumeId, job: &Progress) -> Result<Value, Problem> {
    job.begin("open");
    let opened = Opened::own(app, volume, mount_name(false))?;
    let replica = opened.repository.list()?.into_iter().next().ok_or_else(|| {
        Problem::new(
            http::StatusCode::CONFLICT,
            "no_replica",
            "There is no replica on the backup disk yet.",
            "Make one first.",
        )
    })?;
    let Preview { database_bytes, folders, .. } = opened.repository.preview(&replica.id)?;
    let files: u64 = folders.iter().map(|folder| folder.bytes).sum();
    // The stream has no indexes; the database has.
    let scratch = Scratch::make(app, files.saturating_add(database_bytes.saturating_mul(2)))?;
    job.begin("read");
    let database = scratch.folder.join("database");
    hearth_system::atomic::folder(&database, 0o700, Some(app.system.homeserver_owner()))?;
    let place = path(&database)?;
    let folders =
        BTreeMap::from_iter(folders.iter().map(|folder| (folder.name.clone(), scratch.folder.join(&folder.name))));
    into_command(app, &["restore", "--data", &place], |database| {
        let mut to = Destination { database, folders };
        Ok(opened.repository.restore(&replica.id, &mut to, &progress(job, "read"))?)
    })?;
    job.begin("check");
    check(app, &place)?;
    // Every piece once more, so that what lay unread since its first check is known to be whole.
    opened.repository.verify(&replica.id, &Scope::Full, &mut std::io::sink(), &progress(job, "check"))?;
    Ok(shown(&replica))
}

/// The homeserver's own check of a restored database.
pub fn check(app: &App, folder: &str) -> Result<(), Problem> {
    let output = app.system.run_homeserver(&["check", "--data", folder], &mut empty())?;
    if output.success {
        return Ok(());
    }
    Err(Problem::new(
        http::StatusCode::UNPROCESSABLE_ENTITY,
        "replica_refused",
        "The restored database did not pass its check.",
        "Choose another replica; this one is not whole.",
    )
    .with("detail", output.stderr.trim()))
}

/// A path as an argument.
pub fn path(path: &std::path::Path) -> Result<String, Problem> {
    path.to_str().map(str::to_owned).ok_or_else(|| Problem::internal(&format!("{} is no UTF-8", path.display())))
}
