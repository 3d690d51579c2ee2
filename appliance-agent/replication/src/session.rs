//! One operation on a repository: the folder, the key, and rustic_core between them.

use crate::{Error, Result, cipher::Cipher, disk::Disk};
use rustic_core::{
    FileType, Id, OpenStatus, ReadBackend as _, RepositoryBackends, RepositoryOptions, RusticError, RusticResult,
    repofile::MasterKey,
};
use serde::Deserialize;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// An open repository of rustic_core's, without an index.
pub(crate) type Open = rustic_core::Repository<OpenStatus>;

/// The only version of restic's format that is written and read here.
const FORMAT: u32 = 2;

/// One operation.
pub(crate) struct Session {
    pub(crate) disk: Arc<Disk>,
    master: MasterKey,
}

#[derive(Deserialize)]
struct Config {
    version: u32,
}

impl Session {
    pub(crate) fn new(disk: Arc<Disk>, master: &MasterKey) -> Self {
        Self { disk, master: master.clone() }
    }

    /// Whether the configuration is there, opens with the key, and is of a format that this version knows.
    pub(crate) fn check_config(&self) -> Result<()> {
        let damaged = |words: &str| self.disk.explain(words);
        let sealed = self
            .disk
            .read_full(FileType::Config, &Id::default())
            .map_err(|_| damaged("its configuration can't be read"))?;
        let text = self.cipher()?.decrypt(&sealed).ok_or_else(|| damaged("its configuration was changed"))?;
        let Config { version } =
            serde_json::from_slice(&text).map_err(|_| damaged("its configuration is not understood"))?;
        match version {
            FORMAT => Ok(()),
            newer if newer > FORMAT => Err(Error::NewerFormat(format!("repository format {newer}"))),
            older => Err(Error::Unusable(format!(
                "it is a repository of the old format {older}, which Hearth does not write"
            ))),
        }
    }

    pub(crate) fn cipher(&self) -> Result<Cipher> {
        Cipher::of(&self.master).ok_or_else(|| Error::Damaged("its key is not of the right length".to_owned()))
    }

    /// rustic_core's repository, before it is opened or made. Without a cache, which would be a second copy on the card.
    pub(crate) fn raw(&self) -> RusticResult<rustic_core::Repository<()>> {
        let mut options = RepositoryOptions::default();
        options.no_cache = true;
        rustic_core::Repository::new(&options, &RepositoryBackends::new(Arc::<Disk>::clone(&self.disk), None))
    }

    pub(crate) fn credentials(&self) -> rustic_core::Credentials {
        rustic_core::Credentials::Masterkey(self.master.clone())
    }

    /// Opens the repository and does `work` with it. Whatever goes wrong in there comes out as what lies behind it: the source's failure or
    /// the caller's wish to stop, the disk's failure, and damage for the rest.
    pub(crate) fn run<T>(&self, words: &str, work: impl FnOnce(Open) -> RusticResult<T>) -> Result<T> {
        // rustic_core panics over some contents that it does not expect. A damaged disk must not take the agent along.
        let result = catch_unwind(AssertUnwindSafe(|| work(self.raw()?.open(&self.credentials())?)));
        self.outcome(words, result)
    }

    /// What became of a call into rustic_core.
    pub(crate) fn outcome<T>(&self, words: &str, result: std::thread::Result<RusticResult<T>>) -> Result<T> {
        self.disk.meter().check()?;
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.explain(words, &error)),
            Err(_) => {
                tracing::error!("the repository's library gave up: {words}");
                Err(self.disk.explain(words))
            }
        }
    }

    fn explain(&self, words: &str, error: &RusticError) -> Error {
        tracing::warn!(error = error.display_log(), "{words}");
        self.disk.explain(words)
    }

    /// A call into rustic_core on what [`Session::run`] gave.
    pub(crate) fn call<T>(&self, words: &str, work: impl FnOnce() -> RusticResult<T>) -> Result<T> {
        let result = catch_unwind(AssertUnwindSafe(work));
        self.outcome(words, result)
    }
}

impl Drop for Session {
    /// Threads that a failed operation has left behind reach the folder no more.
    fn drop(&mut self) {
        self.disk.close();
    }
}
