//! Reading a dump: every byte of it is checked, and none is trusted.

use super::{FORMAT, LONGEST_KEY, LONGEST_VALUE, LoadError, MAGIC, TABLE, TRAILER, derived};
use crate::tables::{STATE_NODES, TableVisitor, visit_all};
use crate::{Key, StoreError, StreamPos, Table, Value, schema};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};

/// So much of a value is made room for before its bytes are there.
const AHEAD: usize = 64 << 10;

/// A row of a dump.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    table: &'static str,
    number: [u8; 2],
    key: &'r [u8],
    value: &'r [u8],
}

impl Row<'_> {
    /// The row's key and value, if it is of that table.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]
    pub fn of<K: Key, V: Value>(&self, table: Table<K, V>) -> Result<Option<(K, V)>, StoreError> {
        if self.table != table.name() {
            return Ok(None);
        }
        Ok(Some((table.decode_key(&self.whole_key())?, table.decode_value(self.value)?)))
    }

    /// Whether the row is of that table.
    #[must_use]
    pub fn is_of<K, V>(&self, table: Table<K, V>) -> bool {
        self.table == table.name()
    }

    /// The value's bytes.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.value
    }

    /// The key with its table's number, as the store keeps it.
    pub(super) fn whole_key(&self) -> Vec<u8> {
        [&self.number, self.key].concat()
    }
}

/// What a dump holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Version of the layout that its rows have.
    pub schema: u64,
    /// Everything at or before it is in the dump.
    pub position: StreamPos,
    /// Rows in all.
    pub rows: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// Goes through a dump without making anything of it, and shows each row to `visit`.
