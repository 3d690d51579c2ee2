//! What `GET /api/replicas` shows.

use super::{run::own_volume, scheduler::look_once};
use crate::{
    app::App,
    problem::Problem,
    state::{Backup, Export, ReplicaRun},
};
use hearth_system::{Disk, VolumeId};
use serde::Serialize;
use std::sync::Arc;

/// The answer.
#[derive(Debug, Serialize)]
pub struct View {
    volume: Option<Volume>,
    every_hours: u32,
    last_success_ms: Option<u64>,
    next_ms: Option<u64>,
    last_error: Option<String>,
    last_restore_test_ms: Option<u64>,
    restore_test_error: Option<String>,
    replicas: Vec<Replica>,
    history: Vec<ReplicaRun>,
    exports: Vec<Export>,
}

#[derive(Debug, Serialize)]
struct Volume {
    name: String,
    state: State,
    disk: Option<String>,
    total: u64,
    free: u64,
}

/// How the volume does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ready,
    /// Not plugged in.
    Absent,
    /// Nothing more fits on it.
    Full,
    /// Another Hearth volume is plugged in instead.
    WrongDisk,
    /// The last replica failed.
    Failed,
}

#[derive(Debug, Serialize)]
struct Replica {
    id: String,
    time_ms: u64,
    bytes_added: u64,
    duration_ms: u64,
    verified: bool,
}

/// What is known.
///
/// # Errors
/// The machine's.
pub async fn view(app: &Arc<App>) -> Result<View, Problem> {
    let ours = app.volumes.keys.volumes();
    let disks = app.machine(move |system| system.disks(&ours)).await?;
    mark_exports(app, &disks)?;
    let own = own_volume(app).ok();
    let here = own.as_ref().and_then(|own| disks.iter().find(|disk| disk.volume.as_ref() == Some(own)));
    let mut seen = app.volumes.seen().filter(|seen| seen.volume == own);
    if let (Some(own), Some(_), None) = (&own, here, &seen) {
        look_once(app, own).await;
        seen = app.volumes.seen();
    }
    let volume = own.as_ref().map(|own| Volume {
        name: here.and_then(|disk| disk.volume_label.clone()).unwrap_or_else(|| "hearth-backup".to_owned()),
        state: state(app, own, &disks),
        disk: here.map(|disk| disk.id.0.clone()).or_else(|| disk_of(app)),
        total: seen.as_ref().map_or(0, |seen| seen.usage.total),
        free: seen.as_ref().map_or(0, |seen| seen.usage.free),
    });
    let next_ms = app.watch.next_replica().filter(|_| own.is_some());
    Ok(app.store.read(|state| {
        let history = &state.history;
        let replica = |replica: &hearth_replication::Replica| Replica {
            id: replica.id.to_string(),
            time_ms: replica.time_ms,
            bytes_added: replica.bytes_added,
            duration_ms: replica.duration_ms,
            verified: history.verified.contains(&replica.id.to_string()),
        };
        View {
            volume,
            every_hours: state.every_hours.unwrap_or(app.config.replicas.every_hours),
            last_success_ms: history.last_success_ms,
            next_ms,
            last_error: history.replicas.last().and_then(|run| run.error.clone()),
            last_restore_test_ms: history.last_restore_test_ms,
            restore_test_error: history.restore_test_error.clone(),
            replicas: seen.map(|seen| seen.replicas.iter().map(replica).collect()).unwrap_or_default(),
            history: history.replicas.clone(),
            exports: history.exports.clone(),
        }
    }))
}

/// The disk that the volume was made on.
fn disk_of(app: &App) -> Option<String> {
    app.store.read(|state| match &state.setup.backup {
        Some(Backup::Volume { disk, .. }) => Some(disk.clone()),
        _ => None,
    })
}

/// How the volume does, by what is plugged in and how the last replica went.
pub fn state(app: &App, own: &VolumeId, disks: &[Disk]) -> State {
    if !disks.iter().any(|disk| disk.volume.as_ref() == Some(own)) {
        let another = disks.iter().any(|disk| disk.volume.is_some() && !is_export(app, disk));
        return if another { State::WrongDisk } else { State::Absent };
    }
    match app.store.read(|state| state.history.last_error_code.clone()).as_deref() {
        // The disk is back; the next replica will show.
        None | Some("volume_absent" | "wrong_disk" | "backup_vanished" | "disk_gone") => State::Ready,
        Some("backup_full" | "storage_full") => State::Full,
        Some(_) => State::Failed,
    }
}

fn is_export(app: &App, disk: &Disk) -> bool {
    disk.volume.as_ref().is_some_and(|volume| {
        app.store.read(|state| state.history.exports.iter().any(|export| export.volume == volume.0))
    })
}

/// An export whose disk is gone was taken away.
fn mark_exports(app: &App, disks: &[Disk]) -> Result<(), Problem> {
    let away = |export: &Export| {
        !disks.iter().any(|disk| disk.volume.as_ref().is_some_and(|volume| volume.0 == export.volume))
    };
    if app.store.read(|state| state.history.exports.iter().any(|export| export.taken_away != away(export))) {
        app.store.change(|state| {
            for export in &mut state.history.exports {
                export.taken_away = away(export);
            }
        })?;
    }
    Ok(())
}
