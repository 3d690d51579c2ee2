//! The one thread that writes. It gathers the changes that wait into a group, commits the group
//! at once, and only then lets anyone know.
//!
//! While a commit is being flushed, the next group gathers in the queue: the busier the store, the
//! larger the groups, without any waiting on purpose. An idle store commits a lone change at once.

use crate::change::{Change, Hook};
use crate::queue::{Job, Queue, panic_words, run_hook};
use crate::records::LogRecord;
use crate::schema::{META, RESERVED};
use crate::snapshot::ROWS;
use crate::{Snapshot, StoreError, StreamPos};
use redb::{Database, Durability};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// At most so many changes share a commit: the first of them waits for the last.
const GROUP_CHANGES: usize = 256;
/// At most so long a group is filled, for the same reason.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// Positions are reserved in the file by so many, so that none is used again after a crash even
/// where no row tells of it, and a commit seldom has to write the reservation.
const RESERVE: u64 = 4096;

/// Is told what each commit announced.
type Listener = Box<dyn Fn(&[(StreamPos, LogRecord)]) + Send + Sync>;

/// What the writer shares with the rest of the store.
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    /// The newest committed state, swapped after every commit; none once the store is closed.
    newest: RwLock<Option<Snapshot>>,
    /// Its position, which outlives it.
    durable_pos: AtomicU64,
    listeners: RwLock<Vec<Listener>>,
}

impl Shared {
    pub(crate) fn new(queue: Queue, newest: Snapshot) -> Self {
        let durable_pos = AtomicU64::new(newest.pos().0);
        Self { queue, newest: RwLock::new(Some(newest)), durable_pos, listeners: RwLock::new(Vec::new()) }
    }

    pub(crate) fn newest(&self) -> Option<Snapshot> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn durable_pos(&self) -> StreamPos {
        StreamPos(self.durable_pos.load(Ordering::Acquire))
    }

    pub(crate) fn listen(&self, listener: Listener) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    fn tell(&self, announced: &[(StreamPos, LogRecord)]) {
        if announced.is_empty() {
            return;
        }
        for listener in self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
            // A listener's panic is its own affair; what it was told of is durable all the same.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener(announced))) {
                tracing::error!(panic = panic_words(&*panic), "a listener of the change log panicked");
            }
        }
    }

    /// The position follows the snapshot: whoever has seen it finds a snapshot that reaches it.
    fn publish(&self, snapshot: Snapshot) {
        let pos = snapshot.pos();
        self.swap(Some(snapshot));
        self.durable_pos.store(pos.0, Ordering::Release);
    }

    fn swap(&self, snapshot: Option<Snapshot>) {
        let former = {
            let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *newest, snapshot)
        };
        // Outside the lock, for the last holder of a snapshot ends redb's transaction.
        drop(former);
    }
}

pub(crate) struct Writer {
    pub(crate) database: Database,
    pub(crate) shared: Arc<Shared>,
    /// The last position given out.
    pub(crate) last_pos: StreamPos,
    /// The last position that the file says may have been given out.
    pub(crate) reserved: StreamPos,
}

/// A change of the group, with what is to be called once it is durable.
struct Done {
    job: Box<dyn Job>,
    hooks: Vec<Hook>,
    announced: Vec<(StreamPos, LogRecord)>,
}

impl Writer {
    /// Serves the queue until it is closed or a commit fails.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.shared.queue.wait() {
            let mut group = Vec::new();
            // redb may panic on pages that are not what they were; that is a failed commit too.
            let committed = catch_unwind(AssertUnwindSafe(|| self.commit_group(first, &mut group)))
                .unwrap_or_else(|panic| Err(StoreError::CommitFailed(panic_words(&*panic))));
            match committed {
                Ok(()) => {
                    let announced: Vec<_> =
                        group.iter_mut().flat_map(|done| std::mem::take(&mut done.announced)).collect();
                    self.shared.tell(&announced);
                    for done in group {
                        done.hooks.into_iter().for_each(run_hook);
                        done.job.finish(Ok(()));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a commit failed; the store takes no more changes");
                    // First refuse, so that nobody who is told can still get a change in.
                    let waiting = self.shared.queue.poison();
                    let failed = StoreError::CommitFailed(error.to_string());
                    group.into_iter().for_each(|done| done.job.finish(Err(failed.clone())));
                    waiting.into_iter().for_each(|job| job.finish(Err(StoreError::Poisoned)));
                }
            }
        }
        // Snapshots that are still held can read nothing more once the database is closed.
        self.shared.swap(None);
        if let Err(error) = self.database.close() {
            tracing::error!(%error, "the database could not be closed in order; the next start goes through it");
        }
    }

    /// Runs `first` and what waits behind it, and commits them. `group` holds them even if that
    /// fails. On `Ok` everything in it is durable.
    fn commit_group(&mut self, first: Box<dyn Job>, group: &mut Vec<Done>) -> Result<(), StoreError> {
        group.push(Done { job: first, hooks: Vec::new(), announced: Vec::new() });
        let mut transaction = self.database.begin_write()?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(|error| StoreError::CommitFailed(error.to_string()))?;
        let began = Instant::now();
        let mut wrote = false;
        {
            let mut rows = transaction.open_table(ROWS)?;
            let mut index = 0;
            while let Some(done) = group.get_mut(index) {
                index += 1;
                if let Some(written) = done.job.run(Change::new(&rows, &mut self.last_pos)) {
                    done.hooks = written.hooks;
                    done.announced = written.announced;
                    for (row, value) in written.rows {
                        wrote = true;
                        match value {
                            Some(value) => drop(rows.insert(row.as_slice(), value.as_slice())?),
                            None => drop(rows.remove(row.as_slice())?),
                        }
                    }
                }
                if index < GROUP_CHANGES
                    && began.elapsed() < GROUP_TIME
                    && let Some(job) = self.shared.queue.try_take()
                {
                    group.push(Done { job, hooks: Vec::new(), announced: Vec::new() });
                }
            }
        }
        if !wrote && self.last_pos <= self.reserved {
            // Nothing to make durable: spare the medium the commit. Positions given out in vain
            // are in no row, and go on being counted.
            transaction.abort()?;
            return Ok(());
        }
        let reserved = if self.last_pos > self.reserved {
            let reserved = StreamPos(self.last_pos.0.saturating_add(RESERVE));
            transaction.open_table(META)?.insert(RESERVED, reserved.0.to_be_bytes().as_slice())?;
            reserved
        } else {
            self.reserved
        };
        transaction.commit()?;
        self.reserved = reserved;
        self.shared.publish(Snapshot::take(&self.database, self.last_pos)?);
        Ok(())
    }
}
