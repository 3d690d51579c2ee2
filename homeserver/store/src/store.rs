//! The store's front door.

use crate::change::Change;
use crate::check::{CheckReport, check_rows};
use crate::open::{self, Options};
use crate::queue::{Queue, Work};
use crate::records::LogRecord;
use crate::schema::Meta;
use crate::writer::{Shared, Writer};
use crate::{OpenError, Snapshot, StoreError, StreamPos, tables};
use redb::Database;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle, ThreadId};
use tokio::sync::oneshot;

/// An open store. Clones are the same store; the last one dropped closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    writer_id: ThreadId,
}

impl Store {
    /// Opens the store in that file, and makes it where there is none.
    ///
    /// # Errors
    /// [`OpenError`]; the file is then as it was.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let (database, meta) = open::open(path, &options)?;
        Self::start(path, database, meta)
    }

    /// Opens a store on a storage of the caller's, for fault tests.
    ///
    /// # Errors
    /// [`OpenError`], as for a file.
    #[cfg(feature = "test-backend")]
    #[doc(hidden)]
    pub fn open_backend(backend: impl redb::StorageBackend, options: Options) -> Result<Self, OpenError> {
        let path = Path::new("(test storage)");
        let (database, meta) = open::open_backend(path, backend, &options)?;
        Self::start(path, database, meta)
    }

    fn start(path: &Path, database: Database, meta: Meta) -> Result<Self, OpenError> {
        let damaged = |error| OpenError::from_store(path, error);
        let found = Snapshot::take(&database, meta.reserved).map_err(damaged)?;
        // The reservation covers every row; a file that was tampered with may say otherwise.
        let last_pos = tables::last_pos(&found).map_err(damaged)?.max(meta.reserved);
        let newest = Snapshot::take(&database, last_pos).map_err(damaged)?;
        let shared = Arc::new(Shared::new(Queue::new(), newest));
        let writer = Writer { database, shared: shared.clone(), last_pos, reserved: meta.reserved };
        let writer = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::from_io(path, error))?;
        let writer_id = writer.thread().id();
        Ok(Self { inner: Arc::new(Inner { shared, writer: Mutex::new(Some(writer)), writer_id }) })
    }

    /// The newest committed state. Costs no more than cloning an `Arc`.
    ///
    /// # Errors
    /// [`StoreError::Closed`] after the store was closed.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.inner.shared.newest().ok_or(StoreError::Closed)
    }

    /// Does `work` as one atomic change, and returns once the commit that holds it is durable.
    ///
    /// Changes are done one after the other, in the order in which they were asked for, and each
    /// sees those before it. Dropping the future takes nothing back: the change is made and its
    /// hooks run all the same. `work` runs on the writer's thread, so it should only read and
    /// write rows; what takes long belongs before it.
    ///
    /// # Errors
    /// What `work` fails with, and then nothing of it is stored; or a [`StoreError`] as an `E`:
    /// `Panicked`, `CommitFailed`, `Poisoned`, `Closed`.
    pub async fn change<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // Nobody may be waiting any more; the change is made either way.
        self.inner.shared.queue.push(Work::boxed(work, |result| drop(answer.send(result))));
        answered.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Like [`Store::change`], but blocks the thread. For start-up, tools and tests.
    ///
    /// # Errors
    /// As for [`Store::change`], and [`StoreError::InsideHook`] on the writer's own thread.
    pub fn change_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        if thread::current().id() == self.inner.writer_id {
            return Err(StoreError::InsideHook.into());
        }
        let (answer, answered) = mpsc::sync_channel(1);
        self.inner.shared.queue.push(Work::boxed(work, move |result| drop(answer.send(result))));
        answered.recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Has `listener` told, on the writer's thread, of what each commit announced, once it is durable and can be read
    /// and before those who made the changes learn of it. It must be short, and must not wait for a change.
    pub fn subscribe(&self, listener: impl Fn(&[(StreamPos, LogRecord)]) + Send + Sync + 'static) {
        self.inner.shared.listen(Box::new(listener));
    }

    /// The highest position that is committed: nothing at or before it is still to come.
    #[must_use]
    pub fn durable_pos(&self) -> StreamPos {
        self.inner.shared.durable_pos()
    }

    /// Whether the store still takes changes. Once a commit has failed it never will again, and the
    /// process should end and be started anew.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] after a commit failed, [`StoreError::Closed`] after closing.
    pub fn health(&self) -> Result<(), StoreError> {
        self.inner.shared.queue.refuses().map_or(Ok(()), Err)
    }

    /// Decodes every row of every table. The pages' checksums need the file to themselves; see
    /// [`check`](crate::check()).
    ///
    /// # Errors
    /// [`StoreError`] where the walk can't go on. Rows that can't be decoded are in the report.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        check_rows(&self.snapshot()?)
    }

    /// Makes the changes that wait, takes no others, and closes the file. Other clones get
    /// [`StoreError::Closed`] from here on.
    pub fn close(self) {
        self.inner.close();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store(at {})", self.durable_pos())
    }
}

impl Inner {
    fn close(&self) {
        self.shared.queue.close();
        // The last clone may be dropped by a hook, on the thread that would be waited for; it
        // then ends by itself.
        if thread::current().id() == self.writer_id {
            return;
        }
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
