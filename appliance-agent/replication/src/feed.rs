//! A replica's source, as rustic_core reads it.
//!
//! rustic_core passes over files that can't be read and makes a snapshot of the rest. So every reader here tells the meter when it
//! fails, and no snapshot is saved after that.

mod walk;

use crate::{DATABASE, Error, MANIFEST, Meter, Source};
use rustic_core::{
    ErrorKind, ReadSource, ReadSourceEntry, ReadSourceOpen, RusticError, RusticResult,
    jiff::Timestamp,
    repofile::{Metadata, Node, NodeType},
};
use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Cursor, Read},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use walk::Walk;

/// How much is read at once.
const BUFFER: usize = 64 << 10;

/// The source of one replica.
pub(crate) struct Feed {
    tops: Mutex<Vec<Top>>,
    time: Timestamp,
    meter: Arc<Meter>,
    database_bytes: Arc<AtomicU64>,
}

/// One name at the top of a replica.
enum Top {
    Manifest(Vec<u8>),
    Database(Box<dyn Read + Send>),
    Folder { name: String, path: PathBuf, leave_out: Arc<Vec<PathBuf>> },
}

impl Top {
    fn name(&self) -> &str {
        match self {
            Self::Manifest(_) => MANIFEST,
            Self::Database(_) => DATABASE,
            Self::Folder { name, .. } => name,
        }
    }
}

impl Feed {
    pub(crate) fn new(source: Source, time: Timestamp, meter: &Arc<Meter>) -> Self {
        let leave_out = Arc::new(source.left_out);
        let mut tops = vec![Top::Manifest(source.manifest), Top::Database(source.database)];
        tops.extend(source.folders.into_iter().map(|(name, path)| Top::Folder {
            name,
            path,
            leave_out: Arc::clone(&leave_out),
        }));
        // restic wants the names of a folder in order; taken from the end, so the last one first.
        tops.sort_by(|one, other| other.name().cmp(one.name()));
        let database_bytes = Arc::new(AtomicU64::new(0));
        Self { tops: Mutex::new(tops), time, meter: Arc::clone(meter), database_bytes }
    }

    /// How long the database's stream was, once it is read.
    pub(crate) fn database_bytes(&self) -> u64 {
        self.database_bytes.load(Ordering::SeqCst)
    }
}

impl ReadSource for Feed {
    type Open = Opener;
    type Iter = Entries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Entries {
        Entries {
            tops: std::mem::take(&mut *self.tops.lock().unwrap_or_else(PoisonError::into_inner)),
            walk: None,
            time: self.time,
            meter: Arc::clone(&self.meter),
            database_bytes: Arc::clone(&self.database_bytes),
        }
    }
}

/// Goes through the tops in order, and through each folder when its turn comes.
pub(crate) struct Entries {
    tops: Vec<Top>,
    walk: Option<Walk>,
    time: Timestamp,
    meter: Arc<Meter>,
    database_bytes: Arc<AtomicU64>,
}

impl Entries {
    /// A file that is made of what the caller gave. Its size is put in when it is known; until then it is one that no file has, so that
    /// rustic_core takes no earlier replica's file for the same one.
    fn given(
        &self,
        name: &str,
        reader: impl Read + Send + 'static,
        count: Option<Arc<AtomicU64>>,
    ) -> ReadSourceEntry<Opener> {
        let meta = Metadata { mode: Some(0o600), mtime: Some(self.time), size: u64::MAX, ..Metadata::default() };
        let node = Node::new_node(OsStr::new(name), NodeType::File, meta);
        let open = Opener::Given(Counted::new(name, Box::new(reader), &self.meter, count));
        ReadSourceEntry { path: PathBuf::from(name), node, open: Some(open) }
    }
}

impl Iterator for Entries {
    type Item = RusticResult<ReadSourceEntry<Opener>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.meter.is_stopped() {
                return None;
            }
            if let Some(entry) = self.walk.as_mut().and_then(Iterator::next) {
                return Some(Ok(entry));
            }
            match self.tops.pop()? {
                Top::Manifest(bytes) => return Some(Ok(self.given(MANIFEST, Cursor::new(bytes), None))),
                Top::Database(reader) => {
                    let count = Arc::clone(&self.database_bytes);
                    return Some(Ok(self.given(DATABASE, reader, Some(count))));
                }
                Top::Folder { name, path, leave_out } => {
                    self.walk = Some(Walk::new(&name, path, leave_out, &self.meter));
                }
            }
        }
    }
}

/// What is opened when its turn comes.
pub(crate) enum Opener {
    Given(Counted),
    File { path: PathBuf, name: String, size: u64, meter: Arc<Meter> },
}

impl ReadSourceOpen for Opener {
    type Reader = Counted;

    fn open(self) -> RusticResult<Counted> {
        match self {
            Self::Given(reader) => Ok(reader),
            Self::File { path, name, size, meter } => match File::open(&path) {
                // What grows meanwhile is taken as long as it was when it was listed, for that is what the replica says of it.
                Ok(file) => {
                    Ok(Counted { left: Some(size), ..Counted::new(&name, Box::new(file.take(size)), &meter, None) })
                }
                Err(error) => {
                    // One that was deleted since it was listed is left out. Everything else ends the replica.
                    let kept = io::Error::new(error.kind(), error.to_string());
                    if error.kind() != io::ErrorKind::NotFound {
                        meter.stop(Error::Source { what: name, source: error });
                    }
                    Err(RusticError::with_source(ErrorKind::InputOutput, "A file can't be opened.", kept))
                }
            },
        }
    }
}

/// A reader that counts, fails loudly, ends when the operation is to end, and fills what it is given: rustic_core's chunker goes on with
/// buffers as small as the smallest read was, which a socket can make a byte.
pub(crate) struct Counted {
    name: String,
    reader: io::BufReader<Box<dyn Read + Send>>,
    meter: Arc<Meter>,
    count: Option<Arc<AtomicU64>>,
    /// Bytes that must still come, where that is known.
    left: Option<u64>,
}

impl Counted {
    fn new(name: &str, reader: Box<dyn Read + Send>, meter: &Arc<Meter>, count: Option<Arc<AtomicU64>>) -> Self {
        Self {
            name: name.to_owned(),
            reader: io::BufReader::with_capacity(BUFFER, reader),
            meter: Arc::clone(meter),
            count,
            left: None,
        }
    }

    fn fill(&mut self, mut buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while !buffer.is_empty() {
            self.meter.go_on()?;
            match self.reader.read(buffer) {
                Ok(0) => break,
                Ok(count) => {
                    filled += count;
                    buffer = buffer.get_mut(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(u64::try_from(filled).unwrap_or(u64::MAX));
            if !buffer.is_empty() && *left > 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"));
            }
        }
        Ok(filled)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.fill(buffer) {
            Ok(filled) => {
                let bytes = u64::try_from(filled).unwrap_or(u64::MAX);
                if let Some(count) = &self.count {
                    count.fetch_add(bytes, Ordering::SeqCst);
                }
                self.meter.read(bytes);
                Ok(filled)
            }
            Err(error) => {
                let kept = io::Error::new(error.kind(), error.to_string());
                if !self.meter.is_stopped() {
                    self.meter.stop(Error::Source { what: self.name.clone(), source: error });
                }
                Err(kept)
            }
        }
    }
}
