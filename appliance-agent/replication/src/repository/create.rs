//! Making a repository.

use crate::{BoxKey, Error, Key, RecoveryKey, Result, disk::Disk, keyfile, meter::Meter, session::Session};
use bytesize::ByteSize;
use rustic_core::{ConfigOptions, KeyOptions, repofile::MasterKey};
use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The repository's settings; restic ignores those of them that it doesn't know, and reads all that they lead to.
///
/// Pieces are cut by content at 32 KiB and on average 64 KiB more, a tenth of restic's: a changed row costs the piece that it is in, so small pieces are what
/// makes a replica grow with what changed. Packs are 4 MiB, restic's least: several of them are in memory at once.
fn settings() -> ConfigOptions {
    let mut settings = ConfigOptions::default();
    settings.set_version = Some(2);
    settings.set_chunk_size = Some(ByteSize(64 * KIB));
    settings.set_chunk_min_size = Some(ByteSize(32 * KIB));
    settings.set_chunk_max_size = Some(ByteSize(512 * KIB));
    settings.set_datapack_size = Some(ByteSize(4 * MIB));
    settings.set_datapack_growfactor = Some(0);
    settings.set_treepack_size = Some(ByteSize(4 * MIB));
    settings.set_treepack_growfactor = Some(0);
    settings
}

/// Makes the folders, the key files and the configuration, which is what makes it a repository: the last file, so that an interruption before it leaves none.
pub(super) fn create(folder: &Path, recovery_key: &RecoveryKey, box_key: &BoxKey) -> Result<MasterKey> {
    make_empty(folder)?;
    let disk = Disk::new(folder, false, Arc::new(Meter::silent()));
    let master = MasterKey::new();
    let session = Session::new(Arc::clone(&disk), &master);
    rustic_core::WriteBackend::create(&*disk).map_err(|_| disk.explain("its folders can't be made"))?;
    keyfile::add(&disk, &master, Key::Recovery(recovery_key))?;
    keyfile::add(&disk, &master, Key::Box(box_key))?;
    let result = catch_unwind(AssertUnwindSafe(|| {
        session.raw()?.init(&session.credentials(), &KeyOptions::default(), &settings()).map(drop)
    }));
    session.outcome("its configuration can't be written", result)?;
    session.check_config()?;
    Ok(master)
}

/// The folder, made if it isn't there. What an interrupted attempt has left is no obstacle: without a configuration it is nothing.
fn make_empty(folder: &Path) -> Result<()> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::Vanished(error),
        io::ErrorKind::ReadOnlyFilesystem => Error::ReadOnly(error),
        _ => Error::Disk(error),
    };
    match fs::create_dir(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let mut others = false;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        others |= name == "config" || !Disk::makes_folder(&name);
    }
    if others { Err(Error::NotEmpty) } else { Ok(()) }
}
