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
    /// Reads the file; none is one without keys. A damaged one is put aside: the replicas need new keys then, and nothing else of the box
    /// needs the old ones.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let read = atomic::read(path).and_then(|text| {
            text.map_or(Ok(BTreeMap::new()), |text| serde_json::from_str(&text))
                .map_err(|error| hearth_system::Error::file("read", path, std::io::Error::other(error)))
        });
        let keys = read.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the keys of the backup disks are lost");
            if let Err(error) = atomic::put_aside(path) {
                tracing::warn!(%error, "their file can't be put aside");
            }
            BTreeMap::new()
        });
        Self { path: path.to_owned(), keys: Mutex::new(keys) }
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
        KeyFile::open(&path).put(&volume, VolumeKeys::from_random([1; 32], [2; 32])).unwrap();
        let keys = KeyFile::open(&path);
        assert_eq!(keys.volumes(), std::slice::from_ref(&volume));
        let kept = keys.get(&volume).unwrap();
        assert_eq!(kept.luks().unwrap().reveal(), "01".repeat(32));
        assert!(!format!("{keys:?}").contains("0101"));
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_new_keys_can_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volumes.json");
        let volume = VolumeId("0b".into());
        for damaged in [&b"{"[..], b"", b"\0\0\0", b"\xff\xfe"] {
            std::fs::write(&path, damaged).unwrap();
            let keys = KeyFile::open(&path);
            assert!(keys.volumes().is_empty());
            assert_eq!(std::fs::read(folder.path().join("damaged-volumes.json")).unwrap(), damaged);
            keys.put(&volume, VolumeKeys::from_random([1; 32], [2; 32])).unwrap();
            assert_eq!(KeyFile::open(&path).volumes(), std::slice::from_ref(&volume));
        }
    }
}
