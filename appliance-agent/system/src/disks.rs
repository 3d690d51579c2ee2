//! The disks that are plugged in.

use crate::{Error, Result, VolumeId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a disk by what it is, not by where it came up this time: `usb-Samsung_PSSD_T7_S5T2-0:0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiskId(pub String);

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a volume is called: 1 to 16 lower-case letters, digits and dashes (the longest label that ext4 takes).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct VolumeLabel(String);

impl VolumeLabel {
    /// The volume of the unattended replicas.
    pub const BACKUP: &'static str = "hearth-backup";
    /// A volume that is taken away.
    pub const EXPORT: &'static str = "hearth-export";

    /// `Error::InvalidName` where it does not fit.
    pub fn new(text: &str) -> Result<Self> {
        let fits = (1..=16).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-');
        if fits { Ok(Self(text.to_owned())) } else { Err(Error::InvalidName) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a disk is to the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskState {
    /// Nothing recognisable on it.
    Empty,
    /// Somebody's data.
    Foreign,
    /// A Hearth volume that this box does not know.
    Volume,
    /// A Hearth volume that this box made or took over.
    Ours,
    /// What the box runs from.
    System,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// To be named by in other calls.
    pub id: DiskId,
    /// `Samsung PSSD T7`; may be empty.
    pub model: String,
    /// May be empty.
    pub serial: String,
    /// Bytes.
    pub size: u64,
    /// Whether it can be unplugged.
    pub removable: bool,
    /// Whether it refuses to be written (a locked card).
    pub read_only: bool,
    /// What it is to the box.
    pub state: DiskState,
    /// What is on it, in words that the owner recognises it by: `Windows files, label HOLIDAYS, 120 GB`.
    pub contents: Vec<String>,
    /// The Hearth volume on it.
    pub volume: Option<VolumeId>,
    /// That volume's label.
    pub volume_label: Option<String>,
}

/// The disks that are plugged in.
pub trait Disks {
    /// All of them, the system's first, then in the order of their ids. `ours` are the volumes that the box knows.
    fn disks(&self, ours: &[VolumeId]) -> Result<Vec<Disk>>;
}
