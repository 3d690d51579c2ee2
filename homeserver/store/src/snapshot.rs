//! One committed state of the store, for reading.

use crate::entries::RawEntries;
use crate::read::RawRead;
use crate::{StoreError, StreamPos};
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// The table of redb's that holds every row of every table.
pub(crate) const ROWS: redb::TableDefinition<'static, &'static [u8], &'static [u8]> =
    redb::TableDefinition::new("rows");

/// The store as one commit left it: consistent, unchanging, cheap to take and to clone.
///
/// Pages that a snapshot can see are not used anew while it lives, so hold one for a request and
/// not for a long poll.
#[derive(Clone)]
pub struct Snapshot {
    shared: Arc<Shared>,
}

struct Shared {
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pos: StreamPos,
}

impl Snapshot {
    /// What the last commit left. `pos` is the highest position given out before that commit.
    pub(crate) fn take(database: &Database, pos: StreamPos) -> Result<Self, StoreError> {
        let rows = database.begin_read()?.open_table(ROWS)?;
        Ok(Self { shared: Arc::new(Shared { rows, pos }) })
    }

    /// The highest position in the snapshot: it holds all that was stored at this position and
    /// before, and nothing stored behind it.
    #[must_use]
    pub fn pos(&self) -> StreamPos {
        self.shared.pos
    }

    /// Rows in all tables.
    pub(crate) fn len(&self) -> Result<u64, StoreError> {
        Ok(self.shared.rows.len()?)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({})", self.shared.pos)
    }
}

impl RawRead for Snapshot {
    fn look<T>(&self, row: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, StoreError> {
        Ok(self.shared.rows.get(row)?.map(|value| look(value.value())))
    }

    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<RawEntries<'_>, StoreError> {
        Ok(RawEntries::of(self.shared.rows.range::<&[u8]>((from, to))?, None))
    }

    fn newest(&self) -> StreamPos {
        self.pos()
    }
}
