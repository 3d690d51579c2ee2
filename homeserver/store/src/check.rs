//! Going through a whole store: is every page and every row what it should be?

use crate::entries::RawEntries;
use crate::open::{self, Options};
use crate::read::RawRead;
use crate::tables::{TableVisitor, visit_all};
use crate::{Key, OpenError, Snapshot, StoreError, Table, Value};
use std::ops::Bound;
use std::path::Path;

/// So many problems are described; the rest is only counted.
const DESCRIBED: usize = 50;

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    /// Every table, with what it holds.
    pub tables: Vec<TableReport>,
    /// Rows of tables that this build doesn't know.
    pub unknown_rows: u64,
    /// Rows that can't be decoded.
    pub bad_rows: u64,
    /// The first of them in words.
    pub problems: Vec<String>,
}

impl CheckReport {
    /// Whether every row could be read and decoded.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.bad_rows == 0
    }

    /// Rows in all tables that this build knows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// What a table holds.
#[derive(Debug, Clone)]
pub struct TableReport {
    /// The table's name.
    pub name: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Bytes of its keys and values, without what the tree adds.
    pub bytes: u64,
}

/// Checks a file that no store has open: every page's checksum, the allocation of pages, and every
/// row. Reads all of it and changes nothing, even where redb would repair.
///
/// # Errors
/// [`OpenError`] where the file can't be opened or its pages are damaged. Rows that can't be
/// decoded are in the report.
pub fn check(path: &Path, options: &Options) -> Result<CheckReport, OpenError> {
    let options = Options { verify: true, create: false, ..options.clone() };
    let (database, meta) = open::open_untouched(path, &options)?;
    Snapshot::take(&database, meta.reserved)
        .and_then(|snapshot| check_rows(&snapshot))
        .map_err(|error| OpenError::from_store(path, error))
}

/// Decodes every row of a snapshot.
pub(crate) fn check_rows(snapshot: &Snapshot) -> Result<CheckReport, StoreError> {
    let mut walk = Walk { snapshot, report: CheckReport::default() };
    visit_all(&mut walk)?;
    let mut report = walk.report;
    report.unknown_rows = snapshot.len()?.saturating_sub(report.rows());
    Ok(report)
}

struct Walk<'a> {
    snapshot: &'a Snapshot,
    report: CheckReport,
}

impl TableVisitor for Walk<'_> {
    type Error = StoreError;

    fn table<K: Key, V: Value>(&mut self, table: Table<K, V>) -> Result<(), StoreError> {
        let start = table.number().to_vec();
        let end = crate::table::behind(start.clone());
        let mut rows: RawEntries<'_> = self.snapshot.scan(Bound::Included(&start), end.as_ref().map(Vec::as_slice))?;
        let mut found = TableReport { name: table.name(), rows: 0, bytes: 0 };
        while let Some(row) = rows.next_raw() {
            let row = row?;
            found.rows += 1;
            found.bytes += (row.key().len() + row.value().len()) as u64;
            let decoded = table.decode_key(row.key()).and_then(|_| table.decode_value(row.value()));
            if let Err(error) = decoded {
                self.report.bad_rows += 1;
                if self.report.problems.len() < DESCRIBED {
                    self.report.problems.push(error.to_string());
                }
            }
        }
        self.report.tables.push(found);
        Ok(())
    }
}
