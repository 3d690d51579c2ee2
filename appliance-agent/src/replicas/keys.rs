//! `volumes.json`: the box's own keys of its volumes, so that replicas need nobody.

use hearth_replication::BoxKey;
use hearth_system::{Secret, VolumeId, atomic};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The keys of a volume.
#[derive(Clone, Serialize, Deserialize)]
pub struct VolumeKeys {
    /// Opens the LUKS volume.
    luks: String,
    /// Opens the repository on it.
    repository: String,
}

impl std::fmt::Debug for VolumeKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("VolumeKeys(…)")
    }
}

impl VolumeKeys {
    /// Keys from random bytes.
    #[must_use]
    pub fn from_random(luks: [u8; 32], repository: [u8; 32]) -> Self {
        Self {
            luks: BoxKey::from_random(luks).reveal().to_string(),
            repository: BoxKey::from_random(repository).reveal().to_string(),
        }
    }

    /// The volume's key.
    ///
    /// # Errors
    /// Where the file holds something else.
    pub fn luks(&self) -> hearth_system::Result<Secret> {
        Secret::new(self.luks.clone())
    }

    /// The repository's key; none where the file holds something else.
    #[must_use]
    pub fn repository(&self) -> Option<BoxKey> {
        BoxKey::parse(&self.repository)
    }
}

/// The file.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    keys: Mutex<BTreeMap<VolumeId, VolumeKeys>>,
}

impl KeyFile {
    /// Reads the file; none is one without keys.
    ///
    /// # Errors
    /// The file's.
    pub fn open(path: &Path) -> hearth_system::Result<Self> {
        let keys = match atomic::read(path)? {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| hearth_system::Error::file("read", path, std::io::Error::other(error)))?,
        };
        Ok(Self { path: path.to_owned(), keys: Mutex::new(keys) })
    }

    /// The volumes that the box has keys of.
    pub fn volumes(&self) -> Vec<VolumeId> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// A volume's keys.
    pub fn get(&self, volume: &VolumeId) -> Option<VolumeKeys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(volume).cloned()
    }

    /// Keeps a volume's keys.
    ///
    /// # Errors
    /// The file's.
    pub fn put(&self, volume: &VolumeId, new: VolumeKeys) -> hearth_system::Result<()> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut with = keys.clone();
        with.insert(volume.clone(), new);
        let text = serde_json::to_vec(&with)
            .map_err(|error| hearth_system::Error::file("write", &self.path, std::io::Error::other(error)))?;
        atomic::write(&self.path, &text, 0o600, None)?;
        *keys = with;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volumes.json");
        let volume = VolumeId("0b".into());
        KeyFile::open(&path).unwrap().put(&volume, VolumeKeys::from_random([1; 32], [2; 32])).unwrap();
        let keys = KeyFile::open(&path).unwrap();
        assert_eq!(keys.volumes(), std::slice::from_ref(&volume));
        let kept = keys.get(&volume).unwrap();
        assert_eq!(kept.luks().unwrap().reveal(), "01".repeat(32));
        assert!(!format!("{keys:?}").contains("0101"));
        std::fs::write(&path, "{").unwrap();
        assert!(KeyFile::open(&path).is_err());
    }
}
