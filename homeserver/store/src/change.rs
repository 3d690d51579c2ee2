//! One atomic change: its writes are kept apart until its work has succeeded.

use crate::entries::{RawEntries, StoredRange};
use crate::read::RawRead;
use crate::records::LogRecord;
use crate::{EncodeKey, Key, KeyPrefix, StoreError, StreamPos, Table, Value, tables};
use redb::ReadableTable;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

/// Runs after the commit.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

/// A change under way. It reads what the changes before it have stored and what it has written
/// itself. If its work fails, nothing of it remains.
///
/// The writes are held in memory until then, so a change of very many rows is better made in parts.
pub struct Change<'a> {
    stored: &'a dyn Stored,
    written: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    hooks: Vec<Hook>,
    announced: Vec<(StreamPos, LogRecord)>,
    next_pos: &'a mut StreamPos,
}

/// The rows below a change: redb's table within the group's transaction.
pub(crate) trait Stored {
    fn get(&self, row: &[u8]) -> Result<Option<redb::AccessGuard<'_, &'static [u8]>>, StoreError>;
    fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<StoredRange<'_>, StoreError>;
}

impl Stored for redb::Table<'_, &'static [u8], &'static [u8]> {
    fn get(&self, row: &[u8]) -> Result<Option<redb::AccessGuard<'_, &'static [u8]>>, StoreError> {
        Ok(ReadableTable::get(self, row)?)
    }

    fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<StoredRange<'_>, StoreError> {
        Ok(ReadableTable::range::<&[u8]>(self, (from, to))?)
    }
}

/// What a change leaves when its work has succeeded.
pub(crate) struct Written {
    pub(crate) rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) announced: Vec<(StreamPos, LogRecord)>,
}

impl<'a> Change<'a> {
    /// `next_pos` is the last position given out; it stays advanced even if the change fails.
    pub(crate) fn new(stored: &'a dyn Stored, next_pos: &'a mut StreamPos) -> Self {
        Self { stored, written: BTreeMap::new(), hooks: Vec::new(), announced: Vec::new(), next_pos }
    }

    pub(crate) fn into_written(self) -> Written {
        Written { rows: self.written, hooks: self.hooks, announced: self.announced }
    }

    /// Stores `value` under `key`, in place of what was there.
    ///
    /// # Errors
    /// [`StoreError::Unencodable`] where the value has no encoding.
    pub fn put<K: Key, V: Value, Q: EncodeKey<K>>(
        &mut self,
        table: Table<K, V>,
        key: Q,
        value: &V,
    ) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        value.encode(&mut bytes)?;
        self.written.insert(table.row(&key), Some(bytes));
        Ok(())
    }

    /// Removes the row under `key`, and says whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the file can't be read.
    pub fn delete<K: Key, V: Value, Q: EncodeKey<K>>(
        &mut self,
        table: Table<K, V>,
        key: Q,
    ) -> Result<bool, StoreError> {
        let row = table.row(&key);
        let there = self.look(&row, |_| ())?.is_some();
        if there {
            self.written.insert(row, None);
        }
        Ok(there)
    }

    /// Removes the rows whose keys begin with `prefix`, and says how many there were.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the file can't be read.
    pub fn delete_prefix<K: Key, V: Value, P: KeyPrefix<K>>(
        &mut self,
        table: Table<K, V>,
        prefix: P,
    ) -> Result<u64, StoreError> {
        let start = table.under(&prefix);
        let end = crate::table::behind(start.clone());
        let mut entries = self.scan(Bound::Included(&start), end.as_ref().map(Vec::as_slice))?;
        let mut rows = Vec::new();
        while let Some(row) = entries.next_raw() {
            rows.push(row?.key().to_vec());
        }
        drop(entries);
        let count = rows.len() as u64;
        self.written.extend(rows.into_iter().map(|row| (row, None)));
        Ok(count)
    }

    /// The next position of the change log. None is given out twice, whatever happens.
    pub fn next_pos(&mut self) -> StreamPos {
        self.next_pos.0 += 1;
        *self.next_pos
    }

    /// Takes the next position of the change log, writes `record` there and announces it.
    ///
    /// # Errors
    /// As [`Change::put`].
    pub fn log(&mut self, record: LogRecord) -> Result<StreamPos, StoreError> {
        let position = self.next_pos();
        self.put(tables::CHANGE_LOG, position, &record)?;
        self.announce(position, record);
        Ok(position)
    }

    /// Has the listeners of [`Store::subscribe`](crate::Store::subscribe) told once the change is durable. For what needs
    /// no row of its own in the log, as an event does not: it is stored at its position.
    pub fn announce(&mut self, position: StreamPos, record: LogRecord) {
        self.announced.push((position, record));
    }

    /// Has `hook` called on the writer's thread once the change is durable and before its caller
    /// learns of it, in the order of the changes. It is dropped if the change or the commit fails.
    /// It must be short, and must not wait for another change.
    pub fn on_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.push(Box::new(hook));
    }
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change({} rows written)", self.written.len())
    }
}

impl RawRead for Change<'_> {
    fn look<T>(&self, row: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, StoreError> {
        match self.written.get(row) {
            Some(written) => Ok(written.as_deref().map(look)),
            None => Ok(self.stored.get(row)?.map(|value| look(value.value()))),
        }
    }

    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<RawEntries<'_>, StoreError> {
        let written = self.written.range::<[u8], _>((from, to));
        Ok(RawEntries::of(self.stored.range(from, to)?, Some(written)))
    }

    fn newest(&self) -> StreamPos {
        *self.next_pos
    }
}
