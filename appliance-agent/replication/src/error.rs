//! What can go wrong with a repository, in words for the owner.

use crate::{ReplicaId, bytes::in_words};
use std::{io, path::PathBuf};

/// A failed operation. `Display` says what happened, [`Error::help`] what to do, [`Error::code`] names it for translations.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder holds no repository.
    #[error("There is no Hearth backup on this disk.")]
    NotARepository,
    /// The folder is not empty where a repository was to be made.
    #[error("There is a backup or something else in the folder already, so no new backup was begun in it.")]
    NotEmpty,
    /// No key of the repository opens with what was given.
    #[error("This is not the recovery key of this backup.")]
    WrongKey,
    /// Something that was written once can't be read as it was; the text says what, for the log and for the curious.
    #[error("The backup is damaged: {0}.")]
    Damaged(String),
    /// Repository or replica are of a format that this version does not know.
    #[error("This backup was made by a newer version of Hearth ({0}).")]
    NewerFormat(String),
    /// The disk has too little room: bytes that the next step needs and bytes that are free for it.
    #[error("The backup disk is full: {} more are needed, {} are free.", in_words(*needed), in_words(*free))]
    Full {
        /// Bytes that could not be written.
        needed: u64,
        /// Bytes that may be used.
        free: u64,
    },
    /// The disk went away, or it no longer answers.
    #[error("The backup disk does not answer any more ({0}).")]
    Vanished(#[source] io::Error),
    /// The disk takes no writes.
    #[error("The backup disk can be read but not written ({0}).")]
    ReadOnly(#[source] io::Error),
    /// Another process, or another thread of this one, writes to the repository or tidies it up.
    #[error("Another program is working on this backup.")]
    Busy,
    /// The caller's progress function asked to stop.
    #[error("It was stopped before it was done.")]
    Cancelled,
    /// What was to be written could not be read: the homeserver's stream broke off, or a file of the box is unreadable.
    #[error("What was to be backed up could not be read: {what} ({source}).")]
    Source {
        /// Its name in the replica.
        what: String,
        /// How reading failed.
        source: io::Error,
    },
    /// The one who takes the database stream, for a check or a restore, refused it.
    #[error("The database in the replica was not accepted ({0}).")]
    Refused(#[source] io::Error),
    /// A file could not be written where the replica was to be restored.
    #[error("{} could not be written on the box ({source}).", path.display())]
    Target {
        /// The file or folder.
        path: PathBuf,
        /// How writing failed.
        source: io::Error,
    },
    /// No replica of that name is in the repository (any more).
    #[error("There is no replica {0} in this backup.")]
    UnknownReplica(ReplicaId),
    /// The replica holds what no Hearth wrote: no manifest, one that isn't understood, or names that lead out of the folder.
    #[error("This replica can't be used: {0}.")]
    Unusable(String),
    /// Any other failure of the file system that holds the repository.
    #[error("The backup disk reports an error ({0}).")]
    Disk(#[source] io::Error),
}

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A name that stays the same, by which the page finds its translation.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotARepository => "not_a_backup",
            Self::NotEmpty => "backup_not_empty",
            Self::WrongKey => "wrong_recovery_key",
            Self::Damaged(_) => "backup_damaged",
            Self::NewerFormat(_) => "backup_newer",
            Self::Full { .. } => "backup_full",
            Self::Vanished(_) => "backup_vanished",
            Self::ReadOnly(_) => "backup_read_only",
            Self::Busy => "backup_busy",
            Self::Cancelled => "cancelled",
            Self::Source { .. } => "backup_source",
            Self::Refused(_) => "replica_refused",
            Self::Target { .. } => "restore_target",
            Self::UnknownReplica(_) => "replica_unknown",
            Self::Unusable(_) => "replica_unusable",
            Self::Disk(_) => "backup_disk_error",
        }
    }

    /// What the owner can do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotARepository => {
                "Check that it is the right disk. A disk that has never been prepared has to be prepared first."
            }
            Self::NotEmpty => "Use the backup that is there, or erase the disk first.",
            Self::WrongKey => {
                "Check the recovery key letter by letter, and that it belongs to this disk: each disk has its own."
            }
            Self::Damaged(_) => {
                "Keep this disk as it is, and prepare another one now. Replicas that are not affected can still be restored; the check of each says which."
            }
            Self::NewerFormat(_) => "Update this box, then try again.",
            Self::Full { .. } => {
                "Keep fewer replicas, or prepare a larger disk. The replicas that are there are not affected."
            }
            Self::Vanished(_) => {
                "Check the cable and plug the disk in again. Replicas that were complete are not affected; the next one is tried by itself."
            }
            Self::ReadOnly(_) => {
                "Some disks have a switch against writing. If this one has none, it is probably failing: prepare another one."
            }
            Self::Busy => "Wait until it is done, then try again.",
            Self::Cancelled => "Start it again when it suits.",
            Self::Source { .. } => {
                "It is tried again by itself. If it fails again, restart the box and look at the logs."
            }
            Self::Refused(_) => "Choose another replica; this one is not whole.",
            Self::Target { .. } => "Check that the box has room left.",
            Self::UnknownReplica(_) => "Choose another one: it has been tidied away meanwhile.",
            Self::Unusable(_) => "Choose another replica.",
            Self::Disk(_) => "If it happens again, the disk is probably failing: prepare another one.",
        }
    }
}
