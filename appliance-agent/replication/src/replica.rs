//! Replicas, and what is known of them.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A replica's name: 64 hexadecimal digits, restic's snapshot id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplicaId(String);

impl FromStr for ReplicaId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ReplicaId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && text.len() == 64 {
            Ok(Self(text))
        } else {
            Err(Error::Unusable("its name is not one of a replica".to_owned()))
        }
    }
}

impl From<ReplicaId> for String {
    fn from(id: ReplicaId) -> Self {
        id.0
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A replica in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// Its name.
    pub id: ReplicaId,
    /// When it was taken, milliseconds since 1970.
    pub time_ms: u64,
    /// All that is in it, in bytes.
    pub bytes: u64,
    /// What it added to the repository, in bytes on the disk.
    pub bytes_added: u64,
    /// Files in it.
    pub files: u64,
    /// How long writing it took, in milliseconds.
    pub duration_ms: u64,
}

/// What a check found to be whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Pieces that were read back from the disk and compared with their hashes.
    pub pieces: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The size of the database's stream, which was handed over whole.
    pub database_bytes: u64,
}

/// What a restore would bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The replica.
    pub replica: Replica,
    /// The manifest that was written with it.
    pub manifest: Vec<u8>,
    /// The size of the database's stream in bytes.
    pub database_bytes: u64,
    /// Number and bytes of the files below each of the other names at the top: `media`, `agent`.
    pub folders: Vec<Folder>,
}

/// One of the folders in a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// Files in it and below it.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// What a restore brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Bytes of the database's stream.
    pub database_bytes: u64,
    /// Files that were made.
    pub files: u64,
    /// Their size in bytes.
    pub file_bytes: u64,
}
