//! What can fail on a disk, and what it means.

use super::files;
use crate::Error;
use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// The first failure of an operation.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A call failed.
    Io {
        /// On this file or folder.
        path: PathBuf,
        /// So.
        source: io::Error,
        /// Whether it was to change something.
        writing: bool,
    },
    /// A file is shorter than what was to be read of it.
    Short(PathBuf),
    /// There is no room for so many bytes beside the reserve.
    Full {
        /// Bytes that were to be written.
        needed: u64,
        /// Bytes that may be written.
        free: u64,
    },
    /// The operation is over or was stopped; whatever was the reason is kept elsewhere.
    Over,
}

impl Failure {
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| match source.kind() {
            ErrorKind::UnexpectedEof => Self::Short(path.to_owned()),
            _ => Self::Io { path: path.to_owned(), source, writing: false },
        }
    }

    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source, writing: true }
    }

    /// For rustic_core, which only passes it on: what it means is asked of the disk afterwards.
    pub(crate) fn summary(&self) -> io::Error {
        match self {
            Self::Io { source, .. } => io::Error::new(source.kind(), source.to_string()),
            Self::Short(_) => ErrorKind::UnexpectedEof.into(),
            Self::Full { .. } => ErrorKind::StorageFull.into(),
            Self::Over => io::Error::other("the operation is over"),
        }
    }

    /// What it means for the repository in `folder`. Looks whether the disk is still there.
    pub(crate) fn into_error(self, folder: &Path) -> Error {
        let (path, source, writing) = match self {
            Self::Short(path) => return Error::Damaged(format!("{} is too short", name(&path, folder))),
            Self::Full { needed, free } => return Error::Full { needed, free },
            Self::Over => return Error::Cancelled,
            Self::Io { path, source, writing } => (path, source, writing),
        };
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                return Error::Full { needed: 0, free: files::space(folder).map_or(0, |(free, _)| free) };
            }
            _ => {}
        }
        // A medium that is gone makes reads fail, makes its journal read-only, or leaves an empty mount point: whatever the failure was, it counts
        // as gone where the one file that every repository has can't be read from it any more.
        if !files::answers(folder) {
            return Error::Vanished(source);
        }
        match source.kind() {
            ErrorKind::ReadOnlyFilesystem => Error::ReadOnly(source),
            ErrorKind::NotFound if !writing => Error::Damaged(format!("{} is missing", name(&path, folder))),
            _ if !writing && source.raw_os_error() == Some(nix::errno::Errno::EIO as i32) => {
                Error::Damaged(format!("{} can't be read from the disk", name(&path, folder)))
            }
            _ => Error::Disk(source),
        }
    }
}

/// A file's name within the repository.
fn name(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}
