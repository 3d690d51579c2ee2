//! Making a store of a dump.

use super::{Contents, LoadError, Row, derived, parse::parse, unfinished};
use crate::open::Options;
use crate::schema::{self, META, RESERVED};
use crate::snapshot::ROWS;
use crate::{OpenError, Snapshot, Store, StoreError, StreamPos};
use redb::backends::FileBackend;
use redb::{Database, StorageBackend as _};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Bytes of rows that are gathered for one commit. They are sorted meanwhile, which is what keeps indexes by hash from
/// touching a page for every row.
const BATCH: usize = 16 << 20;
/// What a row in a batch takes besides its bytes, about.
const ROW_OVERHEAD: usize = 100;
/// Memory for the database's pages while it is made.
const CACHE: usize = 24 << 20;

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// What the dump held.
    pub contents: Contents,
    /// The positions of the new store begin behind this one.
    pub jumped_to: StreamPos,
}

/// Makes a store at `path` of a dump: under another name, and with its own name only once all of it is there, durable
/// and worked on.
///
/// `visit` sees each row of the dump. `jump` says behind which position the store is to go on; it is never before the
/// dump's. `work` changes the store before anybody else sees it.
///
/// # Errors
/// [`LoadError`], or what `visit` or `work` fail with; nothing is at `path` then.
pub fn load<E: From<LoadError>>(
    input: impl Read,
    path: &Path,
    visit: impl FnMut(Row<'_>) -> Result<(), LoadError>,
    jump: impl FnOnce(&Contents) -> StreamPos,
    work: impl FnOnce(&Store, &Loaded) -> Result<(), E>,
) -> Result<Loaded, E> {
    let fresh = unfinished(path);
    let (file, loaded) = fill(input, path, &fresh, visit, jump)?;
    let options = Options { cache_bytes: CACHE, create: false, ..Options::default() };
    let store = Store::open(&fresh, options).map_err(LoadError::Open)?;
    work(&store, &loaded)?;
    store.close();
    let io = |error| LoadError::Open(OpenError::from_io(&fresh, error));
    file.sync_all().map_err(io)?;
    // A rename would replace a database that somebody else has put there meanwhile; a link refuses.
    match fs::hard_link(&fresh, path) {
        Ok(()) => fs::remove_file(&fresh).map_err(io)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(LoadError::Occupied(path.to_owned()).into());
        }
        // Not every file system has links.
        Err(_) => fs::rename(&fresh, path).map_err(io)?,
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    Ok(loaded)
}

/// Makes the file and closes it again.
fn fill(
    input: impl Read,
    path: &Path,
    fresh: &Path,
    mut visit: impl FnMut(Row<'_>) -> Result<(), LoadError>,
    jump: impl FnOnce(&Contents) -> StreamPos,
) -> Result<(File, Loaded), LoadError> {
    let io = |error| LoadError::Open(OpenError::from_io(fresh, error));
    if fs::symlink_metadata(path).is_ok() {
        return Err(LoadError::Occupied(path.to_owned()));
    }
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(fresh).map_err(io)?;
    let backend = file.try_clone().map_err(io)?;
    // Locked from here on: another restore into this folder is refused instead of being overwritten.
    let backend = FileBackend::new(backend).map_err(|error| OpenError::from_database(fresh, error))?;
    // What a restore that was broken off has left.
    backend.set_len(0).map_err(io)?;
    let database = redb::Builder::new()
        .set_cache_size(CACHE)
        .create_with_backend(backend)
        .map_err(|error| OpenError::from_database(fresh, error))?;

    let mut batch = Batch::new(&database);
    let contents = parse(
        input,
        |schema| Ok(schema::initialise(&database, schema)?),
        |row| {
            visit(row)?;
            batch.put(row.whole_key(), row.value().to_vec())
        },
    )?;
    batch.commit()?;
    let jumped_to = jump(&contents).max(contents.position);
    let transaction = database.begin_write().map_err(StoreError::from)?;
    {
        let mut meta = transaction.open_table(META).map_err(StoreError::from)?;
        meta.insert(RESERVED, jumped_to.0.to_be_bytes().as_slice()).map_err(StoreError::from)?;
    }
    transaction.commit().map_err(StoreError::from)?;

    let mut meta = schema::inspect(&database, fresh, schema::VERSION)?;
    schema::migrate(&database, fresh, &mut meta, schema::MIGRATIONS)?;
    let filled = Snapshot::take(&database, meta.reserved)?;
    let mut batch = Batch::new(&database);
    derived::rebuild(&filled, &mut |key, value| batch.put(key, value))?;
    batch.commit()?;
    drop(filled);
    database.close().map_err(|error| OpenError::from_database(fresh, error))?;
    Ok((file, Loaded { contents, jumped_to }))
}

/// Rows that wait for their commit.
struct Batch<'d> {
    database: &'d Database,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl<'d> Batch<'d> {
    fn new(database: &'d Database) -> Self {
        Self { database, rows: BTreeMap::new(), bytes: 0 }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), LoadError> {
        self.bytes += key.len() + value.len() + ROW_OVERHEAD;
        self.rows.insert(key, value);
        if self.bytes >= BATCH { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), LoadError> {
        let transaction = self.database.begin_write().map_err(StoreError::from)?;
        {
            let mut rows = transaction.open_table(ROWS).map_err(StoreError::from)?;
            for (key, value) in std::mem::take(&mut self.rows) {
                rows.insert(key.as_slice(), value.as_slice()).map_err(StoreError::from)?;
            }
        }
        transaction.commit().map_err(StoreError::from)?;
        self.bytes = 0;
        Ok(())
    }
}
