//! A machine in a folder, for the agent on a developer's machine and for tests.
//!
//! | in the folder | what |
//! | --- | --- |
//! | `machine.toml` | the machine: board, network, disks |
//! | `faults.toml` | what goes wrong, changed while it runs (`faults.rs` names everything that can) |
//! | `data/`, `run/`, `run/volumes/` | as `/data`, `/run/hearth`, `/run/hearth-volumes` |
//! | `disks/ID/` | what is on a disk: `volume.toml` (hashes of its keys) and `files/` |
//! | `console.txt`, `firmware/` | what was announced |
//! | `record.txt` | what was done to the machine as a whole: `reboot`, `power off`, `factory reset` |
//!
//! Nothing is encrypted and nothing mounted: an open volume is a link to the disk's files. The homeserver is a real process, which
//! ends with this one.

mod announce;
mod clock;
mod disks;
mod faults;
mod homeserver;
mod identity;
mod machine;
mod measure;
mod network;
mod record;
mod services;
mod volume_file;
mod volumes;

use crate::{Paths, Plan, Result, atomic};
use faults::Faults;
use homeserver::Homeserver;
use machine::Machine;
use record::Log;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A machine in a folder.
#[derive(Debug)]
pub struct Fake {
    folder: PathBuf,
    paths: Paths,
    machine: Machine,
    /// By how much its clock lags behind this machine's.
    behind_ms: Mutex<u64>,
    /// Its monotonic clock when it was opened.
    started_ms: u64,
    tried: Mutex<Option<Plan>>,
    in_force: Mutex<Plan>,
    open: Arc<Mutex<volumes::Open>>,
    homeserver: Homeserver,
    log: Arc<Log>,
}

impl Fake {
    /// Opens the machine in `folder`, or makes one there. `homeserver` is the homeserver's program. As the early start of
    /// the image does, this wipes the data after a factory reset.
    pub fn open(folder: &Path, homeserver: &Path) -> Result<Self> {
        atomic::folder(folder, 0o700, None)?;
        let folder = std::fs::canonicalize(folder).map_err(|error| crate::Error::file("open", folder, error))?;
        let data = folder.join("data");
        if data.join("FACTORY-RESET").exists() {
            std::fs::remove_dir_all(&data).map_err(|error| crate::Error::file("remove", &data, error))?;
        }
        let paths = Paths {
            agent: data.join("agent"),
            homeserver: data.join("homeserver"),
            etc: data.join("etc"),
            run: folder.join("run"),
            volumes: folder.join("run/volumes"),
            data,
        };
        for (path, mode) in [
            (&paths.data, 0o755),
            (&paths.agent, 0o700),
            (&paths.homeserver, 0o700),
            (&paths.etc, 0o755),
            (&paths.run, 0o750),
            (&paths.volumes, 0o700),
        ] {
            atomic::folder(path, mode, None)?;
        }
        let machine = Machine::read(&folder.join("machine.toml"))?;
        let log = Arc::new(Log::default());
        let open = Arc::default();
        volumes::watch(&open, &paths, &folder.join("faults.toml"));
        let fake = Self {
            behind_ms: Mutex::new(machine.clock_behind_ms),
            started_ms: clock::milliseconds(rustix::time::ClockId::Boottime),
            tried: Mutex::default(),
            in_force: Mutex::default(),
            homeserver: Homeserver::new(homeserver, &paths, Arc::clone(&log)),
            open,
            log,
            machine,
            paths,
            folder,
        };
        fake.note("the faked machine starts");
        Ok(fake)
    }

    fn faults(&self) -> Result<Faults> {
        Faults::read(&self.folder.join("faults.toml"))
    }
}

/// What these locks guard is valid after every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
