//! Encrypted volumes for replicas.
//!
//! A volume is a disk with one partition, LUKS2 on that, ext4 in it. Slot 0 of the LUKS header opens by the recovery key,
//! slot 1 by a key of the box's own. A volume is named by its LUKS UUID, so a different disk in the same socket is noticed.

use crate::{DiskId, Result, Secret, Usage, VolumeLabel};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The UUID of the LUKS header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VolumeId(pub String);

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A volume to be made.
#[derive(Clone, Debug)]
pub struct NewVolume {
    /// Of the LUKS header and of the file system.
    pub label: VolumeLabel,
    /// Opens it anywhere: exactly what a person types, `ABCD-EFGH-…`.
    pub recovery: Secret,
    /// Opens it on this box, unattended; at least 128 random bits, for its derivation is a cheap one.
    pub own: Secret,
    /// Whether what is on the disk may go. `Error::DiskHasData` where there is something and this is false.
    pub erase: bool,
}

/// What making a volume is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MakeStep {
    /// Old contents go, one partition comes.
    Erase,
    /// LUKS header and keys.
    Encrypt,
    /// File system and `READ ME.txt`.
    Format,
}

impl MakeStep {
    /// The step's name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::Erase => "erase",
            Self::Encrypt => "encrypt",
            Self::Format => "format",
        }
    }
}

/// What opens a volume.
#[derive(Clone, Debug)]
pub enum VolumeKey {
    /// The recovery key (takes up to 256 MiB and some seconds).
    Recovery(Secret),
    /// The box's own.
    Own(Secret),
}

impl VolumeKey {
    /// The slot of the LUKS header that it opens.
    pub fn slot(&self) -> u8 {
        match self {
            Self::Recovery(_) => 0,
            Self::Own(_) => 1,
        }
    }

    /// The key itself.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Recovery(secret) | Self::Own(secret) => secret,
        }
    }
}

/// What may be done with an open volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// For a restore.
    ReadOnly,
    /// For replicas.
    ReadWrite,
}

/// An open volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// Which.
    pub volume: VolumeId,
    /// On which disk.
    pub disk: DiskId,
    /// Where its files are.
    pub path: PathBuf,
    /// Room on it.
    pub usage: Usage,
}

/// How an open volume does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum VolumeHealth {
    /// Nothing is open under that name.
    Closed,
    /// As it should be.
    Ready(Usage),
    /// Opened for writing, but the kernel let no more writes through after an error: it needs closing, checking, opening.
    ReadOnly(Usage),
    /// Its disk was pulled out; close it.
    Vanished,
}

/// Encrypted volumes for replicas. Mount names follow the rule of [`VolumeLabel`].
pub trait Volumes {
    /// Makes a volume of a whole disk and leaves it closed. `progress` hears each step as it begins.
    ///
    /// `Error::DiskGone`, `SystemDisk`, `DiskHasData`, `DiskTooSmall`, `DiskReadOnly`, `MakeFailed` (with the step; the disk
    /// is then no volume of anybody, and making it may be tried again).
    fn make_volume(&self, disk: &DiskId, wanted: &NewVolume, progress: &mut dyn FnMut(MakeStep)) -> Result<VolumeId>;

    /// Opens a volume, checks its file system where the last use did not end cleanly, and mounts it at `volumes/NAME`. What
    /// is already open under that name stays open if it is the same volume with the same access.
    ///
    /// `Error::VolumeAbsent`; `WrongDisk` where another Hearth volume is there instead; `WrongKey`; `VolumeDamaged`;
    /// `NameTaken` by another volume.
    fn open_volume(&self, volume: &VolumeId, key: &VolumeKey, access: Access, name: &str) -> Result<Mounted>;

    /// Flushes, unmounts and locks it, so that the disk may be pulled out. Nothing open is no error; a vanished disk's
    /// remains are cleared away. `Error::VolumeBusy` where somebody still uses its files.
    fn close_volume(&self, name: &str) -> Result<()>;

    /// How it does; asks the disk, so that one that was pulled out is noticed.
    fn volume_health(&self, name: &str) -> Result<VolumeHealth>;

    /// Gives the box a key of its own in place of the former box's; after a restore. Opens by the recovery key.
    fn take_over_volume(&self, volume: &VolumeId, recovery: &Secret, own: &Secret) -> Result<()>;
}
