//! A table's name and types, and where its rows lie.
//!
//! All tables share one ordered tree of redb's: a row's key there is the table's two-byte number
//! and then the encoded key. One tree instead of forty saves every commit the pages of the tree of
//! trees, and a snapshot the opening of each table (figures in `lib.rs`). The number is a hash of
//! the name; a test sees to it that no two tables have the same.

use crate::{EncodeKey, Key, KeyPrefix, StoreError, Value};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

/// An ordered table from `K` to `V`. It is only a name: every store has every table.
pub struct Table<K, V> {
    name: &'static str,
    number: [u8; 2],
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Table<K, V> {}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.name)
    }
}

/// Where a range of rows begins and where it ends, in bytes.
pub(crate) type RawBounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

impl<K, V> Table<K, V> {
    /// The table of that name. Renaming a table loses its rows, unless a migration moves them.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, number: number_of(name), types: PhantomData }
    }

    /// The table's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The first bytes of every row of the table.
    #[must_use]
    pub const fn number(self) -> [u8; 2] {
        self.number
    }
}

impl<K: Key, V: Value> Table<K, V> {
    pub(crate) fn row<Q: EncodeKey<K>>(self, key: &Q) -> Vec<u8> {
        let mut row = self.start();
        key.encode_key(&mut row);
        row
    }

    pub(crate) fn under<P: KeyPrefix<K>>(self, prefix: &P) -> Vec<u8> {
        let mut start = self.start();
        prefix.encode_prefix(&mut start);
        start
    }

    /// The rows whose key begins with `prefix` and goes on within `bounds`.
    pub(crate) fn within<P, R>(self, prefix: &P, bounds: &impl RangeBounds<R>) -> RawBounds
    where
        P: KeyPrefix<K>,
        R: EncodeKey<P::Rest>,
    {
        let start = self.under(prefix);
        let at = |rest: &R| {
            let mut row = start.clone();
            rest.encode_key(&mut row);
            row
        };
        let from = match bounds.start_bound() {
            Bound::Included(rest) => Bound::Included(at(rest)),
            Bound::Excluded(rest) => Bound::Excluded(at(rest)),
            Bound::Unbounded => Bound::Included(start.clone()),
        };
        let to = match bounds.end_bound() {
            Bound::Included(rest) => Bound::Included(at(rest)),
            Bound::Excluded(rest) => Bound::Excluded(at(rest)),
            Bound::Unbounded => behind(start),
        };
        (from, to)
    }

    pub(crate) fn decode_key(self, row: &[u8]) -> Result<K, StoreError> {
        let mut bytes = row
            .strip_prefix(&self.number)
            .ok_or_else(|| StoreError::corrupt(self.name, "a row of another table among its own"))?;
        let key = K::decode(&mut bytes).map_err(|error| error.in_table(self.name))?;
        if bytes.is_empty() {
            Ok(key)
        } else {
            Err(StoreError::corrupt(self.name, format!("a key with {} bytes too many", bytes.len())))
        }
    }

    pub(crate) fn decode_value(self, bytes: &[u8]) -> Result<V, StoreError> {
        V::decode(bytes).map_err(|error| error.in_table(self.name))
    }

    fn start(self) -> Vec<u8> {
        // Most keys are a number, a hash or a Matrix identifier or two.
        let mut start = Vec::with_capacity(64);
        start.extend_from_slice(&self.number);
        start
    }
}

/// The bound that lies behind everything that begins with `prefix`.
pub(crate) fn behind(mut prefix: Vec<u8>) -> Bound<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if let Some(next) = last.checked_add(1) {
            prefix.push(next);
            return Bound::Excluded(prefix);
        }
    }
    Bound::Unbounded
}

/// FNV-1a, folded to 16 bits.
const fn number_of(name: &str) -> [u8; 2] {
    let mut hash: u32 = 0x811c_9dc5;
    let mut bytes = name.as_bytes();
    while let [byte, rest @ ..] = bytes {
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
        bytes = rest;
    }
    let [a, b, c, d] = hash.to_be_bytes();
    [a ^ c, b ^ d]
}
