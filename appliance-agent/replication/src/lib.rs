//! Replicas of the box in a restic-format repository, and restoring them.
//!
//! A repository is a folder, usually on an encrypted volume that somebody else has mounted. A replica is a restic snapshot that holds
//! `manifest.json`, `database.snapshot` and folders of the box. [`Repository`] is where to begin; all of it blocks, and all of it can
//! be shared between threads.

mod bytes;
mod cipher;
mod contents;
mod disk;
mod error;
mod feed;
mod keyfile;
mod keys;
mod lock;
mod manifest;
mod meter;
mod progress;
mod recovery_key;
mod replica;
mod repository;
mod retention;
mod session;
mod snapshot;
mod source;
mod top;

use meter::Meter;

pub use error::{Error, Result};
pub use keys::{BoxKey, Key};
pub use manifest::MANIFEST_FORMAT;
pub use progress::{Counts, Progress};
pub use recovery_key::{RecoveryKey, RecoveryKeyError};
pub use replica::{Folder, Preview, Replica, ReplicaId, Restored, Verified};
pub use repository::{Destination, Repository, Scope, Tidied};
pub use retention::{ForgetPlan, Reason, Retention, Why};
pub use source::{DATABASE, MANIFEST, Source};
