//! Files that a power cut leaves either old or new, never half.

use crate::CertificateError;
use std::{
    ffi::OsString,
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown},
    path::Path,
};

/// Whose a file or folder becomes; the agent is root, and the homeserver reads what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Numeric user.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
}

/// Says which file an error is about.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> CertificateError {
    let path = path.to_owned();
    move |source| CertificateError::File { path, source }
}

/// Makes a folder of mode 0700 with those above it, if it is not there.
pub(crate) fn folder(path: &Path, owner: Option<Owner>) -> Result<(), CertificateError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(at(path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(at(path))?;
    if let Some(owner) = owner {
        chown(path, Some(owner.uid), Some(owner.gid)).map_err(at(path))?;
    }
    path.parent().map_or(Ok(()), sync)
}

/// Replaces a file: written under another name in the same folder, synced, renamed, and the folder synced.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32, owner: Option<Owner>) -> Result<(), CertificateError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(at(path)(io::Error::other("a file needs a name and a folder")));
    };
    let mut other = OsString::from(".");
    other.push(name);
    other.push(".new");
    let other = folder.join(other);
    // What a power cut left may have another mode.
    remove(&other)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&other).map_err(at(&other))?;
    if let Some(owner) = owner {
        chown(&other, Some(owner.uid), Some(owner.gid)).map_err(at(&other))?;
    }
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(&other))?;
    drop(file);
    fs::rename(&other, path).map_err(at(path))?;
    sync(folder)
}

/// Makes what was done to a folder's entries last.
pub(crate) fn sync(folder: &Path) -> Result<(), CertificateError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), CertificateError> {
    gone(fs::remove_file(path)).map_err(at(path))
}

/// Removes a folder with all in it, if it is there.
pub(crate) fn remove_folder(path: &Path) -> Result<(), CertificateError> {
    gone(fs::remove_dir_all(path)).map_err(at(path))
}

/// The text of a file, or nothing where there is none. What is not text is damaged, and comes back as what no reader
/// of PEM or JSON takes.
pub(crate) fn read(path: &Path) -> Result<Option<String>, CertificateError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
