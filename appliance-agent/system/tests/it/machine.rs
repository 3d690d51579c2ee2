//! A faked machine for a test.

use hearth_system::{DiskId, Error, Fake, NewVolume, Secret, System, VolumeLabel};
use std::path::{Path, PathBuf};

pub const EMPTY: &str = "usb-Samsung_PSSD_T7_S5T2";
pub const SECOND: &str = "usb-SanDisk_Extreme_4C53";
pub const HOLIDAYS: &str = "usb-WD_Elements_575833314131";
pub const LOCKED: &str = "usb-Generic_Card_Reader_058F";
pub const CARD: &str = "mmc-SD64G_0x1a2b3c4d";

/// A machine whose folder goes away with it.
pub struct Machine {
    pub system: Fake,
    pub folder: tempfile::TempDir,
}

impl std::ops::Deref for Machine {
    type Target = dyn System;

    fn deref(&self) -> &Self::Target {
        &self.system
    }
}

impl Machine {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With a `machine.toml`; none where it is empty.
    pub fn with(machine: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if !machine.is_empty() {
            std::fs::write(folder.path().join("machine.toml"), machine).unwrap();
        }
        let system = Fake::open(folder.path(), Path::new("/nonexistent/homeserver")).unwrap();
        Self { system, folder }
    }

    /// Sets what goes wrong from now on.
    pub fn faults(&self, toml: &str) {
        hearth_system::atomic::write(&self.path("faults.toml"), toml.as_bytes(), 0o600, None).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub fn disk(id: &str) -> DiskId {
    DiskId(id.to_owned())
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned()).unwrap()
}

pub fn wanted(erase: bool) -> NewVolume {
    NewVolume {
        label: VolumeLabel::new(VolumeLabel::BACKUP).unwrap(),
        recovery: secret("ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345"),
        own: secret("0123456789abcdef"),
        erase,
    }
}

pub fn code<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}
