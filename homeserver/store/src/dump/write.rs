//! Writing a dump.

use super::{FORMAT, LONGEST_KEY, LONGEST_VALUE, MAGIC, TABLE, TRAILER, derived};
use crate::read::RawRead;
use crate::tables::{STATE_NODES, TableVisitor, visit_all};
use crate::{Key, Snapshot, StoreError, StreamPos, Table, Value, schema};
use std::io::{self, BufWriter, Write};
use std::ops::Bound;

/// Bytes that are gathered before they are handed on.
const BUFFER: usize = 64 << 10;

/// Why a dump could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// Rows can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever takes the bytes takes no more.
    #[error("the snapshot could not be handed on: {0}")]
    Output(#[from] io::Error),
    /// The order of the state's nodes can't be found.
    #[error("the state of a room can't be read: {0}")]
    State(String),
    /// A row is larger than any should be.
    #[error("a row of {0} is too large for a snapshot")]
    TooLarge(&'static str),
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dumped {
    /// Bytes in all.
    pub bytes: u64,
    /// Rows in all.
    pub rows: u64,
    /// Everything at or before it is in the dump, and nothing behind it.
    pub position: StreamPos,
}

impl Snapshot {
    /// Writes the whole snapshot to `out`. Holds one row and a buffer in memory, and keeps no writer from writing.
    ///
    /// `order` says in which order the nodes of room states go: it calls what it is given with the id of each
    /// node once or more. Those that it doesn't name are not in the dump.
    ///
    /// # Errors
    /// [`DumpError`]; what was written until then is no dump.
    pub fn dump<W: Write>(
        &self,
        out: W,
        order: impl FnOnce(&Self, &mut dyn FnMut([u8; 16]) -> Result<(), DumpError>) -> Result<(), DumpError>,
    ) -> Result<Dumped, DumpError> {
        let mut out = Out { to: BufWriter::with_capacity(BUFFER, out), sum: blake3::Hasher::new(), bytes: 0, rows: 0 };
        out.write(&MAGIC)?;
        out.write(&FORMAT.to_be_bytes())?;
        out.write(&schema::VERSION.to_be_bytes())?;
        visit_all(&mut Tables { snapshot: self, out: &mut out, order: Some(order) })?;
        out.write(&[TRAILER])?;
        out.write(&self.pos().0.to_be_bytes())?;
        let sum = out.sum.finalize();
        out.write(sum.as_bytes())?;
        out.to.flush()?;
        Ok(Dumped { bytes: out.bytes, rows: out.rows, position: self.pos() })
    }
}

struct Out<W: Write> {
    to: BufWriter<W>,
    sum: blake3::Hasher,
    bytes: u64,
    rows: u64,
}

impl<W: Write> Out<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), DumpError> {
        self.sum.update(bytes);
        self.to.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// A number for a length that was found to be small.
    fn length(&mut self, length: usize) -> Result<(), DumpError> {
        self.write(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes())
    }

    /// `key` is without the table's number.
    fn row(&mut self, table: &'static str, key: &[u8], value: &[u8]) -> Result<(), DumpError> {
        if key.len() > LONGEST_KEY || value.len() > LONGEST_VALUE {
            return Err(DumpError::TooLarge(table));
        }
        self.rows += 1;
        self.length(key.len() + 1)?;
        self.length(value.len())?;
        self.write(key)?;
        self.write(value)
    }
}

struct Tables<'a, W: Write, F> {
    snapshot: &'a Snapshot,
    out: &'a mut Out<W>,
    order: Option<F>,
}

impl<W, F> TableVisitor for Tables<'_, W, F>
where
    W: Write,
    F: FnOnce(&Snapshot, &mut dyn FnMut([u8; 16]) -> Result<(), DumpError>) -> Result<(), DumpError>,
{
    type Error = DumpError;

    fn table<K: Key, V: Value>(&mut self, table: Table<K, V>) -> Result<(), DumpError> {
        let name = table.name();
        if derived::is_left_out(name) {
            return Ok(());
        }
        self.out.write(&[TABLE, u8::try_from(name.len()).unwrap_or(u8::MAX)])?;
        self.out.write(name.as_bytes())?;
        let before = self.out.rows;
        if name == STATE_NODES.name() {
            if let Some(order) = self.order.take() {
                let (snapshot, out) = (self.snapshot, &mut *self.out);
                order(snapshot, &mut |id| {
                    let row = STATE_NODES.row(&id);
                    let there = snapshot.look(&row, |value| out.row(STATE_NODES.name(), &id, value))?;
                    there.unwrap_or_else(|| Err(DumpError::State("a node is missing".to_owned())))
                })?;
            }
        } else {
            self.all(table)?;
        }
        self.out.write(&0_u32.to_be_bytes())?;
        let rows = self.out.rows - before;
        self.out.write(&rows.to_be_bytes())
    }
}

impl<W: Write, F> Tables<'_, W, F> {
    fn all<K: Key, V: Value>(&mut self, table: Table<K, V>) -> Result<(), DumpError> {
        let start = table.number().to_vec();
        let end = crate::table::behind(start.clone());
        let mut rows = self.snapshot.scan(Bound::Included(&start), end.as_ref().map(Vec::as_slice))?;
        while let Some(row) = rows.next_raw() {
            let row = row?;
            let key = row.key().get(start.len()..).unwrap_or_default();
            self.out.row(table.name(), key, row.value())?;
        }
        Ok(())
    }
}
