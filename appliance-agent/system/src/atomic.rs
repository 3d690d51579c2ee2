//! Replacing a file so that a power cut leaves the old one or the new one, whole.
//!
//! The new contents are written beside the old under a name of their own, synced, renamed over it, and then the folder
//! is synced, for a rename is only durable once the folder is. What a power cut leaves behind is a file whose name ends in
//! [`SUFFIX`], which the next writing of the same file replaces.

use crate::{Error, Owner, Result};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What the name of an unfinished file ends in.
pub const SUFFIX: &str = ".new";

/// Replaces `path` by `contents`, with `mode` and, where given, `owner` (needs root unless it is one's own). The folder
/// must exist. On an error the old file stands untouched.
pub fn write(path: &Path, contents: &[u8], mode: u32, owner: Option<Owner>) -> Result<()> {
    replace(path, mode, owner, |file| file.write_all(contents))
}

/// As [`write`], with `fill` writing the contents.
pub fn replace(
    path: &Path,
    mode: u32,
    owner: Option<Owner>,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<()> {
    let fresh = beside(path);
    let written = prepare(&fresh, mode, owner, fill).and_then(|()| std::fs::rename(&fresh, path));
    if let Err(error) = written {
        // The old file is what counts; the unfinished one may stay if even removing fails.
        let _ = std::fs::remove_file(&fresh);
        return Err(Error::file("write", path, error));
    }
    sync_folder(path)
}

/// Makes `path` a symbolic link to `target`, in place of what is there.
pub fn link(path: &Path, target: &Path) -> Result<()> {
    let fresh = beside(path);
    let made = clear(&fresh)
        .and_then(|()| std::os::unix::fs::symlink(target, &fresh))
        .and_then(|()| std::fs::rename(&fresh, path));
    made.map_err(|error| Error::file("write", path, error))?;
    sync_folder(path)
}

/// Removes `path` durably; one that is not there is no error.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::file("remove", path, error)),
    }
}

/// Puts a file that can't be used aside as `damaged-NAME`, so that whoever needs it can begin anew, and nothing is lost that somebody might
/// still read out of it.
pub fn put_aside(path: &Path) -> Result<()> {
    let mut name = OsString::from("damaged-");
    name.push(path.file_name().unwrap_or_default());
    std::fs::rename(path, path.with_file_name(name)).map_err(|error| Error::file("rename", path, error))?;
    sync_folder(path)
}

/// Reads a small file; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path, error)),
    }
}

/// Makes a folder and those above it, with `mode` and `owner` for the last one.
pub fn folder(path: &Path, mode: u32, owner: Option<Owner>) -> Result<()> {
    let make = || {
        std::fs::create_dir_all(path)?;
        if let Some(owner) = owner {
            std::os::unix::fs::chown(path, Some(owner.uid), Some(owner.gid))?;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
    };
    make().map_err(|error| Error::file("make", path, error))?;
    sync_folder(path)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(SUFFIX);
    path.with_file_name(name)
}

fn prepare(
    fresh: &Path,
    mode: u32,
    owner: Option<Owner>,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    clear(fresh)?;
    // Nobody else may open it before it is complete, whatever its mode will be.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    fill(&mut file)?;
    if let Some(owner) = owner {
        std::os::unix::fs::fchown(&file, Some(owner.uid), Some(owner.gid))?;
    }
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// What an earlier power cut left may have another mode or owner, or be a link to somewhere else.
fn clear(fresh: &Path) -> io::Result<()> {
    match std::fs::remove_file(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::file("sync", folder, error))
}
