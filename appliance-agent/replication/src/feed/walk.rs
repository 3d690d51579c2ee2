//! Goes through a folder of the box, in restic's order: names by their bytes, a folder before what is in it.

use super::Opener;
use crate::{Error, Meter};
use rustic_core::{
    ReadSourceEntry,
    jiff::Timestamp,
    repofile::{Metadata, Node, NodeType},
};
use std::{
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Still to come, the next one last: the place on the box, and the place in the replica.
pub(super) struct Walk {
    waiting: Vec<(PathBuf, PathBuf)>,
    leave_out: Arc<Vec<PathBuf>>,
    meter: Arc<Meter>,
}

impl Walk {
    pub(super) fn new(name: &str, path: PathBuf, leave_out: Arc<Vec<PathBuf>>, meter: &Arc<Meter>) -> Self {
        Self { waiting: vec![(path, PathBuf::from(name))], leave_out, meter: Arc::clone(meter) }
    }

    fn step(&mut self, path: PathBuf, within: PathBuf) -> io::Result<Option<ReadSourceEntry<Opener>>> {
        if self.leave_out.contains(&within) {
            return Ok(None);
        }
        let found = match fs::symlink_metadata(&path) {
            // Deleted since its folder was listed, or a folder of the box that has never been needed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let kind = if found.is_dir() {
            self.list(&path, &within)?;
            NodeType::Dir
        } else if found.is_file() {
            NodeType::File
        } else {
            return Ok(None);
        };
        let Some(name) = within.file_name() else { return Ok(None) };
        let node = Node::new_node(name, kind, metadata(&found));
        let open = found.is_file().then(|| Opener::File {
            path,
            name: within.display().to_string(),
            size: found.len(),
            meter: Arc::clone(&self.meter),
        });
        Ok(Some(ReadSourceEntry { path: within, node, open }))
    }

    fn list(&mut self, path: &Path, within: &Path) -> io::Result<()> {
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let mut names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort_by(|one, other| other.as_bytes().cmp(one.as_bytes()));
        self.waiting.extend(names.into_iter().map(|name| (path.join(&name), within.join(&name))));
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = ReadSourceEntry<Opener>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((path, within)) = self.waiting.pop() {
            let what = within.display().to_string();
            match self.step(path, within) {
                Ok(Some(entry)) => return Some(entry),
                Ok(None) => {}
                Err(source) => {
                    self.meter.stop(Error::Source { what, source });
                    return None;
                }
            }
        }
        None
    }
}

/// What is kept of a file beside its contents. The change time is for finding what has not changed.
fn metadata(found: &fs::Metadata) -> Metadata {
    let time = |seconds: i64, nanoseconds: i64| Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok();
    Metadata {
        // restic has Go's bits for what kind of file it is.
        mode: Some(found.mode() & 0o777 | if found.is_dir() { 1 << 31 } else { 0 }),
        mtime: time(found.mtime(), found.mtime_nsec()),
        ctime: time(found.ctime(), found.ctime_nsec()),
        uid: Some(found.uid()),
        gid: Some(found.gid()),
        inode: found.ino(),
        size: if found.is_file() { found.len() } else { 0 },
        links: found.nlink(),
        ..Metadata::default()
    }
}
