//! A volume that is open for as long as this lives.

use super::{VolumeKeys, volumes::Seen};
use crate::{app::App, problem::Problem};
use hearth_replication::{Key, Repository};
use hearth_system::{Access, Mounted, System, VolumeId, VolumeKey, VolumeLabel};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a volume of the box is mounted, below `/run/hearth-volumes`.
#[must_use]
pub fn mount_name(restore: bool) -> &'static str {
    if restore { "hearth-restore" } else { VolumeLabel::BACKUP }
}

/// The repository on a mounted volume.
#[must_use]
pub fn repository_folder(mounted: &Path) -> PathBuf {
    mounted.join("repository")
}

/// An open volume with its repository. Closed when dropped, so that a disk that is pulled out afterwards is whole.
pub struct Opened {
    system: Arc<dyn System>,
    name: String,
    /// Where it is.
    pub mounted: Mounted,
    /// What is on it.
    pub repository: Repository,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Opened").field("mounted", &self.mounted).finish_non_exhaustive()
    }
}

impl Opened {
    /// Opens one of the box's own volumes for writing. Blocks.
    ///
    /// # Errors
    /// The machine's (`volume_absent`, `wrong_disk` …) and the repository's.
    pub fn own(app: &App, volume: &VolumeId, name: &str) -> Result<Self, Problem> {
        let keys = app.volumes.keys.get(volume).ok_or_else(|| no_keys(volume))?;
        Self::with(app, volume, &keys, name)
    }

    /// Opens a volume with these keys. Blocks.
    ///
    /// # Errors
    /// As [`Opened::own`].
    pub fn with(app: &App, volume: &VolumeId, keys: &VolumeKeys, name: &str) -> Result<Self, Problem> {
        let box_key = keys.repository().ok_or_else(|| no_keys(volume))?;
        Self::open(app, volume, &VolumeKey::Own(keys.luks()?), Access::ReadWrite, name, |folder| {
            Repository::open(folder, Key::Box(&box_key))
        })
    }

    /// Opens any volume by any key. Blocks.
    ///
    /// # Errors
    /// As [`Opened::own`].
    pub fn open(
        app: &App,
        volume: &VolumeId,
        key: &VolumeKey,
        access: Access,
        name: &str,
        open: impl FnOnce(&Path) -> hearth_replication::Result<Repository>,
    ) -> Result<Self, Problem> {
        let system = Arc::clone(&app.system);
        let mounted = system.open_volume(volume, key, access, name)?;
        match open(&repository_folder(&mounted.path)) {
            Ok(repository) => Ok(Self { system, name: name.to_owned(), mounted, repository }),
            Err(error) => {
                close(&*system, name);
                Err(error.into())
            }
        }
    }

    /// What is on it now.
    ///
    /// # Errors
    /// The repository's.
    pub fn look(&self) -> Result<Seen, Problem> {
        let replicas = self.repository.list()?;
        let (free, total) = self.repository.space()?;
        let usage = hearth_system::Usage { total, used: total.saturating_sub(free), free };
        Ok(Seen { volume: Some(self.mounted.volume.clone()), usage, replicas })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        close(&*self.system, &self.name);
    }
}

fn close(system: &dyn System, name: &str) {
    if let Err(error) = system.close_volume(name) {
        tracing::warn!(name, error = &error as &dyn std::error::Error, "a backup volume could not be closed");
    }
}

fn no_keys(volume: &VolumeId) -> Problem {
    Problem::new(
        http::StatusCode::CONFLICT,
        "no_volume_key",
        "The box has no key of its own for this backup disk.",
        "Prepare the disk anew, or restore from it with its recovery key.",
    )
    .with("volume", volume.0.clone())
}
