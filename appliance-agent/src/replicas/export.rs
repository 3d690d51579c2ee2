//! A copy on a second disk that is taken away.

use super::{
    prepare::{judge, make},
    run::onto,
};
use crate::{
    app::{App, blocking},
    jobs::Kind,
    problem::Problem,
    state::Export,
};
use hearth_system::{DiskId, VolumeId, VolumeLabel};
use serde_json::json;
use std::sync::Arc;

const EXPORT: Kind = Kind {
    name: "export",
    group: "volume",
    steps: &["erase", "encrypt", "format", "repository", "snapshot", "write", "verify", "forget"],
    joins: false,
    once: true,
};

/// Starts a copy onto a disk. One that already carries an export of this box gets a further replica; any other is made a volume first, whose
/// recovery key is in the result.
///
/// # Errors
/// As for preparing a disk.
pub async fn export(app: &Arc<App>, disk: String, erase: bool) -> Result<String, Problem> {
    let known = earlier(app, &disk).await?;
    let id = match &known {
        Some(_) => DiskId(disk),
        None => judge(app, DiskId(disk), erase).await?,
    };
    let worker = Arc::clone(app);
    app.jobs.start(EXPORT, |job| async move {
        let app = worker;
        let _turn = app.volumes.turn.lock().await;
        let (volume, recovery) = match known {
            Some(volume) => {
                for step in ["erase", "encrypt", "format", "repository"] {
                    job.done(step);
                }
                (volume, None)
            }
            None => {
                let (maker, disk, job) = (Arc::clone(&app), id.clone(), job.clone());
                let made = blocking(move || make(&maker, &disk, erase, VolumeLabel::EXPORT, &job)).await?;
                (made.0, Some(made.1))
            }
        };
        onto(&app, &volume, VolumeLabel::EXPORT, &job).await?;
        let export = Export { disk: id.0, volume: volume.0, time_ms: app.now_ms(), taken_away: false };
        app.store.change(|state| state.history.add_export(export))?;
        Ok(json!({ "recovery_key": recovery.map(|key| key.reveal().to_string()) }))
    })
}

/// The export volume on a disk, if this box made it.
async fn earlier(app: &App, disk: &str) -> Result<Option<VolumeId>, Problem> {
    let ours = app.volumes.keys.volumes();
    let own = app.store.read(|state| state.volume.clone());
    let disks = app.machine({
        let ours = ours.clone();
        move |system| system.disks(&ours)
    });
    let volume = disks.await?.into_iter().find(|found| found.id.0 == disk).and_then(|found| found.volume);
    Ok(volume.filter(|volume| ours.contains(volume) && own.as_deref() != Some(volume.0.as_str())))
}
