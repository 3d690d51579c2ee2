//! A folder of the box that files are restored to.

use crate::{Error, Meter, Result};
use rustic_core::repofile::Metadata;
use std::{
    fs::{self, File, FileTimes, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// An empty folder.
pub(super) struct Place(PathBuf);

impl Place {
    /// Makes the folder if it isn't there; refuses one that holds something.
    pub(super) fn new(path: &Path) -> Result<Self> {
        let failed = failure(path);
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read_dir(path).map_err(&failed)?.next().is_some() {
                    return Err(failed(io::Error::new(
                        io::ErrorKind::DirectoryNotEmpty,
                        "there is something in it already",
                    )));
                }
            }
            other => other.map_err(failed)?,
        }
        Ok(Self(path.to_owned()))
    }

    /// The place itself is there already.
    pub(super) fn make_folder(&self, within: &Path) -> Result<()> {
        if within.as_os_str().is_empty() {
            return Ok(());
        }
        let path = self.0.join(within);
        fs::create_dir(&path).map_err(failure(&path))
    }

    /// Makes a file of what `copy` hands over; gives its length.
    pub(super) fn make_file(
        &self,
        within: &Path,
        meta: &Metadata,
        copy: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<u64>,
        meter: &Meter,
    ) -> Result<u64> {
        let path = self.0.join(within);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failure(&path))?;
        let length = copy(&mut |piece| {
            meter.written(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            file.write_all(piece).map_err(failure(&path))
        })?;
        dress(&file, meta).map_err(failure(&path))?;
        Ok(length)
    }

    pub(super) fn finish_folder(&self, within: &Path, meta: &Metadata) -> Result<()> {
        let path = self.0.join(within);
        File::open(&path).and_then(|folder| dress(&folder, meta)).map_err(failure(&path))
    }

    /// Brings all of it to the disk at once.
    pub(super) fn sync(&self) -> Result<()> {
        File::open(&self.0).and_then(|folder| Ok(nix::unistd::syncfs(&folder)?)).map_err(failure(&self.0))
    }
}

fn failure(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    move |source| Error::Target { path: path.to_owned(), source }
}

/// Owner, mode and time, in this order: a new owner may cost a mode.
fn dress(file: &File, meta: &Metadata) -> io::Result<()> {
    match fchown(file, meta.uid, meta.gid) {
        // Only root can give files away. Whoever restores as somebody else gets them as his own.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        other => other?,
    }
    if let Some(mode) = meta.mode {
        file.set_permissions(Permissions::from_mode(mode & 0o777))?;
    }
    match meta.mtime.map(SystemTime::from) {
        Some(time) => file.set_times(FileTimes::new().set_modified(time)),
        None => Ok(()),
    }
}
