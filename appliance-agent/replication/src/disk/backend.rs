//! rustic_core's view of the folder.

use super::{Disk, RESERVE, failure::Failure, files};
use ::bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use std::sync::{PoisonError, atomic::Ordering};

impl Disk {
    /// Runs `work` unless the operation is over, and keeps the first failure.
    fn run<T>(&self, work: impl FnOnce() -> Result<T, Failure>) -> RusticResult<T> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        let result = if *closed || self.meter.is_stopped() { Err(Failure::Over) } else { work() };
        result.map_err(|failure| {
            let error = RusticError::with_source(ErrorKind::Backend, "The disk failed.", failure.summary());
            if !matches!(failure, Failure::Over) {
                self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
            }
            error
        })
    }

    /// Whether there is room for a file. Only packs have to leave the reserve: without the index and the snapshot they are worth nothing,
    /// and these are what the reserve is for.
    fn make_sure_of_room(&self, kind: FileType, size: u64) -> Result<(), Failure> {
        if kind != FileType::Pack {
            return Ok(());
        }
        let (free, _) = files::space(&self.folder)?;
        let free = free.saturating_sub(RESERVE);
        if size > free { Err(Failure::Full { needed: size, free }) } else { Ok(()) }
    }

    pub(super) fn remove_file(&self, kind: FileType, id: &Id) -> Result<(), Failure> {
        // What refers must be gone for good before what it refers to goes, or a power cut could leave a reference to nothing.
        let sync = kind != FileType::Pack;
        let size = files::remove(&files::place(&self.folder, kind, id), sync)?;
        self.bytes_removed.fetch_add(size, Ordering::SeqCst);
        Ok(())
    }
}

impl ReadBackend for Disk {
    fn location(&self) -> String {
        self.folder.display().to_string()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.run(|| files::list(&self.folder, kind))
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.run(|| files::read(&files::place(&self.folder, kind, id), self.from_disk)).map(Bytes::from)
    }

    fn read_partial(&self, kind: FileType, id: &Id, _cacheable: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        let path = files::place(&self.folder, kind, id);
        self.run(|| files::read_part(&path, offset, length, self.from_disk)).map(Bytes::from)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        files::place(&self.folder, kind, id).display().to_string()
    }
}

impl WriteBackend for Disk {
    fn create(&self) -> RusticResult<()> {
        self.run(|| files::make_folders(&self.folder))
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        if kind == FileType::Snapshot && self.hold_snapshots.load(Ordering::SeqCst) {
            return Ok(());
        }
        let size = u64::try_from(content.size()).unwrap_or(u64::MAX);
        self.run(|| {
            self.make_sure_of_room(kind, size)?;
            let path = files::place(&self.folder, kind, id);
            files::write(&path, content.slice().iter().map(AsRef::as_ref)).map_err(|failure| match failure {
                // Somebody else has filled the disk since it was looked at.
                Failure::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                    Failure::Full { needed: size, free: files::space(&self.folder).map_or(0, |(free, _)| free) }
                }
                other => other,
            })?;
            self.added.lock().unwrap_or_else(PoisonError::into_inner).push((kind, *id));
            self.bytes_added.fetch_add(size, Ordering::SeqCst);
            self.meter.written(size);
            Ok(())
        })
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.run(|| self.remove_file(kind, id))
    }
}
