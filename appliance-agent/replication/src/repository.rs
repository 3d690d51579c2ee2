//! A repository: making, opening, and what can be done with it.

mod create;
mod forget;
mod list;
mod restore;
mod take_over;
mod verify;
mod write;

use crate::{
    BoxKey, Error, ForgetPlan, Key, Meter, Preview, Progress, RecoveryKey, Replica, ReplicaId, Restored, Result,
    Source, Verified, disk::Disk, keyfile, session::Session,
};
use rustic_core::repofile::MasterKey;
use std::{
    collections::BTreeMap,
    fmt,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

/// An open repository. `Send + Sync`; several may be open on one folder. Writing and tidying up exclude each other and themselves, over
/// processes too ([`Error::Busy`]); reading goes on beside writing.
pub struct Repository {
    folder: PathBuf,
    master: MasterKey,
}

/// How much a check reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every piece of the replica.
    Full,
    /// The database, and of the files only what this earlier replica did not have.
    Since(ReplicaId),
}

/// Where a replica is restored to.
pub struct Destination<'a> {
    /// Takes the database's stream.
    pub database: &'a mut dyn Write,
    /// By their names in the replica, the folders of the box that files go to: `media`, `agent`. They are made if they aren't there; one that
    /// holds something is refused. What isn't named here is left out.
    pub folders: BTreeMap<String, PathBuf>,
}

impl fmt::Debug for Destination<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Destination").field("folders", &self.folders).finish_non_exhaustive()
    }
}

/// What tidying up did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Replicas that went.
    pub removed: usize,
    /// Bytes that became free.
    pub bytes_freed: u64,
}

impl Repository {
    /// Makes a repository in `folder`, which is made if it isn't there and must be empty. Both keys open it.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`], and those of the disk.
    pub fn create(folder: &Path, recovery_key: &RecoveryKey, box_key: &BoxKey) -> Result<Self> {
        Ok(Self { folder: folder.to_owned(), master: create::create(folder, recovery_key, box_key)? })
    }

    /// Opens the repository in `folder`.
    ///
    /// # Errors
    ///
    /// [`Error::NotARepository`], [`Error::WrongKey`], [`Error::Damaged`], [`Error::NewerFormat`], and those of the disk.
    pub fn open(folder: &Path, key: Key<'_>) -> Result<Self> {
        if !folder.join("config").is_file() {
            return Err(Error::NotARepository);
        }
        let disk = Disk::new(folder, false, Arc::new(Meter::silent()));
        let master = keyfile::find(&disk, key)?;
        Session::new(disk, &master).check_config()?;
        Ok(Self { folder: folder.to_owned(), master })
    }

    /// Gives the repository a new box's key in place of every former box's; after a restore, with a repository that the recovery key opened. The
    /// recovery key stays good.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn take_over(&self, box_key: &BoxKey) -> Result<()> {
        take_over::take_over(self, box_key)
    }

    /// Bytes that replicas may still fill, and the size of the file system that the repository is on.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn space(&self) -> Result<(u64, u64)> {
        self.session(false, &Arc::new(Meter::silent())).disk.space()
    }

    /// Writes a replica taken at `now_ms` (milliseconds since 1970). It is there when this returns, and not at all if this fails or is
    /// interrupted at any moment. Nothing of the source is written anywhere else.
    ///
    /// # Errors
    ///
    /// [`Error::Source`] when the source fails, [`Error::Full`], [`Error::Vanished`], [`Error::Busy`], [`Error::Cancelled`], [`Error::Unusable`] for a manifest without the
    /// right `format`.
    pub fn write(&self, source: Source, now_ms: u64, progress: &Progress) -> Result<Replica> {
        write::write(self, source, now_ms, progress)
    }

    /// All replicas, newest first. Reads little: it may be asked while a replica is being written.
    ///
    /// # Errors
    ///
    /// Those of the disk, [`Error::Damaged`].
    pub fn list(&self) -> Result<Vec<Replica>> {
        list::list(self)
    }

    /// The manifest of a replica, whatever its format.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownReplica`], [`Error::Damaged`], [`Error::Unusable`] if it has none.
    pub fn read_manifest(&self, replica: &ReplicaId) -> Result<Vec<u8>> {
        list::read_manifest(self, replica)
    }

    /// Reads a replica back from the disk (not from the memory's copy of it), compares every piece with its hash, and hands the database's
    /// stream to `database`, whose failure fails the check ([`Error::Refused`]).
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] says what is damaged.
    pub fn verify(
        &self,
        replica: &ReplicaId,
        scope: &Scope,
        database: &mut dyn Write,
        progress: &Progress,
    ) -> Result<Verified> {
        verify::verify(self, replica, scope, database, progress)
    }

    /// What a restore of this replica would bring. Refuses what a restore would refuse.
    ///
    /// # Errors
    ///
    /// [`Error::NewerFormat`], [`Error::Unusable`], [`Error::Damaged`], [`Error::UnknownReplica`].
    pub fn preview(&self, replica: &ReplicaId) -> Result<Preview> {
        restore::preview(self, replica)
    }

    /// Restores a replica: the database's stream to a writer, files straight to their places, with modes, owners and times, and synced to the
    /// disk when this returns. Every piece is compared with its hash on the way. What a failed restore has made is left to the caller.
    ///
    /// # Errors
    ///
    /// As [`Repository::preview`]; [`Error::Refused`] when `database` fails, [`Error::Target`] for the files.
    pub fn restore(&self, replica: &ReplicaId, to: &mut Destination<'_>, progress: &Progress) -> Result<Restored> {
        restore::restore(self, replica, to, progress)
    }

    /// Removes the replicas that `plan` lets go ([`crate::Retention::plan`]) and frees what nothing needs any more: theirs, and what interrupted writers left. Works
    /// on a full disk. Interrupted at any moment, no other replica is harmed.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Damaged`] (then nothing is freed), those of the disk.
    pub fn forget(&self, plan: &ForgetPlan, progress: &Progress) -> Result<Tidied> {
        forget::forget(self, plan, progress)
    }

    /// Removes one replica, as one that did not pass its check: what it holds stays until the next [`Repository::forget`], and nothing else is
    /// touched. `now_ms` is the time, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], those of the disk.
    pub fn remove(&self, replica: &ReplicaId, now_ms: u64) -> Result<()> {
        forget::remove(self, replica, now_ms)
    }

    /// One operation's access.
    fn session(&self, from_disk: bool, meter: &Arc<Meter>) -> Session {
        Session::new(Disk::new(&self.folder, from_disk, Arc::clone(meter)), &self.master)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Repository").field("folder", &self.folder).finish_non_exhaustive()
    }
}
