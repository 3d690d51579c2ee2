//! Who may work on a repository at the same time.
//!
//! restic's own locks are files that outlive their maker; a box that loses power would leave them behind. Ours are locks of the kernel on
//! folders of the repository, which end with their process: writers exclude each other, and tidying up excludes everybody. restic's are
//! respected as long as they can be alive.

use crate::{Error, Result, disk::explain_call};
use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
    time::{Duration, SystemTime},
};

/// restic touches its locks every five minutes and takes one for dead after thirty.
const RESTIC_LOCK_LIVES: Duration = Duration::from_mins(30);

/// Held while an operation runs.
#[derive(Debug)]
pub(crate) struct Lock {
    held: Vec<File>,
}

impl Drop for Lock {
    /// Closing alone would not do: a program that another thread is just starting has a copy of the descriptor for a moment, and the kernel
    /// keeps the lock as long as any copy is open.
    fn drop(&mut self) {
        for file in &self.held {
            // The descriptor is closed next, which lets go as well, if later.
            drop(file.unlock());
        }
    }
}

impl Lock {
    /// Others may read and write, but nobody tidies up.
    pub(crate) fn to_read(folder: &Path) -> Result<Self> {
        Ok(Self { held: vec![shared(folder, "data")?] })
    }

    /// Others may read.
    pub(crate) fn to_write(folder: &Path, now: SystemTime) -> Result<Self> {
        let held = vec![exclusive(folder, "snapshots")?, shared(folder, "data")?];
        refuse_beside_restic(folder, now)?;
        Ok(Self { held })
    }

    /// Nobody else does anything.
    pub(crate) fn to_tidy(folder: &Path, now: SystemTime) -> Result<Self> {
        let held = vec![exclusive(folder, "snapshots")?, exclusive(folder, "data")?];
        refuse_beside_restic(folder, now)?;
        Ok(Self { held })
    }
}

fn shared(folder: &Path, name: &str) -> Result<File> {
    take(folder, name, File::try_lock_shared)
}

fn exclusive(folder: &Path, name: &str) -> Result<File> {
    take(folder, name, File::try_lock)
}

fn take(folder: &Path, name: &str, lock: impl FnOnce(&File) -> Result<(), TryLockError>) -> Result<File> {
    let path = folder.join(name);
    let file = File::open(&path).map_err(|error| explain_call(folder, &path, error))?;
    match lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy),
        Err(TryLockError::Error(error)) => Err(explain_call(folder, &path, error)),
    }
}

/// A live lock of restic's refuses; a dead one is removed, as `restic unlock` would.
fn refuse_beside_restic(folder: &Path, now: SystemTime) -> Result<()> {
    let locks = folder.join("locks");
    let entries = match fs::read_dir(&locks) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| explain_call(folder, &locks, error))?,
    };
    for entry in entries {
        let path = entry.map_err(|error| explain_call(folder, &locks, error))?.path();
        let touched = match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(|error| explain_call(folder, &path, error))?,
        };
        // A lock from the future is as far from now as one from the past: some clock is wrong, and it must not hold for ever.
        let age = now.duration_since(touched).unwrap_or_else(|error| error.duration());
        if age < RESTIC_LOCK_LIVES {
            return Err(Error::Busy);
        }
        fs::remove_file(&path).map_err(|error| explain_call(folder, &path, error))?;
    }
    Ok(())
}
