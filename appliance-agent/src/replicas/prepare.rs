//! A disk becomes a backup volume: plan first, then erase, then the recovery key that is shown once and typed back in part.

use super::{Opened, VolumeKeys, mount_name};
use crate::{
    app::{App, blocking},
    jobs::{Kind, Progress},
    problem::Problem,
    state::{Backup, Unconfirmed},
};
use hearth_replication::{RecoveryKey, Repository};
use hearth_system::{Access, Disk, DiskId, DiskState, NewVolume, Secret, VolumeId, VolumeKey, VolumeLabel};
use http::StatusCode;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

const PREPARE: Kind = Kind {
    name: "prepare",
    group: "volume",
    steps: &["erase", "encrypt", "format", "repository"],
    joins: false,
    once: true,
};

/// Starts making a backup volume of a disk.
///
/// # Errors
/// `disk_gone`, `system_disk`, `disk_has_data` with `params.contents`, `busy`
pub async fn prepare(app: &Arc<App>, disk: String, erase: bool) -> Result<String, Problem> {
    let disk = judge(app, DiskId(disk), erase).await?;
    let worker = Arc::clone(app);
    app.jobs.start(PREPARE, |job| async move {
        let _turn = worker.volumes.turn.lock().await;
        let app = Arc::clone(&worker);
        blocking(move || {
            let (volume, recovery) = make(&app, &disk, erase, VolumeLabel::BACKUP, &job)?;
            let shown = recovery.reveal().to_string();
            app.store.change(|state| {
                state.unconfirmed = Some(Unconfirmed { volume: volume.0.clone(), disk: disk.0.clone() });
            })?;
            app.volumes.unconfirmed(|unconfirmed| *unconfirmed = Some((volume, recovery)));
            Ok(json!({ "recovery_key": shown }))
        })
        .await
    })
}

/// What stands against using a disk, before anything happens to it.
pub(super) async fn judge(app: &App, id: DiskId, erase: bool) -> Result<DiskId, Problem> {
    let ours = app.volumes.keys.volumes();
    let disks = app.machine(move |system| system.disks(&ours)).await?;
    let Some(Disk { state, contents, read_only, .. }) = disks.into_iter().find(|disk| disk.id == id) else {
        return Err(hearth_system::Error::DiskGone.into());
    };
    match state {
        DiskState::System => Err(hearth_system::Error::SystemDisk.into()),
        _ if read_only => Err(hearth_system::Error::DiskReadOnly.into()),
        DiskState::Empty => Ok(id),
        _ if erase => Ok(id),
        _ => Err(hearth_system::Error::DiskHasData { contents }.into()),
    }
}

/// Makes the volume and the repository on it, and keeps the box's keys. Blocks.
pub(super) fn make(
    app: &App,
    disk: &DiskId,
    erase: bool,
    label: &str,
    job: &Progress,
) -> Result<(VolumeId, RecoveryKey), Problem> {
    let recovery = RecoveryKey::from_random(app.random.bytes());
    let keys = VolumeKeys::from_random(app.random.bytes(), app.random.bytes());
    let wanted = NewVolume {
        label: VolumeLabel::new(label)?,
        recovery: Secret::new(recovery.reveal().to_string())?,
        own: keys.luks()?,
        erase,
    };
    // What stood on that disk is no longer to be seen.
    app.volumes.see(None);
    let volume = app.system.make_volume(disk, &wanted, &mut |step| job.begin(step.name()))?;
    app.volumes.keys.put(&volume, keys.clone())?;
    job.begin("repository");
    let box_key = keys.repository().ok_or_else(|| Problem::internal(&"a fresh key can't be read"))?;
    let opened =
        Opened::open(app, &volume, &VolumeKey::Own(keys.luks()?), Access::ReadWrite, mount_name(false), |folder| {
            Repository::create(folder, &recovery, &box_key)
        })?;
    drop(opened);
    Ok((volume, recovery))
}

/// Two groups of the recovery key typed back: the volume is the box's from now on.
///
/// # Errors
/// `nothing_to_confirm`, `wrong_recovery_key`
pub fn confirm(app: &App, groups: &BTreeMap<String, String>) -> Result<(), Problem> {
    let state = app.store.read(|state| state.unconfirmed.clone());
    let right = app.volumes.unconfirmed(|unconfirmed| {
        let (volume, recovery) = unconfirmed.as_ref()?;
        let fresh = state.filter(|fresh| fresh.volume == volume.0)?;
        Some((fresh, are_right(recovery, groups)))
    });
    let (fresh, right) = right.ok_or_else(nothing_to_confirm)?;
    if !right {
        return Err(wrong_groups());
    }
    app.store.change(|state| {
        state.setup.backup = Some(Backup::Volume { name: fresh.volume.clone(), disk: fresh.disk });
        state.volume = Some(fresh.volume);
        state.unconfirmed = None;
        // Another disk has other replicas.
        state.history.verified.clear();
        state.history.last_error_code = None;
    })?;
    app.volumes.unconfirmed(|unconfirmed| *unconfirmed = None);
    app.volumes.see(None);
    app.volumes.wake.notify_one();
    Ok(())
}

/// Whether these are groups of the key, two at least.
pub(super) fn are_right(recovery: &RecoveryKey, groups: &BTreeMap<String, String>) -> bool {
    let matches =
        |(number, typed): (&String, &String)| number.parse().is_ok_and(|number| recovery.group_matches(number, typed));
    groups.len() >= 2 && groups.iter().all(matches)
}

pub(super) fn nothing_to_confirm() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "nothing_to_confirm",
        "No disk waits for its recovery key.",
        "The box may have been restarted meanwhile. Prepare the disk once more: it gets a new key.",
    )
}

pub(super) fn wrong_groups() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "wrong_recovery_key",
        "These are not the groups of the recovery key.",
        "Compare them with what you wrote down.",
    )
}
