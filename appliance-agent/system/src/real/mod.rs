//! The box: Debian with systemd, run as root.
//!
//! Each file answers one trait. What programs print is parsed by functions of their own, tested on examples of it.

mod announce;
mod clock;
mod disks;
mod identity;
mod journal;

mod luks;
mod measure;
mod mount;
mod network;
mod notify;
#[cfg(test)]
mod on_a_box;
mod probe;
mod services;
mod volumes;
mod words;

use crate::{Owner, Paths, plan_file::Kept};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// User and group `hearth` of the image.
const HEARTH: Owner = Owner { uid: 700, gid: 700 };

/// The box. One per process: it remembers which volumes are open and who supervises it.
#[derive(Debug)]
pub struct Real {
    paths: Paths,
    supervisor: notify::Supervisor,
    /// The plan that is in force but not kept.
    tried: Mutex<Option<Kept>>,
    /// Held while volumes are made, opened or closed: these take several steps that must not mix.
    volumes: Mutex<volumes::Open>,
}

impl Real {
    /// Takes the supervisor's socket from the environment and touches nothing else.
    pub fn new() -> Self {
        Self {
            paths: Paths {
                data: PathBuf::from("/data"),
                agent: PathBuf::from("/data/agent"),
                homeserver: PathBuf::from("/data/homeserver"),
                etc: PathBuf::from("/data/etc"),
                run: PathBuf::from("/run/hearth"),
                volumes: PathBuf::from("/run/hearth-volumes"),
            },
            supervisor: notify::Supervisor::from_environment(),
            tried: Mutex::default(),
            volumes: Mutex::default(),
        }
    }
}

impl Default for Real {
    fn default() -> Self {
        Self::new()
    }
}

/// What these locks guard is valid after every step, so a thread that panicked left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A small file of `/proc` or `/sys` without blank ends and NUL; `None` where it is not there or can't be read, which
/// there means that the machine has no such thing.
fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim_end_matches(['\0', '\n', ' ']).trim_start();
    (!text.is_empty()).then(|| text.to_owned())
}
