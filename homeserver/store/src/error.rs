//! What can go wrong with a store, in words for whoever has to act on it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a read or a change failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file could not be read or written.
    #[error("the database file can't be read or written: {0}")]
    Io(Arc<io::Error>),
    /// Rows or pages are not what was stored.
    #[error("damaged data in {table}: {what}")]
    Corrupt {
        /// The table, or what the damage was met in.
        table: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A value has no encoding. Nothing was stored.
    #[error("a value can't be stored: {0}")]
    Unencodable(String),
    /// The commit that was to hold the change failed. Whether it is stored shows after reopening.
    #[error("the change could not be made durable: {0}")]
    CommitFailed(String),
    /// An earlier commit failed, so the store takes no more changes until it is opened anew.
    #[error("the store takes no changes since a commit failed; it has to be opened anew")]
    Poisoned,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The work of the change panicked. Nothing of it was stored.
    #[error("the work of a change panicked: {0}")]
    Panicked(String),
    /// A blocking change was asked for by a commit hook, where it could only wait for itself.
    #[error("a commit hook asked for a blocking change")]
    InsideHook,
}

impl StoreError {
    /// Damage in a table, or in `place` where the table isn't known yet.
    pub fn corrupt(place: &'static str, what: impl Into<String>) -> Self {
        Self::Corrupt { table: place, what: what.into() }
    }

    /// Names the table once it is known.
    pub(crate) fn in_table(self, name: &'static str) -> Self {
        match self {
            Self::Corrupt { table, what } if table != name => {
                Self::Corrupt { table: name, what: format!("{table}: {what}") }
            }
            other => other,
        }
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Io(error) => Self::Io(Arc::new(error)),
            redb::StorageError::Corrupted(what) => Self::corrupt("the database file", what),
            redb::StorageError::DatabaseClosed => Self::Closed,
            redb::StorageError::PreviousIo => Self::Poisoned,
            other => Self::Io(Arc::new(io::Error::other(other.to_string()))),
        }
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> Self {
        match error {
            redb::TableError::Storage(error) => error.into(),
            other => Self::corrupt("the database file", other.to_string()),
        }
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> Self {
        match error {
            redb::TransactionError::Storage(error) => error.into(),
            other => Self::Io(Arc::new(io::Error::other(other.to_string()))),
        }
    }
}

/// Why a store could not be opened. The file has not been changed by a byte, except where a
/// migration failed, which leaves the file as it was by undoing itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer Hearth has written the file.
    #[error(
        "{path} was written by a newer version of Hearth (its layout is version {found}, this one reads up to \
         {known}). Install that version again, or restore a copy made before the update."
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema version in the file.
        found: u64,
        /// The newest schema version that this build knows.
        known: u64,
    },
    /// The file belongs to some other program.
    #[error("{path} is not a Hearth database ({what}). Move it away, or choose another data folder.")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How that shows.
        what: String,
    },
    /// The file was a Hearth database once and is broken.
    #[error("{path} is damaged ({what}). Restore it from a backup; until then leave the file as it is.")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is broken.
        what: String,
    },
    /// Another process has the store open.
    #[error("{path} is in use: another Hearth is running on this data folder. Stop it first.")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The operating system doesn't let this user read and write the file.
    #[error(
        "{path} may not be read and written by this user ({source}). Give the file and its folder to the user that runs Hearth."
    )]
    NoPermission {
        /// The file.
        path: PathBuf,
        /// The system's own word.
        source: io::Error,
    },
    /// No room is left.
    #[error("there is no space left for {path}. Free some space on that disk and start again.")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// There is no file, and none was to be made.
    #[error("{path} does not exist.")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A migration from an older schema failed and was undone.
    #[error("{path} could not be brought from layout version {from} to {to}: {source}. It is as it was before.")]
    Migration {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        from: u64,
        /// The version it was to get.
        to: u64,
        /// What failed.
        source: StoreError,
    },
    /// Reading or writing failed in some other way.
    #[error("{path} can't be read or written: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's own word.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NoPermission { path, source },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::NotFound => Self::Missing { path },
            // redb's word for a file whose own structure it can't follow, and the sign of a file
            // that ends before its last page.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::Damaged { path, what: source.to_string() }
            }
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn from_store(path: &Path, error: StoreError) -> Self {
        match error {
            StoreError::Io(error) => {
                // The error may be shared, and io::Error can't be cloned: keep its kind and words.
                Self::from_io(path, io::Error::new(error.kind(), error.to_string()))
            }
            other => Self::Damaged { path: path.to_owned(), what: other.to_string() },
        }
    }

    pub(crate) fn from_database(path: &Path, error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen | redb::DatabaseError::LockProtocolMismatch => {
                Self::Locked { path: path.to_owned() }
            }
            redb::DatabaseError::UpgradeRequired(version) => Self::Foreign {
                path: path.to_owned(),
                what: format!("redb's file format {version}, which Hearth never wrote"),
            },
            redb::DatabaseError::Storage(error) => Self::from_store(path, error.into()),
            other => Self::Damaged { path: path.to_owned(), what: other.to_string() },
        }
    }
}
