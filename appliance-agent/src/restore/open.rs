//! Opens a backup disk by its recovery key and lists what is on it.

use crate::{
    app::{App, blocking},
    jobs::{Kind, Progress},
    problem::Problem,
    replicas::{Found, Manifest, Opened, mount_name},
};
use hearth_replication::{Key, RecoveryKey, Replica, Repository};
use hearth_system::{Access, Secret, VolumeId, VolumeKey};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

const OPEN: Kind = Kind { name: "open", group: "volume", steps: &["open", "read"], joins: false, once: false };

/// A replica on the disk.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// When it was taken, in milliseconds since the epoch.
    pub time_ms: u64,
    /// The server's name.
    pub server_name: String,
    /// Where it was reached.
    pub host: Option<String>,
    /// Accounts.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// All that is in it, in bytes.
    pub bytes: u64,
}

/// Starts opening a disk.
///
/// # Errors
/// `wrong_recovery_key` for what can't be one, `disk_gone`, `not_a_volume`, `busy`
pub async fn open(app: &Arc<App>, disk: String, typed: &str) -> Result<String, Problem> {
    let recovery = RecoveryKey::parse(typed).map_err(|error| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "wrong_recovery_key",
            error.to_string(),
            "Compare it with what you wrote down when the disk was prepared.",
        )
    })?;
    let ours = app.volumes.keys.volumes();
    let disks = app.machine(move |system| system.disks(&ours)).await?;
    let found = disks.into_iter().find(|found| found.id.0 == disk).ok_or(hearth_system::Error::DiskGone)?;
    let volume = found.volume.ok_or_else(|| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "not_a_volume",
            "This disk is no Hearth backup disk.",
            "Choose another disk, or plug in the right one.",
        )
    })?;
    let worker = Arc::clone(app);
    app.jobs.start(OPEN, |job| async move {
        let _turn = worker.volumes.turn.lock().await;
        worker.volumes.find(None);
        let app = Arc::clone(&worker);
        blocking(move || look(&app, volume, disk, recovery, &job)).await
    })
}

fn look(app: &App, volume: VolumeId, disk: String, recovery: RecoveryKey, job: &Progress) -> Result<Value, Problem> {
    job.begin("open");
    let key = VolumeKey::Recovery(Secret::new(recovery.reveal().to_string())?);
    let opened = Opened::open(app, &volume, &key, Access::ReadOnly, mount_name(true), |folder| {
        Repository::open(folder, Key::Recovery(&recovery))
    })?;
    job.begin("read");
    let mut replicas = Vec::new();
    let all = opened.repository.list()?;
    for replica in &all {
        match listed(&opened.repository, replica) {
            Ok(listed) => replicas.push(listed),
            // One that can't be used must not hide the others.
            Err(problem) => tracing::warn!(id = %replica.id, %problem, "a replica is left out"),
        }
    }
    if replicas.is_empty() {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no_replica",
            "There is no replica on this disk that can be restored.",
            "Choose another disk, or set the box up anew.",
        )
        .with("unusable", all.len()));
    }
    let answer = json!({ "replicas": replicas });
    app.volumes.find(Some(Found { volume, disk, recovery, replicas }));
    Ok(answer)
}

fn listed(repository: &Repository, replica: &Replica) -> Result<Listed, Problem> {
    let manifest: Manifest = serde_json::from_slice(&repository.read_manifest(&replica.id)?)
        .map_err(|error| Problem::bad_request(format!("its manifest is not understood: {error}")))?;
    Ok(Listed {
        id: replica.id.to_string(),
        time_ms: replica.time_ms,
        server_name: manifest.server_name,
        host: manifest.host,
        users: manifest.users,
        rooms: manifest.rooms,
        bytes: replica.bytes,
    })
}