///
/// # Errors
/// [`LoadError`]; only once this has returned were the rows all right.
pub fn verify(input: impl Read, visit: impl FnMut(Row<'_>) -> Result<(), LoadError>) -> Result<Contents, LoadError> {
    parse(input, |_| Ok(()), visit)
}

/// As [`verify`]; `begin` hears the schema before the first row.
pub(super) fn parse(
    input: impl Read,
    begin: impl FnOnce(u64) -> Result<(), LoadError>,
    mut visit: impl FnMut(Row<'_>) -> Result<(), LoadError>,
) -> Result<Contents, LoadError> {
    let mut input = Input { from: input, sum: blake3::Hasher::new(), at: 0 };
    let mut magic = [0; MAGIC.len()];
    match input.exact(&mut magic) {
        Ok(()) if magic == MAGIC => {}
        Ok(()) => return Err(LoadError::Foreign),
        Err(LoadError::Damaged { .. }) if !MAGIC.starts_with(magic.get(..1).unwrap_or_default()) => {
            return Err(LoadError::Foreign);
        }
        Err(error) => return Err(error),
    }
    let format = u32::from_be_bytes(input.array()?);
    if format > FORMAT {
        return Err(LoadError::Newer(format!("its format is {format}, this one reads up to {FORMAT}")));
    }
    let schema = u64::from_be_bytes(input.array()?);
    if schema > schema::VERSION {
        return Err(LoadError::Newer(format!("its layout is {schema}, this one reads up to {}", schema::VERSION)));
    }
    if format != FORMAT || schema == 0 {
        return Err(input.damaged("it has a version that there never was"));
    }
    begin(schema)?;
    let mut tables = Tables::default();
    visit_all(&mut tables)?;
    let (mut rows, mut key, mut value) = (0, Vec::new(), Vec::new());
    loop {
        match input.array::<1>()? {
            [TABLE] => rows += table(&mut input, schema, &mut tables, (&mut key, &mut value), &mut visit)?,
            [TRAILER] => break,
            _ => return Err(input.damaged("something other than a table begins")),
        }
    }
    if let Some(missing) = tables.0.keys().next().filter(|_| schema == schema::VERSION) {
        return Err(input.damaged(&format!("the table {missing} is missing")));
    }
    let position = StreamPos(u64::from_be_bytes(input.array()?));
    // Positions are places in timelines too, which are signed.
    if position.0 >= 1 << 62 {
        return Err(input.damaged("its position is none"));
    }
    let sum = input.sum.finalize();
    let stands: [u8; 32] = input.array()?;
    if sum != stands {
        return Err(input.damaged("its sum is not that of its bytes"));
    }
    let bytes = input.at;
    if input.from.read(&mut [0]).map_err(LoadError::Input)? != 0 {
        return Err(input.damaged("it goes on behind its end"));
    }
    Ok(Contents { schema, position, rows, bytes })
}

/// One table with its rows. Returns how many there are.
fn table<R: Read>(
    input: &mut Input<R>,
    schema: u64,
    tables: &mut Tables,
    (key, value): (&mut Vec<u8>, &mut Vec<u8>),
    visit: &mut impl FnMut(Row<'_>) -> Result<(), LoadError>,
) -> Result<u64, LoadError> {
    let [length] = input.array()?;
    let mut name = Vec::new();
    input.some(usize::from(length), &mut name)?;
    let Ok(name) = std::str::from_utf8(&name) else { return Err(input.damaged("a table's name is no text")) };
    let Some(known) = tables.0.remove(name) else {
        if derived::is_left_out(name) || tables.1.contains(name) {
            return Err(input.damaged(&format!("the table {name} does not belong here")));
        }
        return Err(LoadError::Newer(format!("it has a table {name}, which this one doesn't know")));
    };
    tables.1.insert(known.name);
    let (mut rows, mut before) = (0_u64, Vec::new());
    loop {
        let length = u32::from_be_bytes(input.array()?);
        let Some(length) = length.checked_sub(1) else { break };
        let (length, of_value) = (to_usize(length), to_usize(u32::from_be_bytes(input.array()?)));
        if length > LONGEST_KEY || of_value > LONGEST_VALUE {
            return Err(input.damaged("a row is longer than any is"));
        }
        input.some(length, key)?;
        input.some(of_value, value)?;
        if rows > 0 && known.name != STATE_NODES.name() && *before >= **key {
            return Err(input.damaged("rows are not in their order"));
        }
        before.clone_from(key);
        rows += 1;
        let row = Row { table: known.name, number: known.number, key, value };
        // Rows of an older layout can be read only once they were brought up to date.
        if schema == schema::VERSION {
            (known.check)(&row.whole_key(), value).map_err(|error| input.damaged(&error.to_string()))?;
        }
        visit(row)?;
    }
    let counted = u64::from_be_bytes(input.array()?);
    if counted == rows { Ok(rows) } else { Err(input.damaged(&format!("rows of {name} are missing"))) }
}

/// Lengths are checked before anything is done with them.
fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

struct Input<R> {
    from: R,
    sum: blake3::Hasher,
    at: u64,
}

impl<R: Read> Input<R> {
    fn damaged(&self, what: &str) -> LoadError {
        LoadError::Damaged { what: what.to_owned(), at: self.at }
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), LoadError> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.damaged("it ends too early"),
            _ => LoadError::Input(error),
        })?;
        self.sum.update(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let mut bytes = [0; N];
        self.exact(&mut bytes).map(|()| bytes)
    }

    /// So many bytes in place of what is in `bytes`. Room is made as they come, and not because a number says so.
    fn some(&mut self, length: usize, bytes: &mut Vec<u8>) -> Result<(), LoadError> {
        bytes.clear();
        while bytes.len() < length {
            let start = bytes.len();
            bytes.resize(length.min(start + AHEAD), 0);
            self.exact(bytes.get_mut(start..).unwrap_or_default())?;
        }
        Ok(())
    }
}

type Check = Box<dyn Fn(&[u8], &[u8]) -> Result<(), StoreError>>;

struct Known {
    name: &'static str,
    number: [u8; 2],
    /// Whether a key, with the number, and a value are what the table holds.
    check: Check,
}

/// The tables that a dump has and that were not met yet, and the names of those that were.
#[derive(Default)]
struct Tables(BTreeMap<&'static str, Known>, BTreeSet<&'static str>);

impl TableVisitor for Tables {
    type Error = StoreError;

    fn table<K: Key, V: Value>(&mut self, table: Table<K, V>) -> Result<(), StoreError> {
        if !derived::is_left_out(table.name()) {
            let check = move |key: &[u8], value: &[u8]| {
                table.decode_key(key)?;
                table.decode_value(value).map(drop)
            };
            let known = Known { name: table.name(), number: table.number(), check: Box::new(check) };
            self.0.insert(table.name(), known);
        }
        Ok(())
    }
}
