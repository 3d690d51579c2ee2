//! Files of a repository: how they are laid out, read, and written so that a power cut leaves all or nothing.

use super::failure::Failure;
use nix::{
    fcntl::{PosixFadviseAdvice, posix_fadvise},
    sys::statvfs::statvfs,
};
use rustic_core::{FileType, Id};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// What a file is called until it is whole.
const UNFINISHED: &str = "-unfinished";

/// The folders of a repository. restic's own locks are the only thing in them that rustic_core doesn't know.
pub(super) const FOLDERS: [&str; 5] = ["data", "index", "keys", "locks", "snapshots"];

/// Where a file belongs.
pub(super) fn place(folder: &Path, kind: FileType, id: &Id) -> PathBuf {
    let name = id.to_hex();
    match kind {
        FileType::Config => folder.join("config"),
        FileType::Pack => folder.join("data").join(name.as_str().get(..2).unwrap_or_default()).join(name.as_str()),
        _ => folder.join(kind.dirname()).join(name.as_str()),
    }
}

/// Makes the folders of an empty repository, the 256 of `data` among them.
pub(super) fn make_folders(folder: &Path) -> Result<(), Failure> {
    let make = |path: &Path| match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Failure::writing(path)(error)),
        _ => Ok(()),
    };
    for name in FOLDERS {
        make(&folder.join(name))?;
    }
    let data = folder.join("data");
    for first in 0..=255_u8 {
        make(&data.join(format!("{first:02x}")))?;
    }
    sync_folder(&data)?;
    sync_folder(folder)
}

/// Writes a file: under another name, synced, renamed, its folder synced. Its pages are given back: nobody reads them soon, and
/// the homeserver needs the memory.
pub(super) fn write<'a>(path: &Path, parts: impl IntoIterator<Item = &'a [u8]>) -> Result<(), Failure> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::writing(path)(ErrorKind::InvalidInput.into()));
    };
    let mut unfinished = name.to_owned();
    unfinished.push(UNFINISHED);
    let unfinished = folder.join(unfinished);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        give_back(&file, 0, 0);
        fs::rename(&unfinished, path)
    })();
    if let Err(error) = written {
        // On a full disk even this little counts. Where the disk is gone it can't be removed, and is later.
        let _ = fs::remove_file(&unfinished);
        return Err(Failure::writing(path)(error));
    }
    sync_folder(folder)
}

/// Reads a whole file.
pub(super) fn read(path: &Path, from_disk: bool) -> Result<Vec<u8>, Failure> {
    (|| {
        let mut file = File::open(path)?;
        if from_disk {
            give_back(&file, 0, 0);
        }
        let mut contents = Vec::new();
        file.read_to_end(&mut contents)?;
        Ok(contents)
    })()
    .map_err(Failure::reading(path))
}

/// Reads a part of a file.
pub(super) fn read_part(path: &Path, offset: u32, length: u32, from_disk: bool) -> Result<Vec<u8>, Failure> {
    (|| {
        let file = File::open(path)?;
        if from_disk {
            give_back(&file, offset, length);
        }
        // An index may be wrong about a length; what the file doesn't have needs no memory.
        if u64::from(offset) + u64::from(length) > file.metadata()?.len() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut contents = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut contents, offset.into())?;
        Ok(contents)
    })()
    .map_err(Failure::reading(path))
}

/// Removes a file if it is there; gives its size.
pub(super) fn remove(path: &Path, sync: bool) -> Result<u64, Failure> {
    let removed = fs::metadata(path).and_then(|metadata| fs::remove_file(path).map(|()| metadata.len()));
    let size = match removed {
        Ok(size) => size,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(Failure::writing(path)(error)),
    };
    if sync && let Some(folder) = path.parent() {
        sync_folder(folder)?;
    }
    Ok(size)
}

/// All files of a kind, with their sizes. A folder that can't be listed is a failure, never an empty one.
pub(super) fn list(folder: &Path, kind: FileType) -> Result<Vec<(Id, u32)>, Failure> {
    let mut found = Vec::new();
    match kind {
        FileType::Config => {
            let path = folder.join("config");
            match fs::metadata(&path) {
                Ok(metadata) => found.push((Id::default(), size(&path, metadata.len())?)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::reading(&path)(error)),
            }
        }
        FileType::Pack => {
            for entry in entries(&folder.join("data"))? {
                if entry.file_type().map_err(Failure::reading(&entry.path()))?.is_dir() {
                    list_into(&entry.path(), &mut found)?;
                }
            }
        }
        _ => list_into(&folder.join(kind.dirname()), &mut found)?,
    }
    Ok(found)
}

fn list_into(folder: &Path, found: &mut Vec<(Id, u32)>) -> Result<(), Failure> {
    for entry in entries(folder)? {
        let name = entry.file_name();
        // What isn't named by a hash isn't a file of the repository.
        let Some(id) = name.to_str().filter(|name| name.len() == 64).and_then(|name| name.parse().ok()) else {
            continue;
        };
        let path = entry.path();
        let length = entry.metadata().map_err(Failure::reading(&path))?.len();
        found.push((id, size(&path, length)?));
    }
    Ok(())
}

fn size(path: &Path, length: u64) -> Result<u32, Failure> {
    u32::try_from(length).map_err(|error| Failure::reading(path)(io::Error::other(error)))
}

pub(super) fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, Failure> {
    fs::read_dir(folder).and_then(Iterator::collect).map_err(Failure::reading(folder))
}

/// Removes what was never renamed.
pub(super) fn clear_leftovers(folder: &Path) -> Result<(), Failure> {
    let mut folders = vec![folder.to_owned()];
    folders.extend(FOLDERS.map(|name| folder.join(name)));
    for entry in entries(&folder.join("data"))? {
        folders.push(entry.path());
    }
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for entry in entries(folder)? {
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                remove(&entry.path(), false)?;
            }
        }
    }
    Ok(())
}

/// Whether the repository's configuration can be read from the disk itself.
pub(super) fn answers(folder: &Path) -> bool {
    read(&folder.join("config"), true).is_ok()
}

/// Bytes that are free and bytes in all.
pub(super) fn space(folder: &Path) -> Result<(u64, u64), Failure> {
    let found = statvfs(folder).map_err(|errno| Failure::reading(folder)(errno.into()))?;
    let unit = found.fragment_size();
    Ok((found.blocks_available().saturating_mul(unit), found.blocks().saturating_mul(unit)))
}

fn sync_folder(folder: &Path) -> Result<(), Failure> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Failure::writing(folder))
}

/// Drops the pages of a file from memory, all of them for a length of 0, so that what is read next comes from the disk. Only advice: a
/// file system without pages of its own (as in tests) has nothing to drop.
fn give_back(file: &File, offset: u32, length: u32) {
    let _ = posix_fadvise(file, offset.into(), length.into(), PosixFadviseAdvice::POSIX_FADV_DONTNEED);
}
