//! The machine underneath: disks, encrypted volumes, network, clock, services; real and faked.
//!
//! The agent asks everything of the machine through [`System`], so that it, the wizard and every error path run on a
//! developer's machine too. `Real` is the box (Debian, systemd, root), `Fake` a folder.
//!
//! All methods block, some for minutes: an asynchronous caller uses a blocking thread. All of them may be called from
//! several threads at once; those that change the same thing wait for each other.
//!
//! What an error says is meant for the owner: [`Error::code`], the words, [`Error::help`] and [`Error::params`] are the
//! four fields of the agent's API error.

mod announce;
pub mod atomic;
mod clock;
mod command;
mod disks;
mod error;
mod fake;
mod floor;
mod identity;
mod logs;
mod measure;
mod network;
mod plan_file;
mod readme;
mod real;
mod secret;
mod services;
mod volumes;
mod zones;

pub use announce::Announce;
pub use clock::{Clock, ClockRestored, FloorSource};
pub use disks::{Disk, DiskId, DiskState, Disks, VolumeLabel};
pub use error::{Error, Result};
pub use fake::Fake;
pub use identity::{Board, Identity, Image, Owner, Paths, check_hostname};
pub use measure::{LogLevel, LogLine, LogUnit, Measure, Measurements, Memory, Notify, Usage};
pub use network::{Interface, Network, NetworkNow, Plan};
pub use real::Real;
pub use secret::Secret;
pub use services::{Output, ServiceState, ServiceStatus, Services};
pub use volumes::{Access, MakeStep, Mounted, NewVolume, VolumeHealth, VolumeId, VolumeKey, Volumes};

/// Everything that the agent asks of the machine.
pub trait System:
    Identity + Announce + Clock + Network + Disks + Volumes + Services + Measure + Send + Sync + 'static
{
}

impl<T> System for T where
    T: Identity + Announce + Clock + Network + Disks + Volumes + Services + Measure + Send + Sync + 'static
{
}
