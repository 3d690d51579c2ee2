//! What can go wrong, in words for the owner.
//!
//! Inner detail (a tool's own words, a path, a system error) is in `params` or the source, for the log; the message and
//! the help stand without it.

use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// What the crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. [`Error::code`] is what the page translates by.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk was pulled out, or never was there.
    #[error("the disk is not plugged in any more")]
    DiskGone,
    /// The box runs from it.
    #[error("this disk holds the box itself")]
    SystemDisk,
    /// Something is on it, and it was not said that this may go.
    #[error("there is data on this disk")]
    DiskHasData {
        /// As in [`crate::Disk::contents`].
        contents: Vec<String>,
    },
    /// Too small for a volume.
    #[error("this disk is too small")]
    DiskTooSmall {
        /// Its size in bytes.
        size: u64,
        /// What a volume needs at least.
        least: u64,
    },
    /// It refuses to be written.
    #[error("this disk cannot be written to")]
    DiskReadOnly,
    /// A volume is open on it.
    #[error("this disk is in use")]
    DiskBusy,
    /// Making a volume failed.
    #[error("the disk could not be prepared")]
    MakeFailed {
        /// The step's name.
        step: &'static str,
        /// The tool's words.
        detail: String,
    },
    /// The volume's disk is not there.
    #[error("the backup disk is not plugged in")]
    VolumeAbsent,
    /// Another Hearth volume is there.
    #[error("this is a Hearth backup disk, but not the one that belongs to this box")]
    WrongDisk {
        /// The UUID of the volume that is there.
        found: String,
    },
    /// The key opens nothing.
    #[error("this key does not open the backup disk")]
    WrongKey,
    /// A key that can't be typed everywhere.
    #[error("this key cannot be used")]
    UnusableKey,
    /// Header or file system is broken.
    #[error("the backup disk is damaged")]
    VolumeDamaged {
        /// The tool's words.
        detail: String,
    },
    /// Its files are in use.
    #[error("the backup disk is still in use")]
    VolumeBusy,
    /// Another volume is open under that name.
    #[error("another backup disk is open")]
    NameTaken,
    /// Not a name for a volume.
    #[error("this is no name for a backup disk")]
    InvalidName,
    /// There is too little memory to open it.
    #[error("there is too little free memory to open the backup disk")]
    TooLittleMemory,
    /// A plan that could not work.
    #[error("this network setting cannot work: {reason}")]
    InvalidNetwork {
        /// `address`, `gateway` or `dns`.
        field: &'static str,
        /// In words.
        reason: &'static str,
    },
    /// The network could not be set.
    #[error("the network could not be changed")]
    NetworkFailed {
        /// The tool's words.
        detail: String,
    },
    /// No such time zone.
    #[error("there is no such time zone")]
    UnknownTimeZone,
    /// Not a host's name.
    #[error("this is no name for a device: small letters, digits and dashes only")]
    InvalidHostname,
    /// The service does not come up or go down.
    #[error("the homeserver did not do as it was told")]
    ServiceFailed {
        /// `start` or `stop`.
        verb: &'static str,
        /// What it said last.
        last_words: String,
    },
    /// A program of the system is not there or failed.
    #[error("a part of the system failed: {program}")]
    ProgramFailed {
        /// Its name.
        program: String,
        /// Its words.
        detail: String,
    },
    /// A program of the system said what can't be understood.
    #[error("a part of the system gave an answer that makes no sense: {program}")]
    Unreadable {
        /// Its name.
        program: String,
        /// What was wrong with it.
        detail: String,
    },
    /// Nothing fits any more.
    #[error("the storage is full")]
    StorageFull {
        /// The file that was written.
        path: PathBuf,
    },
    /// The file system does not take writes.
    #[error("the storage does not take writes any more")]
    StorageReadOnly {
        /// The file that was written.
        path: PathBuf,
    },
    /// Anything else between the box and its files.
    #[error("a file could not be used: {what} {path}")]
    File {
        /// `read`, `write` …
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was to be given to a command could not be read.
    #[error("what was to be handed on could not be read")]
    Input(#[source] io::Error),
}

impl Error {
    /// Stable; the page has words for each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DiskGone => "disk_gone",
            Self::SystemDisk => "system_disk",
            Self::DiskHasData { .. } => "disk_has_data",
            Self::DiskTooSmall { .. } => "disk_too_small",
            Self::DiskReadOnly => "disk_read_only",
            Self::DiskBusy => "disk_busy",
            Self::MakeFailed { .. } => "make_failed",
            Self::VolumeAbsent => "volume_absent",
            Self::WrongDisk { .. } => "wrong_disk",
            Self::WrongKey => "wrong_recovery_key",
            Self::UnusableKey => "unusable_key",
            Self::VolumeDamaged { .. } => "volume_damaged",
            Self::VolumeBusy => "volume_busy",
            Self::NameTaken => "volume_name_taken",
            Self::InvalidName => "invalid_volume_name",
            Self::TooLittleMemory => "too_little_memory",
            Self::InvalidNetwork { .. } => "invalid_network",
            Self::NetworkFailed { .. } => "network_failed",
            Self::UnknownTimeZone => "unknown_time_zone",
            Self::InvalidHostname => "invalid_hostname",
            Self::ServiceFailed { .. } => "service_failed",
            Self::ProgramFailed { .. } => "program_failed",
            Self::Unreadable { .. } => "program_unreadable",
            Self::StorageFull { .. } => "storage_full",
            Self::StorageReadOnly { .. } => "storage_read_only",
            Self::File { .. } => "file_failed",
            Self::Input(_) => "input_failed",
        }
    }

    /// What the owner can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::DiskGone | Self::VolumeAbsent => "Plug the disk in, wait a few seconds, and try again.",
            Self::SystemDisk => "Choose another disk.",
            Self::DiskHasData { .. } => {
                "Choose an empty disk, or agree to erase this one. What is erased cannot be brought back."
            }
            Self::DiskTooSmall { .. } => "Use a disk with more room; 32 GB or more serve a family for years.",
            Self::DiskReadOnly => "If it has a small switch that locks it, slide that. Otherwise use another disk.",
            Self::DiskBusy | Self::VolumeBusy => "Wait until what is running has ended, then try again.",
            Self::MakeFailed { .. } => {
                "Unplug the disk, plug it in again and retry. If it fails again, use another disk."
            }
            Self::WrongDisk { .. } => {
                "Plug in the disk that was prepared on this box, or prepare this one anew (that erases it)."
            }
            Self::WrongKey => {
                "Compare each group with what you wrote down. Letters and digits of all seven groups matter."
            }
            Self::UnusableKey => "Use 1 to 512 letters, digits and ordinary signs.",
            Self::VolumeDamaged { .. } => {
                "Try another cable or socket first. If that changes nothing, prepare another disk for new backups and keep this one."
            }
            Self::NameTaken => "Eject the disk that is open first.",
            Self::InvalidName => "Use 1 to 16 small letters, digits and dashes.",
            Self::TooLittleMemory => "Restart the box and try again.",
            Self::InvalidNetwork { .. } => {
                "Your router's page shows which addresses fit. Automatic is right for nearly every home."
            }
            Self::NetworkFailed { .. } => "The former settings are kept. Check the cable and try again.",
            Self::UnknownTimeZone => "Choose one of the list.",
            Self::InvalidHostname => "Use 1 to 63 small letters, digits and dashes, for example hearth.",
            Self::ServiceFailed { .. } => {
                "Restart the box. If that does not help, the log of the homeserver says more."
            }
            Self::ProgramFailed { .. } | Self::Unreadable { .. } => {
                "Restart the box and try again. If it stays so, the log of the system says more."
            }
            Self::StorageFull { .. } => "Make room: remove what is not needed, or move to a bigger card or disk.",
            Self::StorageReadOnly { .. } => {
                "Restart the box. If it happens again, the card or disk is wearing out: restore a backup to a new one."
            }
            Self::File { .. } | Self::Input(_) => "Try again. If it stays so, restart the box.",
        }
    }

    /// What the words may be filled with; an object.
    pub fn params(&self) -> Value {
        match self {
            Self::DiskHasData { contents } => json!({ "contents": contents }),
            Self::DiskTooSmall { size, least } => json!({ "size": size, "least": least }),
            Self::MakeFailed { step, detail } => json!({ "step": step, "detail": detail }),
            Self::WrongDisk { found } => json!({ "found": found }),
            Self::VolumeDamaged { detail } | Self::NetworkFailed { detail } => json!({ "detail": detail }),
            Self::InvalidNetwork { field, reason } => json!({ "field": field, "reason": reason }),
            Self::ServiceFailed { verb, last_words } => json!({ "verb": verb, "last_words": last_words }),
            Self::ProgramFailed { program, detail } | Self::Unreadable { program, detail } => {
                json!({ "program": program, "detail": detail })
            }
            Self::StorageFull { path } | Self::StorageReadOnly { path } => {
                json!({ "path": path.display().to_string() })
            }
            Self::File { what, path, source } => {
                json!({ "what": what, "path": path.display().to_string(), "detail": source.to_string() })
            }
            Self::Input(source) => json!({ "detail": source.to_string() }),
            _ => json!({}),
        }
    }

    /// An error of the operating system about `path`; a full or read-only file system gets its own word.
    pub fn file(what: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::StorageReadOnly { path },
            _ => Self::File { what, path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_and_read_only_have_their_own_words() {
        let full = Error::file("write", "/data/x", io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!((full.code(), full.params()["path"].as_str()), ("storage_full", Some("/data/x")));
        let locked = Error::file("write", "/data/x", io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        assert_eq!(locked.code(), "storage_read_only");
        let other = Error::file("read", "/data/x", io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!((other.code(), other.params()["what"].as_str()), ("file_failed", Some("read")));
    }
}
