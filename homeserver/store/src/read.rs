//! Reading rows, the same way from a snapshot and from inside a change.

use crate::entries::RawEntries;
use crate::{EncodeKey, Entries, Key, KeyPrefix, StoreError, StreamPos, Table, Value};
use std::ops::{Bound, RangeBounds};

/// What a place to read from has to offer: rows by their bytes.
pub trait RawRead {
    /// Shows the row's value, where there is one.
    #[doc(hidden)]
    fn look<T>(&self, row: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, StoreError>;

    /// The rows within bounds that are in order and not empty.
    #[doc(hidden)]
    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<RawEntries<'_>, StoreError>;

    /// See [`Read::reaches`].
    #[doc(hidden)]
    fn newest(&self) -> StreamPos;
}

/// Ordered reading. Implemented by [`Snapshot`](crate::Snapshot) and by [`Change`](crate::Change),
/// which sees its own writes.
///
/// Every method fails with [`StoreError::Io`] where the file can't be read and with
/// [`StoreError::Corrupt`] where a row is not what its table says.
pub trait Read: RawRead {
    /// The highest position of the change log that is seen here; in a change the last one given out.
    fn reaches(&self) -> StreamPos {
        self.newest()
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// See [`Read`].
    fn get<K: Key, V: Value, Q: EncodeKey<K>>(&self, table: Table<K, V>, key: Q) -> Result<Option<V>, StoreError> {
        self.look(&table.row(&key), |bytes| table.decode_value(bytes))?.transpose()
    }

    /// Whether there is a row under `key`.
    ///
    /// # Errors
    /// See [`Read`].
    fn contains<K: Key, V: Value, Q: EncodeKey<K>>(&self, table: Table<K, V>, key: Q) -> Result<bool, StoreError> {
        Ok(self.look(&table.row(&key), |_| ())?.is_some())
    }

    /// The rows whose keys begin with `prefix`; `()` for the whole table.
    ///
    /// # Errors
    /// See [`Read`]; so may each row.
    fn prefix<K: Key, V: Value, P: KeyPrefix<K>>(
        &self,
        table: Table<K, V>,
        prefix: P,
    ) -> Result<Entries<'_, K, V>, StoreError> {
        let start = table.under(&prefix);
        let end = crate::table::behind(start.clone());
        self.entries(table, (Bound::Included(start), end))
    }

    /// The rows whose keys lie within `bounds`.
    ///
    /// # Errors
    /// See [`Read`]; so may each row.
    fn range<K: Key, V: Value, A: EncodeKey<K>>(
        &self,
        table: Table<K, V>,
        bounds: impl RangeBounds<A>,
    ) -> Result<Entries<'_, K, V>, StoreError> {
        self.entries(table, table.within(&(), &bounds))
    }

    /// The rows whose keys begin with `prefix` and go on within `bounds`: for a table by (room,
    /// position), `range_in(TABLE, (room,), (Bound::Excluded(since), Bound::Unbounded))`.
    ///
    /// # Errors
    /// See [`Read`]; so may each row.
    fn range_in<K: Key, V: Value, P: KeyPrefix<K>, R: EncodeKey<P::Rest>>(
        &self,
        table: Table<K, V>,
        prefix: P,
        bounds: impl RangeBounds<R>,
    ) -> Result<Entries<'_, K, V>, StoreError> {
        self.entries(table, table.within(&prefix, &bounds))
    }

    /// The first row whose key begins with `prefix`.
    ///
    /// # Errors
    /// See [`Read`].
    fn first<K: Key, V: Value, P: KeyPrefix<K>>(
        &self,
        table: Table<K, V>,
        prefix: P,
    ) -> Result<Option<(K, V)>, StoreError> {
        self.prefix(table, prefix)?.next().transpose()
    }

    /// The last row whose key begins with `prefix`.
    ///
    /// # Errors
    /// See [`Read`].
    fn last<K: Key, V: Value, P: KeyPrefix<K>>(
        &self,
        table: Table<K, V>,
        prefix: P,
    ) -> Result<Option<(K, V)>, StoreError> {
        self.prefix(table, prefix)?.next_back().transpose()
    }

    #[doc(hidden)]
    fn entries<K: Key, V: Value>(
        &self,
        table: Table<K, V>,
        (from, to): crate::table::RawBounds,
    ) -> Result<Entries<'_, K, V>, StoreError> {
        let raw = if is_empty(&from, &to) {
            RawEntries::empty()
        } else {
            self.scan(from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice))?
        };
        Ok(Entries::new(raw, table))
    }
}

impl<R: RawRead> Read for R {}

/// Both `BTreeMap` and redb panic or err on a range that ends before it begins; a caller that
/// asks for one gets nothing.
fn is_empty(from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}
