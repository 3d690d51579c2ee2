//! The folder that holds a repository, as rustic_core's backend.
//!
//! rustic_backend's local backend is not used: it takes a folder that can't be listed for an empty one, makes folders that are missing (in the
//! place where a volume was mounted, that is on the card), and does not sync the folder after a rename. Here every file is written under
//! another name, synced, renamed, and its folder synced before the next step may build on it, and the first failure is kept, since
//! rustic_core passes over some.

mod backend;
mod failure;
mod files;

use crate::{Error, Meter, Result};
use failure::Failure;
use rustic_core::{FileType, Id};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// What replicas leave free, so that making room never fails for want of it.
const RESERVE: u64 = 16 << 20;

/// One operation's access to the folder.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    /// Whether to read from the disk itself instead of memory's copy.
    from_disk: bool,
    meter: Arc<Meter>,
    /// The first thing that failed.
    failure: Mutex<Option<Failure>>,
    /// Set when the operation is over. Threads of rustic_core may outlive a failed operation; after this they reach nothing any more.
    closed: RwLock<bool>,
    /// While set, snapshots that rustic_core saves are dropped: a replica appears when the writer says so, not before.
    hold_snapshots: AtomicBool,
    /// What was added, in this order.
    added: Mutex<Vec<(FileType, Id)>>,
    bytes_added: AtomicU64,
    bytes_removed: AtomicU64,
}

impl Disk {
    pub(crate) fn new(folder: &Path, from_disk: bool, meter: Arc<Meter>) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            from_disk,
            meter,
            failure: Mutex::default(),
            closed: RwLock::new(false),
            hold_snapshots: AtomicBool::new(false),
            added: Mutex::default(),
            bytes_added: AtomicU64::new(0),
            bytes_removed: AtomicU64::new(0),
        })
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether a folder of this name is one of those that a repository begins with.
    pub(crate) fn makes_folder(name: &OsStr) -> bool {
        files::FOLDERS.iter().any(|folder| name == *folder)
    }

    /// Ends the operation: waits for what is being written right now, and refuses everything that comes later.
    pub(crate) fn close(&self) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    pub(crate) fn hold_snapshots(&self, hold: bool) {
        self.hold_snapshots.store(hold, Ordering::SeqCst);
    }

    pub(crate) fn bytes_added(&self) -> u64 {
        self.bytes_added.load(Ordering::SeqCst)
    }

    pub(crate) fn bytes_removed(&self) -> u64 {
        self.bytes_removed.load(Ordering::SeqCst)
    }

    /// The snapshot that was added last.
    pub(crate) fn last_snapshot(&self) -> Option<Id> {
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.iter().rev().find(|(kind, _)| *kind == FileType::Snapshot).map(|(_, id)| *id)
    }

    /// Takes what this operation has added away again: first what refers, then what is referred to.
    pub(crate) fn take_back(&self) -> Result<()> {
        let added = std::mem::take(&mut *self.added.lock().unwrap_or_else(PoisonError::into_inner));
        for wanted in [FileType::Snapshot, FileType::Index, FileType::Pack] {
            for (kind, id) in added.iter().filter(|(kind, _)| *kind == wanted) {
                self.remove_file(*kind, id).map_err(|failure| failure.into_error(&self.folder))?;
            }
        }
        Ok(())
    }

    /// `Ok` as long as nothing has failed; otherwise what failed first.
    pub(crate) fn check(&self) -> Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure.into_error(&self.folder)),
            None => Ok(()),
        }
    }

    /// Whether something has failed, without taking it.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Bytes that a replica may still add, and the file system's size.
    pub(crate) fn space(&self) -> Result<(u64, u64)> {
        files::space(&self.folder)
            .map(|(free, total)| (free.saturating_sub(RESERVE), total))
            .map_err(|failure| failure.into_error(&self.folder))
    }

    /// Removes the unfinished files of writers that were interrupted. Only with the writers' lock held.
    pub(crate) fn clear_leftovers(&self) -> Result<()> {
        files::clear_leftovers(&self.folder).map_err(|failure| failure.into_error(&self.folder))
    }

    /// An operation of rustic_core's that failed or panicked, as what lies behind it.
    pub(crate) fn explain(&self, words: &str) -> Error {
        match self.check() {
            Err(error) => error,
            Ok(()) => Error::Damaged(words.to_owned()),
        }
    }
}

/// What a failed call on a file of a repository means; for callers outside of an operation.
pub(crate) fn explain_call(repository: &Path, path: &Path, error: std::io::Error) -> Error {
    Failure::reading(path)(error).into_error(repository)
}
