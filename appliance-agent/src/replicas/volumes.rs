//! What the agent holds of its volumes while it runs.

use super::KeyFile;
use hearth_replication::{RecoveryKey, Replica};
use hearth_system::{Usage, VolumeId};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// What was last seen on the backup volume.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Which volume that was.
    pub volume: Option<VolumeId>,
    /// Room on it.
    pub usage: Usage,
    /// The replicas, newest first.
    pub replicas: Vec<Replica>,
}

/// A replica as `/api/restore/open` lists it, and where it is.
#[derive(Debug)]
pub struct Found {
    /// The volume.
    pub volume: VolumeId,
    /// Its disk.
    pub disk: String,
    /// What was typed.
    pub recovery: RecoveryKey,
    /// What is there.
    pub replicas: Vec<crate::restore::Listed>,
}

/// Keys and what was seen.
#[derive(Debug)]
pub struct Volumes {
    /// The box's keys.
    pub keys: KeyFile,
    /// Held while a volume is open: one thing at a time.
    pub turn: tokio::sync::Mutex<()>,
    /// Wakes the scheduler.
    pub wake: Notify,
    seen: Mutex<Option<Seen>>,
    unconfirmed: Mutex<Option<(VolumeId, RecoveryKey)>>,
    unconfirmed_export: Mutex<Option<(VolumeId, RecoveryKey)>>,
    found: Mutex<Option<Arc<Found>>>,
}

impl Volumes {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(keys: KeyFile) -> Self {
        Self {
            keys,
            turn: tokio::sync::Mutex::new(()),
            wake: Notify::new(),
            seen: Mutex::new(None),
            unconfirmed: Mutex::new(None),
            unconfirmed_export: Mutex::new(None),
            found: Mutex::new(None),
        }
    }

    /// What was last seen.
    pub fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what was seen.
    pub fn see(&self, seen: Option<Seen>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// The fresh volume and its recovery key, which was shown and not typed back yet. In memory alone: after a restart the disk is
    /// prepared once more.
    pub fn unconfirmed<T>(&self, look: impl FnOnce(&mut Option<(VolumeId, RecoveryKey)>) -> T) -> T {
        look(&mut self.unconfirmed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same for the last copy on a second disk.
    pub fn unconfirmed_export<T>(&self, look: impl FnOnce(&mut Option<(VolumeId, RecoveryKey)>) -> T) -> T {
        look(&mut self.unconfirmed_export.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What `/api/restore/open` found.
    pub fn found(&self) -> Option<Arc<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what was found, or forgets it.
    pub fn find(&self, found: Option<Found>) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found.map(Arc::new);
    }
}
