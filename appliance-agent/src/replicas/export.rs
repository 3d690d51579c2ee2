//! A copy on a second disk that is taken away.

use super::{
    prepare::{are_right, judge, make, nothing_to_confirm, wrong_groups},
    run::onto,
};
use crate::{
    app::{App, blocking},
    jobs::Kind,
    problem::Problem,
    state::Export,
};
use hearth_system::{DiskId, VolumeId, VolumeLabel};
use http::StatusCode;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

const EXPORT: Kind = Kind {
    name: "export",
    group: "volume",
    steps: &["erase", "encrypt", "format", "repository", "snapshot", "write", "verify", "forget"],
    joins: false,
    once: true,
};

/// Starts a copy onto a disk. One that already carries a confirmed export of this box gets a further replica; any other is made a volume
/// first, whose recovery key is in the result.
///
/// # Errors
/// `own_disk`, and as for preparing a disk.
pub async fn export(app: &Arc<App>, disk: String, erase: bool) -> Result<String, Problem> {
    let found = volume_on(app, &disk).await?;
    let own = app.store.read(|state| state.volume.clone()).map(VolumeId);
    if found.is_some() && found == own {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "own_disk",
            "This is the disk that the box's own replicas are on.",
            "Plug in another disk for the copy.",
        ));
    }
    let known = found.filter(|volume| in_use(app).contains(volume));
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
        let export = Export {
            disk: id.0,
            volume: volume.0.clone(),
            time_ms: app.now_ms(),
            taken_away: false,
            confirmed: recovery.is_none(),
        };
        app.store.change(|state| state.history.add_export(export))?;
        let shown = recovery.as_ref().map(|key| key.reveal().to_string());
        if let Some(recovery) = recovery {
            app.volumes.unconfirmed_export(|unconfirmed| *unconfirmed = Some((volume, recovery)));
        }
        Ok(json!({ "recovery_key": shown }))
    })
}

/// Two groups of a copy's recovery key typed back: the disk may get further copies from now on.
///
/// # Errors
/// `nothing_to_confirm`, `wrong_recovery_key`
pub fn confirm_export(app: &App, groups: &BTreeMap<String, String>) -> Result<(), Problem> {
    let judged = app.volumes.unconfirmed_export(|unconfirmed| {
        unconfirmed.as_ref().map(|(volume, recovery)| (volume.clone(), are_right(recovery, groups)))
    });
    let (volume, right) = judged.ok_or_else(nothing_to_confirm)?;
    if !right {
        return Err(wrong_groups());
    }
    app.store.change(|state| {
        for export in state.history.exports.iter_mut().filter(|export| export.volume == volume.0) {
            export.confirmed = true;
        }
    })?;
    app.volumes.unconfirmed_export(|unconfirmed| *unconfirmed = None);
    Ok(())
}

/// The volumes that the box goes on with: its own and the confirmed exports, as far as it has keys of them. Any other may become something
/// else, one included that was prepared and whose recovery key nobody has typed back.
pub fn in_use(app: &App) -> Vec<VolumeId> {
    let keys = app.volumes.keys.volumes();
    let mut volumes: Vec<VolumeId> = app.store.read(|state| {
        let exports = state.history.exports.iter().filter(|export| export.confirmed).map(|export| &export.volume);
        state.volume.iter().chain(exports).cloned().map(VolumeId).collect()
    });
    volumes.retain(|volume| keys.contains(volume));
    volumes
}

/// The volume on a disk.
async fn volume_on(app: &App, disk: &str) -> Result<Option<VolumeId>, Problem> {
    let disks = app.machine(|system| system.disks(&[])).await?;
    Ok(disks.into_iter().find(|found| found.id.0 == disk).and_then(|found| found.volume))
}
