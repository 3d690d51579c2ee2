//! A folder on the data partition for a restore test; gone when dropped.

use super::remove_folder;
use crate::{app::App, problem::Problem};
use hearth_system::atomic;
use std::path::PathBuf;

/// Room that stays free whatever is tried.
const RESERVE: u64 = 256 << 20;

/// The folder, the homeserver's.
#[derive(Debug)]
pub struct Scratch {
    /// Where it is.
    pub folder: PathBuf,
}

impl Scratch {
    /// Where a scratch folder is; what a power cut left of one is removed at the next start.
    #[must_use]
    pub fn place(app: &App) -> PathBuf {
        app.paths.data.join("restore-test")
    }

    /// Makes it, if `bytes` fit. Blocks.
    ///
    /// # Errors
    /// `no_room`
    pub fn make(app: &App, bytes: u64) -> Result<Self, Problem> {
        let folder = Self::place(app);
        remove_folder(&folder)?;
        room(app, bytes)?;
        atomic::folder(&folder, 0o700, Some(app.system.homeserver_owner()))?;
        Ok(Self { folder })
    }
}

/// Whether `bytes` fit on the data partition.
///
/// # Errors
/// `no_room`
pub fn room(app: &App, bytes: u64) -> Result<(), Problem> {
    let free = app.system.data_usage()?.free;
    if free >= bytes.saturating_add(RESERVE) {
        return Ok(());
    }
    Err(Problem::new(
        http::StatusCode::INSUFFICIENT_STORAGE,
        "no_room",
        "There is too little room on the box's card or disk for this.",
        "Use a larger card or disk.",
    )
    .with("needed", bytes)
    .with("free", free))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.folder) {
            tracing::warn!(%error, "the folder of a restore test could not be removed");
        }
    }
}
