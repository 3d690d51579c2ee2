//! What goes into a replica beside the homeserver's own: manifest, and what a new box needs of the agent.

use crate::{app::App, problem::Problem, state::Setup};
use hearth_replication::MANIFEST_FORMAT;
use hearth_system::atomic;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// `manifest.json`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`]
    pub format: u64,
    /// The agent's version.
    pub version: String,
    /// The database's schema.
    #[serde(default)]
    pub schema: u32,
    /// The server's name.
    pub server_name: String,
    /// Where it is reached.
    #[serde(default)]
    pub host: Option<String>,
    /// When it was taken, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Accounts.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// The time of the newest event.
    #[serde(default)]
    pub newest_event_ts: Option<u64>,
}

impl Manifest {
    /// A manifest of now.
    #[must_use]
    pub fn of(app: &App, health: &crate::homeserver::Health) -> Self {
        Self {
            format: MANIFEST_FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: health.schema,
            server_name: health.server_name.clone(),
            host: app.store.read(|state| state.setup.host.clone()),
            time_ms: app.now_ms(),
            users: health.users,
            rooms: health.rooms,
            newest_event_ts: health.newest_event_ts,
        }
    }
}

/// `agent/settings.json`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// What the wizard was told.
    pub setup: Setup,
    /// The first invitation.
    #[serde(default)]
    pub invitation: Option<String>,
    /// Hours from one replica to the next.
    #[serde(default)]
    pub every_hours: Option<u32>,
}

/// A folder in memory with what a new box needs of the agent; gone when dropped.
#[derive(Debug)]
pub struct Staging {
    /// The folder.
    pub folder: PathBuf,
}

impl Staging {
    /// Gathers it. Blocks.
    ///
    /// # Errors
    /// The files'.
    pub fn gather(app: &App) -> Result<Self, Problem> {
        // Below the folder of mounted volumes, which is in memory and root's alone.
        let staging = Self { folder: app.paths.volumes.join(".agent") };
        remove_folder(&staging.folder)?;
        atomic::folder(&staging.folder, 0o700, None)?;
        let kept = app.store.read(|state| Kept {
            setup: state.setup.clone(),
            invitation: state.invitation.clone(),
            every_hours: state.every_hours,
        });
        let text = serde_json::to_vec_pretty(&kept).map_err(|error| Problem::internal(&error))?;
        atomic::write(&staging.folder.join("settings.json"), &text, 0o600, None)?;
        let tls = app.paths.homeserver.join("tls");
        for (from, name) in [
            (app.paths.agent.join("mail-password"), "mail-password"),
            (app.paths.agent.join("acme"), "acme"),
            (tls.join("certificate.pem"), "certificate.pem"),
            (tls.join("key.pem"), "key.pem"),
        ] {
            let to = staging.folder.join(name);
            copy(&from, &to).map_err(|error| hearth_system::Error::file("copy", &from, error))?;
        }
        Ok(staging)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.folder) {
            tracing::warn!(%error, "what was gathered for a replica could not be removed");
        }
    }
}

/// Removes a folder with all in it, if it is there.
///
/// # Errors
/// The file system's.
pub fn remove_folder(folder: &Path) -> hearth_system::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(hearth_system::Error::file("remove", folder, error))
        }
        _ => Ok(()),
    }
}

/// Copies a file or a folder; what isn't there is left out.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if found.is_file() {
        return fs::copy(from, to).map(drop);
    }
    if found.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
