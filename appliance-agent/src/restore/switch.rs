//! The switch from what was to what was restored: a journal says that it has begun, so that a power cut in the middle is finished at
//! the next start. Before the journal stands, nothing of the old is touched.

use crate::{
    app::App,
    problem::Problem,
    replicas::{Kept, remove_folder},
    state::{Backup, Phase},
};
use hearth_system::atomic;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What the switch will have done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Journal {
    /// What the replica's agent knew.
    pub(super) kept: Kept,
    /// The volume that it came from, and its disk.
    pub(super) volume: String,
    pub(super) disk: String,
}

/// The folders of a restore, all on the data partition so that a rename moves them.
#[derive(Debug)]
pub(super) struct Places {
    /// The homeserver's new folder while it grows.
    pub(super) new: PathBuf,
    /// Its media meanwhile: the homeserver's command wants an empty folder.
    pub(super) media: PathBuf,
    /// What was there before.
    old: PathBuf,
    /// The agent's part of the replica.
    pub(super) agent: PathBuf,
    journal: PathBuf,
}

impl Places {
    pub(super) fn of(app: &App) -> Self {
        let beside = |name: &str| {
            let mut path = app.paths.homeserver.clone().into_os_string();
            path.push(name);
            PathBuf::from(path)
        };
        Self {
            new: beside(".new"),
            media: beside(".new-media"),
            old: beside(".old"),
            agent: app.paths.agent.join("restored"),
            journal: app.paths.agent.join("switch.json"),
        }
    }

    /// Whether the switch has begun and not been finished.
    pub(super) fn has_begun(&self) -> bool {
        self.journal.exists()
    }

    /// Removes what an attempt left.
    pub(super) fn clear(&self) -> hearth_system::Result<()> {
        [&self.new, &self.media, &self.agent].into_iter().try_for_each(|folder| remove_folder(folder))
    }
}

/// From here on the restored server is the one that counts. Blocks.
pub(super) fn begin(app: &App, journal: &Journal) -> Result<(), Problem> {
    let text = serde_json::to_vec_pretty(journal).map_err(|error| Problem::internal(&error))?;
    atomic::write(&Places::of(app).journal, &text, 0o600, None)?;
    finish(app).map(drop)
}

/// Finishes a switch that has begun, if one has; every step may have been done already. To be called at start, before the homeserver is. Blocks.
///
/// # Errors
/// The files'. Whether there was one.
pub fn finish(app: &App) -> Result<bool, Problem> {
    let places = Places::of(app);
    let Some(text) = atomic::read(&places.journal)? else { return Ok(false) };
    let journal: Journal = serde_json::from_str(&text).map_err(|error| Problem::internal(&error))?;
    let homeserver = &app.paths.homeserver;
    if places.new.exists() {
        if homeserver.exists() {
            // Only what this switch has not moved yet is in the way; an older leftover goes.
            remove_folder(&places.old)?;
            rename(homeserver, &places.old)?;
        }
        rename(&places.new, homeserver)?;
    }
    take_up_agent(app, &places)?;
    let Journal { kept, volume, disk } = journal;
    app.store.change(|state| {
        let locale = state.setup.locale.clone();
        let network = state.setup.network.clone();
        state.setup = kept.setup;
        // Of this box, not of the former one.
        state.setup.network = network;
        state.setup.locale = locale.or(state.setup.locale.take());
        state.setup.applying = false;
        state.setup.backup = Some(Backup::Volume { name: volume.clone(), disk });
        state.invitation = kept.invitation;
        state.every_hours = kept.every_hours;
        state.volume = Some(volume);
        state.unconfirmed = None;
        state.restoring = None;
        state.phase = Phase::Ready;
    })?;
    remove_folder(&places.old)?;
    remove_folder(&places.agent)?;
    atomic::remove(&places.journal)?;
    tracing::info!("the restored server is in place");
    Ok(true)
}

/// ACME account and mail password to their places.
fn take_up_agent(app: &App, places: &Places) -> Result<(), Problem> {
    let acme = places.agent.join("acme");
    if acme.is_dir() {
        let place = app.paths.agent.join("acme");
        remove_folder(&place)?;
        rename(&acme, &place)?;
    }
    if let Some(password) = atomic::read(&places.agent.join("mail-password"))? {
        crate::mail::keep_password(app, Some(&password))?;
    }
    Ok(())
}

/// Renames a folder, durably.
pub(super) fn rename(from: &Path, to: &Path) -> hearth_system::Result<()> {
    let renamed = || -> io::Result<()> {
        fs::rename(from, to)?;
        let folder = to.parent().unwrap_or_else(|| Path::new("/"));
        fs::File::open(folder)?.sync_all()
    };
    renamed().map_err(|error| hearth_system::Error::file("rename", from, error))
}
