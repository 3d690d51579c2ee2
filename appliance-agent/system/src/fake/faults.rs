//! `faults.toml`: what goes wrong on the faked machine. Read at each call, so that a test changes it while the agent runs;
//! replace it whole (write beside, rename). No file and an empty file: nothing goes wrong.

use crate::{Error, Result, atomic};
use serde::Deserialize;
use std::path::Path;

/// Every field may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Faults {
    /// Ids of disks that are not plugged in. A volume that was open on one is gone within a quarter of a second, also for whoever is
    /// just writing to it.
    pub pulled: Vec<String>,
    /// Listing the disks fails.
    pub disks_fail: bool,
    /// The step at which making a volume fails: `erase`, `encrypt`, `format`.
    pub make_fails: Option<String>,
    /// How long each step of making and opening a volume takes.
    pub slow_ms: u64,
    /// Opening a volume fails: its header or file system is broken.
    pub volume_damaged: bool,
    /// Opening a volume fails: there is no memory for it.
    pub too_little_memory: bool,
    /// Closing a volume fails: somebody uses it.
    pub volume_busy: bool,
    /// An open volume takes no more writes.
    pub volume_read_only: bool,
    /// What is free on any volume, bytes.
    pub volume_free: Option<u64>,
    /// Setting the network fails.
    pub network_fails: bool,
    /// There is no cable: no address, no router.
    pub no_network: bool,
    /// Whether the time came from the network; it did where this is left out.
    pub time_trusted: Option<bool>,
    /// By how much the clock is ahead (or, negative, behind).
    pub clock_ahead_ms: i64,
    /// Starting the homeserver fails with these last words.
    pub homeserver_start_fails: Option<String>,
    /// The homeserver has fallen with these last words and nobody starts it again. Its process is left alone.
    pub homeserver_failed: Option<String>,
    /// Stopping it fails.
    pub homeserver_stop_fails: bool,
    /// Commands of the homeserver fail with these words.
    pub homeserver_command_fails: Option<String>,
    /// The console and the boot partition can't be written.
    pub announce_fails: bool,
    /// Nothing can be kept: the data partition is full.
    pub storage_full: bool,
    /// Nothing can be kept: the data partition takes no writes.
    pub storage_read_only: bool,
    /// Reboot, switching off and factory reset fail.
    pub switch_fails: bool,
    /// Logs can't be read.
    pub logs_fail: bool,
    /// The figures can't be read.
    pub measurements_fail: bool,
    /// What is free on the data partition, bytes.
    pub data_free: Option<u64>,
    /// Memory in use, bytes.
    pub memory_used: Option<u64>,
    /// Load over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// The warmest sensor; a number below -100: there is none.
    pub temperature_c: Option<f64>,
    /// Bytes written since the start.
    pub written: Option<u64>,
    /// The card's life used up; above 200: it does not say.
    pub wear_percent: Option<u8>,
}

impl Faults {
    pub fn read(path: &Path) -> Result<Self> {
        let Some(text) = atomic::read(path)? else { return Ok(Self::default()) };
        toml::from_str(&text)
            .map_err(|error| Error::Unreadable { program: path.display().to_string(), detail: error.to_string() })
    }

    /// To be asked before anything is kept on the data partition.
    pub fn may_write(&self, path: &Path) -> Result<()> {
        if self.storage_full {
            return Err(Error::StorageFull { path: path.to_owned() });
        }
        if self.storage_read_only {
            return Err(Error::StorageReadOnly { path: path.to_owned() });
        }
        Ok(())
    }
}

/// A program that is said to have failed.
pub(super) fn failed(program: &str) -> Error {
    Error::ProgramFailed { program: program.to_owned(), detail: "faults.toml says so".to_owned() }
}
