//! Opening a file: is it there, is it ours, is it whole, is it of a version we know?

use crate::gate::gate;
use crate::queue::panic_words;
use crate::schema::{self, MIGRATIONS, Meta, Migration};
use crate::{OpenError, StoreError};
use redb::backends::FileBackend;
use redb::{Builder, Database, StorageBackend};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for pages that were read or are to be written.
    pub cache_bytes: usize,
    /// Make the file where there is none.
    pub create: bool,
    /// Read the whole file and compare every checksum before using it. redb does so by itself
    /// after a crash; without this, a file that was closed in order is trusted.
    pub verify: bool,
    /// The way from older layouts; tests put their own in its place.
    #[doc(hidden)]
    pub migrations: &'static [Migration],
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 8 * 1024 * 1024, create: true, verify: false, migrations: MIGRATIONS }
    }
}

/// The first bytes of every redb file.
const REDB_MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1a, 0x0a, 0xa9, 0x0d, 0x0a];

/// Opens the file for serving, making or migrating it where that is called for.
pub(crate) fn open(path: &Path, options: &Options) -> Result<(Database, Meta), OpenError> {
    match open_existing(path) {
        Err(OpenError::Missing { .. }) if options.create => {
            create(path, options)?;
            open_backend(path, open_existing(path)?, options)
        }
        file => open_backend(path, file?, options),
    }
}

/// Opens the file only to look at it: nothing that redb does reaches the file.
pub(crate) fn open_untouched(path: &Path, options: &Options) -> Result<(Database, Meta), OpenError> {
    let (gated, _key) = gate(open_existing(path)?);
    admit(path, gated, options)
}

/// Opens a database in whatever stores bytes, for serving. An empty one is made into a store.
pub(crate) fn open_backend<B: StorageBackend>(
    path: &Path,
    backend: B,
    options: &Options,
) -> Result<(Database, Meta), OpenError> {
    let io = |error| OpenError::from_io(path, error);
    if backend.len().map_err(io)? == 0 {
        let known = schema::version_after(options.migrations);
        let database = build(backend, options).map_err(|error| OpenError::from_database(path, error))?;
        schema::initialise(&database, known).map_err(|error| OpenError::from_store(path, error))?;
        let meta = schema::inspect(&database, path, known)?;
        return Ok((database, meta));
    }
    let (gated, key) = gate(backend);
    let (database, mut meta) = admit(path, gated, options)?;
    key.open().map_err(io)?;
    schema::migrate(&database, path, &mut meta, options.migrations)?;
    Ok((database, meta))
}

/// Lets redb open the file and looks whether it is ours. redb panics on some damage.
fn admit<B: StorageBackend>(path: &Path, backend: B, options: &Options) -> Result<(Database, Meta), OpenError> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = build(backend, options).map_err(|error| OpenError::from_database(path, error))?;
        let meta = schema::inspect(&database, path, schema::version_after(options.migrations))?;
        Ok((database, meta))
    }));
    opened.unwrap_or_else(|panic| Err(OpenError::Damaged { path: path.to_owned(), what: panic_words(&*panic) }))
}

fn build<B: StorageBackend>(backend: B, options: &Options) -> Result<Database, redb::DatabaseError> {
    Builder::new()
        .set_cache_size(options.cache_bytes)
        .set_check_integrity_on_open(options.verify)
        .set_repair_callback(|_| tracing::debug!("the database was not closed in order; redb is going through it"))
        .create_with_backend(backend)
}

/// Opens a file that is there, after a first look at what it is.
fn open_existing(path: &Path) -> Result<FileBackend, OpenError> {
    let io = |error| OpenError::from_io(path, error);
    let foreign = |what: &str| OpenError::Foreign { path: path.to_owned(), what: what.to_owned() };
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(foreign("not a file"));
    }
    let mut file = File::options().read(true).write(true).open(path).map_err(io)?;
    let mut start = [0; REDB_MAGIC.len()];
    match file.read_exact(&mut start) {
        Ok(()) if start == REDB_MAGIC => {}
        Ok(()) => return Err(foreign("it begins with other bytes than one does")),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            // A store is made under another name and then renamed, so none is ever this short.
            let what = "it is empty or ends after a few bytes".to_owned();
            return Err(OpenError::Damaged { path: path.to_owned(), what });
        }
        Err(error) => return Err(io(error)),
    }
    FileBackend::new(file).map_err(|error| OpenError::from_database(path, error))
}

/// Makes the file under another name and renames it once it is whole, so that a crash on the way
/// leaves no file rather than half a one.
fn create(path: &Path, options: &Options) -> Result<(), OpenError> {
    let io = |error| OpenError::from_io(path, error);
    let fresh = fresh_name(path);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    // Private messages and keys: for the owner's eyes alone.
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&fresh).map_err(io)?;
    let backend = FileBackend::new(file).map_err(|error| OpenError::from_database(path, error))?;
    let (database, _) = open_backend(path, backend, options)?;
    database.close().map_err(|error| OpenError::from_database(path, error))?;
    File::open(&fresh).and_then(|file| file.sync_all()).map_err(io)?;
    fs::rename(&fresh, path).map_err(io)?;
    // The rename itself is durable only when the folder is.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

fn fresh_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> Self {
        Self::CommitFailed(error.to_string())
    }
}
