//! The layout's version, and the way from older ones to this one.
//!
//! A change of a key's or a postcard value's shape, or of a table's name, needs a migration: a
//! function appended to [`MIGRATIONS`]. The version is one more than their number, so appending
//! raises it. An older build refuses the file from then on, untouched.

use crate::change::Change;
use crate::records::{Membership, MembershipRecord};
use crate::snapshot::ROWS;
use crate::{EventNo, OpenError, Read as _, RoomNo, StoreError, StreamPos, Table, tables};
use redb::{Database, ReadableDatabase, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Brings the rows from one version to the next. In a store that was made of a dump the derived tables
/// (`dump/derived.rs`) are still empty then. All steps that a file needs run in one
/// transaction; a step's writes are held in memory until it ends.
pub type Migration = fn(&mut Change<'_>) -> Result<(), StoreError>;

/// The migration at index n leads from version n + 1 to version n + 2. Only ever appended to.
pub const MIGRATIONS: &[Migration] = &[
    // 2: EMAILS and its like. No row moves; but dumps of before lack the table, and a build of before would leave an
    // account its addresses when it ends.
    |_| Ok(()),
    // 3: when a member left; and REACTIONS, which holds those made since.
    left_at,
];

/// MEMBERSHIPS of version 3 from that of version 2.
fn left_at(change: &mut Change<'_>) -> Result<(), StoreError> {
    /// [`MembershipRecord`](crate::records::MembershipRecord) before version 3.
    #[derive(Serialize, Deserialize)]
    struct Before {
        membership: Membership,
        event: EventNo,
        position: StreamPos,
        joined_at: Option<StreamPos>,
        forgotten: bool,
        stripped_state: Option<String>,
    }
    crate::postcard_value!(Before);
    const BEFORE: Table<(String, RoomNo), Before> = Table::new(tables::MEMBERSHIPS.name());
    let before: Vec<_> = change.prefix(BEFORE, ())?.collect::<Result<_, _>>()?;
    for ((user, room), old) in before {
        let Before { membership, event, position, joined_at, forgotten, stripped_state } = old;
        // Of who was a member once, the last change is what is known.
        let left_at = joined_at.filter(|_| membership != Membership::Join).map(|_| position);
        let record = MembershipRecord { membership, event, position, joined_at, left_at, forgotten, stripped_state };
        change.put(tables::MEMBERSHIPS, (user.as_str(), room), &record)?;
    }
    Ok(())
}

/// The version of the layout that this build writes.
pub const VERSION: u64 = version_after(MIGRATIONS);

/// What the file says of itself; the rows are in [`ROWS`].
pub(crate) const META: redb::TableDefinition<'static, &'static str, &'static [u8]> =
    redb::TableDefinition::new("hearth");

/// Tells our files from other programs' redb files.
const MAGIC: (&str, &[u8]) = ("magic", b"Hearth homeserver store");
/// Schema version, eight bytes, big-endian.
const SCHEMA: &str = "schema";
/// The highest position of the change log that may have been given out, likewise.
pub(crate) const RESERVED: &str = "reserved";

/// What stands in the meta table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) schema: u64,
    pub(crate) reserved: StreamPos,
}

pub(crate) const fn version_after(migrations: &[Migration]) -> u64 {
    migrations.len() as u64 + 1
}

/// Makes a new, empty database ours.
pub(crate) fn initialise(database: &Database, schema: u64) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(MAGIC.0, MAGIC.1)?;
        meta.insert(SCHEMA, schema.to_be_bytes().as_slice())?;
        meta.insert(RESERVED, 0_u64.to_be_bytes().as_slice())?;
        transaction.open_table(ROWS)?;
    }
    commit(transaction)
}

/// Reads what the file says of itself, and refuses what isn't ours or is too new.
pub(crate) fn inspect(database: &Database, path: &Path, known: u64) -> Result<Meta, OpenError> {
    let foreign = |what: &str| OpenError::Foreign { path: path.to_owned(), what: what.to_owned() };
    let damaged = |error: StoreError| OpenError::from_store(path, error);
    let transaction = database.begin_read().map_err(|error| damaged(error.into()))?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(damaged(error.into())),
        Err(_) => return Err(foreign("a redb database of another program")),
    };
    let get = |name: &str| match meta.get(name) {
        Ok(value) => Ok(value.map(|value| value.value().to_vec())),
        Err(error) => Err(damaged(error.into())),
    };
    if get(MAGIC.0)?.as_deref() != Some(MAGIC.1) {
        return Err(foreign("a redb database of another program"));
    }
    let number = |name: &'static str| match get(name)?.as_deref().map(<[u8; 8]>::try_from) {
        Some(Ok(bytes)) => Ok(u64::from_be_bytes(bytes)),
        _ => Err(damaged(StoreError::corrupt("its own description", format!("no number under {name}")))),
    };
    let schema = number(SCHEMA)?;
    if schema > known {
        return Err(OpenError::Newer { path: path.to_owned(), found: schema, known });
    }
    if schema == 0 {
        return Err(damaged(StoreError::corrupt("its own description", "layout version 0")));
    }
    match transaction.open_table(ROWS) {
        Ok(_) => Ok(Meta { schema, reserved: StreamPos(number(RESERVED)?) }),
        Err(error) => Err(damaged(error.into())),
    }
}

/// Runs the migrations that the file still needs, all or none.
pub(crate) fn migrate(
    database: &Database,
    path: &Path,
    meta: &mut Meta,
    migrations: &[Migration],
) -> Result<(), OpenError> {
    let to = version_after(migrations);
    if meta.schema == to {
        return Ok(());
    }
    let from = meta.schema;
    tracing::info!(from, to, "bringing the database's layout up to date");
    let done = usize::try_from(from - 1).unwrap_or(usize::MAX);
    let reserved = run(database, meta.reserved, to, migrations.iter().skip(done))
        .map_err(|source| OpenError::Migration { path: path.to_owned(), from, to, source })?;
    *meta = Meta { schema: to, reserved };
    Ok(())
}

fn run<'a>(
    database: &Database,
    mut last_pos: StreamPos,
    to: u64,
    steps: impl Iterator<Item = &'a Migration>,
) -> Result<StreamPos, StoreError> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.open_table(ROWS)?;
        for step in steps {
            let mut change = Change::new(&rows, &mut last_pos);
            step(&mut change)?;
            let written = change.into_written();
            for (row, value) in written.rows {
                match value {
                    Some(value) => drop(rows.insert(row.as_slice(), value.as_slice())?),
                    None => drop(rows.remove(row.as_slice())?),
                }
            }
        }
        let mut meta = transaction.open_table(META)?;
        meta.insert(SCHEMA, to.to_be_bytes().as_slice())?;
        meta.insert(RESERVED, last_pos.0.to_be_bytes().as_slice())?;
    }
    commit(transaction)?;
    Ok(last_pos)
}

/// Commits so that even a crash right after it needs no other copy of the roots.
fn commit(mut transaction: WriteTransaction) -> Result<(), StoreError> {
    transaction.set_two_phase_commit(true);
    Ok(transaction.commit()?)
}
