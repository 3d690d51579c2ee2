//! Holds a file's writes back until the file is known to be ours and whole.
//!
//! redb writes while it opens: it repairs after a crash and marks the file as open. A file that is
//! then refused must not have changed by a byte, so these writes are kept in memory, where redb
//! reads them back, and go to the file in their order, with their syncs, when the gate is opened.
//! A gate that is never opened makes a check that changes nothing.

use redb::{BackendError, StorageBackend};
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that was to be done to the file.
enum Step {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

struct Gate<B> {
    file: B,
    /// Once true, it stays so, and everything goes straight to the file.
    open: AtomicBool,
    held: Mutex<Vec<Step>>,
}

/// redb's half of a gate; the other is a [`GateKey`].
pub(crate) struct Gated<B>(Arc<Gate<B>>);

/// Opens the gate.
pub(crate) struct GateKey<B>(Arc<Gate<B>>);

/// Puts a gate before a file.
pub(crate) fn gate<B: StorageBackend>(file: B) -> (Gated<B>, GateKey<B>) {
    let gate = Arc::new(Gate { file, open: AtomicBool::new(false), held: Mutex::new(Vec::new()) });
    (Gated(gate.clone()), GateKey(gate))
}

impl<B: StorageBackend> GateKey<B> {
    /// Does what was held back, in order, and from here on holds nothing back.
    ///
    /// Nothing else may use the file meanwhile. A power cut on the way leaves what it would have
    /// left had redb written directly.
    pub(crate) fn open(self) -> io::Result<()> {
        for step in self.0.held().drain(..) {
            match step {
                Step::Write(offset, data) => self.0.file.write(offset, &data)?,
                Step::SetLen(len) => self.0.file.set_len(len)?,
                Step::Sync => self.0.file.sync_data()?,
            }
        }
        self.0.open.store(true, Ordering::Release);
        Ok(())
    }
}

impl<B: StorageBackend> Gate<B> {
    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    fn held(&self) -> MutexGuard<'_, Vec<Step>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_through(&self, held: &[Step], offset: u64, out: &mut [u8]) -> io::Result<()> {
        let file_len = self.file.len()?;
        let end = offset.saturating_add(out.len() as u64);
        if end > len_after(file_len, held) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.fill(0);
        let in_file = usize::try_from(file_len.min(end).saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(part) = out.get_mut(..in_file)
            && !part.is_empty()
        {
            self.file.read(offset, part)?;
        }
        for step in held {
            match step {
                Step::Write(at, data) => overlay(out, offset, *at, data),
                Step::SetLen(len) => {
                    let kept = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
                    if let Some(cut) = out.get_mut(kept..) {
                        cut.fill(0);
                    }
                }
                Step::Sync => {}
            }
        }
        Ok(())
    }
}

fn len_after(file_len: u64, held: &[Step]) -> u64 {
    held.iter().fold(file_len, |len, step| match step {
        Step::SetLen(new) => *new,
        Step::Write(at, data) => len.max(at.saturating_add(data.len() as u64)),
        Step::Sync => len,
    })
}

/// Copies the part of `data`, which lies at `at`, that falls into `out`, which lies at `offset`.
fn overlay(out: &mut [u8], offset: u64, at: u64, data: &[u8]) {
    let skip_data = usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX);
    let skip_out = usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
    let from = data.get(skip_data..).unwrap_or_default();
    let into = out.get_mut(skip_out..).unwrap_or_default();
    into.iter_mut().zip(from).for_each(|(into, from)| *into = *from);
}

impl<B: StorageBackend> fmt::Debug for Gated<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gated({:?})", self.0.file)
    }
}

impl<B: StorageBackend> StorageBackend for Gated<B> {
    fn len(&self) -> io::Result<u64> {
        let len = self.0.file.len()?;
        Ok(if self.0.is_open() { len } else { len_after(len, &self.0.held()) })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.0.is_open() {
            return self.0.file.read(offset, out);
        }
        self.0.read_through(&self.0.held(), offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.0.is_open() {
            return self.0.file.set_len(len);
        }
        self.0.held().push(Step::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.0.is_open() {
            return self.0.file.sync_data();
        }
        self.0.held().push(Step::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.0.is_open() {
            return self.0.file.write(offset, data);
        }
        self.0.held().push(Step::Write(offset, data.to_vec()));
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}
