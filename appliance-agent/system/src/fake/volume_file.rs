//! `volume.toml` on a faked disk: what a LUKS header is on a real one, with hashes in place of slots.

use super::identity::random_uuid;
use crate::{Error, Result, Secret, VolumeKey, atomic};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

const FILE: &str = "volume.toml";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeFile {
    pub uuid: String,
    pub label: String,
    /// Whether making it came to its end; otherwise the disk is an erased one.
    pub whole: bool,
    salt: String,
    recovery: String,
    own: String,
}

impl VolumeFile {
    pub fn new(label: &str, recovery: &Secret, own: &Secret) -> Result<Self> {
        let salt = random_uuid()?;
        Ok(Self {
            uuid: random_uuid()?,
            label: label.to_owned(),
            whole: false,
            recovery: hash(&salt, recovery),
            own: hash(&salt, own),
            salt,
        })
    }

    pub fn read(disk: &Path) -> Result<Option<Self>> {
        let path = disk.join(FILE);
        let Some(text) = atomic::read(&path)? else { return Ok(None) };
        let read = toml::from_str(&text);
        read.map(Some)
            .map_err(|error| Error::Unreadable { program: path.display().to_string(), detail: error.to_string() })
    }

    pub fn write(&self, disk: &Path) -> Result<()> {
        let path = disk.join(FILE);
        let text = toml::to_string(self)
            .map_err(|error| Error::Unreadable { program: path.display().to_string(), detail: error.to_string() })?;
        atomic::write(&path, text.as_bytes(), 0o600, None)
    }

    pub fn opens(&self, key: &VolumeKey) -> bool {
        let slot = match key {
            VolumeKey::Recovery(_) => &self.recovery,
            VolumeKey::Own(_) => &self.own,
        };
        hash(&self.salt, key.secret()) == *slot
    }

    pub fn set_own(&mut self, own: &Secret) {
        self.own = hash(&self.salt, own);
    }
}

fn hash(salt: &str, key: &Secret) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(key.reveal()).finalize();
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
