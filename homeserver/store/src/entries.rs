//! Walking rows from both ends: stored rows, with a change's own writes laid over them.

use crate::{Key, StoreError, Table, Value};
use redb::AccessGuard;
use std::cmp::Ordering;
use std::collections::btree_map;

/// The rows of a range, read as they are asked for, from either end.
///
/// After an error it ends.
pub struct Entries<'a, K, V> {
    raw: RawEntries<'a>,
    table: Table<K, V>,
}

impl<'a, K: Key, V: Value> Entries<'a, K, V> {
    pub(crate) fn new(raw: RawEntries<'a>, table: Table<K, V>) -> Self {
        Self { raw, table }
    }

    fn take(&mut self, side: Side) -> Option<Result<(K, V), StoreError>> {
        let row = self.raw.take(side)?;
        let decoded =
            row.and_then(|row| Ok((self.table.decode_key(row.key())?, self.table.decode_value(row.value())?)));
        if decoded.is_err() {
            self.raw = RawEntries::empty();
        }
        Some(decoded)
    }
}

impl<K: Key, V: Value> Iterator for Entries<'_, K, V> {
    type Item = Result<(K, V), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take(Side::Front)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.take(Side::Back)
    }
}

impl<K: Key, V: Value> std::iter::FusedIterator for Entries<'_, K, V> {}

pub(crate) type StoredRange<'a> = redb::Range<'a, &'static [u8], &'static [u8]>;
pub(crate) type WrittenRange<'a> = btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>;
type Guard<'a> = AccessGuard<'a, &'static [u8]>;

/// A row as bytes.
pub(crate) enum RawRow<'a> {
    Stored(Guard<'a>, Guard<'a>),
    Written(&'a [u8], &'a [u8]),
}

impl RawRow<'_> {
    pub(crate) fn key(&self) -> &[u8] {
        match self {
            Self::Stored(key, _) => key.value(),
            Self::Written(key, _) => key,
        }
    }

    pub(crate) fn value(&self) -> &[u8] {
        match self {
            Self::Stored(_, value) => value.value(),
            Self::Written(_, value) => value,
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Front,
    Back,
}

/// Stored rows and, over them, what a change has written: a value, or none where it deleted.
pub struct RawEntries<'a> {
    stored: Option<Ends<StoredRange<'a>>>,
    written: Option<Ends<WrittenRange<'a>>>,
}

impl<'a> RawEntries<'a> {
    pub(crate) const fn empty() -> Self {
        Self { stored: None, written: None }
    }

    pub(crate) const fn of(stored: StoredRange<'a>, written: Option<WrittenRange<'a>>) -> Self {
        Self {
            stored: Some(Ends::new(stored)),
            written: match written {
                Some(written) => Some(Ends::new(written)),
                None => None,
            },
        }
    }

    pub(crate) fn next_raw(&mut self) -> Option<Result<RawRow<'a>, StoreError>> {
        self.take(Side::Front)
    }

    /// The next row from a side. Where a key is in both, the written row stands and the stored one
    /// is skipped; both then are the outermost on that side, so neither can turn up again on the
    /// other.
    fn take(&mut self, side: Side) -> Option<Result<RawRow<'a>, StoreError>> {
        loop {
            let stored = match self.stored.as_mut().and_then(|ends| ends.peek(side)) {
                Some(Ok((key, _))) => Some(key.value()),
                Some(Err(_)) => return self.take_stored(side),
                None => None,
            };
            let written = self.written.as_mut().and_then(|ends| ends.peek(side));
            match (stored, written) {
                (_, None) => return self.take_stored(side),
                (None, Some(_)) => {}
                (Some(stored), Some((written, _))) => {
                    let order = match side {
                        Side::Front => stored.cmp(written.as_slice()),
                        Side::Back => written.as_slice().cmp(stored),
                    };
                    match order {
                        Ordering::Less => return self.take_stored(side),
                        Ordering::Equal => drop(self.take_stored(side)),
                        Ordering::Greater => {}
                    }
                }
            }
            if let Some((key, Some(value))) = self.written.as_mut().and_then(|ends| ends.take(side)) {
                return Some(Ok(RawRow::Written(key, value)));
            }
        }
    }

    fn take_stored(&mut self, side: Side) -> Option<Result<RawRow<'a>, StoreError>> {
        let row = self.stored.as_mut()?.take(side)?;
        Some(row.map(|(key, value)| RawRow::Stored(key, value)).map_err(StoreError::from))
    }
}

/// An iterator whose outermost items on both sides can be looked at before they are taken.
struct Ends<I: DoubleEndedIterator> {
    middle: I,
    front: Option<I::Item>,
    back: Option<I::Item>,
}

impl<I: DoubleEndedIterator> Ends<I> {
    const fn new(middle: I) -> Self {
        Self { middle, front: None, back: None }
    }

    /// With the middle used up, the item held for one side is also the outermost on the other.
    fn peek(&mut self, side: Side) -> Option<&I::Item> {
        match side {
            Side::Front => {
                if self.front.is_none() {
                    self.front = self.middle.next().or_else(|| self.back.take());
                }
                self.front.as_ref()
            }
            Side::Back => {
                if self.back.is_none() {
                    self.back = self.middle.next_back().or_else(|| self.front.take());
                }
                self.back.as_ref()
            }
        }
    }

    fn take(&mut self, side: Side) -> Option<I::Item> {
        self.peek(side)?;
        match side {
            Side::Front => self.front.take(),
            Side::Back => self.back.take(),
        }
    }
}
