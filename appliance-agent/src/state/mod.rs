//! What the agent must remember: `state.json`, replaced as a whole with each change.

mod history;
mod setup;

pub use history::{Export, History, ReplicaRun, StorageDay};
pub use setup::{
    Administrator, Backup, CertificateChoice, CertificateKind, Locale, Mail, Relay, Security, Setup, SignUp,
};

use hearth_system::atomic;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The format of this version's file.
const FORMAT: u32 = 1;

/// Where the box stands in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Only the setup code lets in.
    #[default]
    Unclaimed,
    /// The wizard.
    Setup,
    /// A replica is being put in place.
    Restoring,
    /// In use; an administrator's name and password let in.
    Ready,
}

/// All that is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The file's format.
    pub format: u32,
    /// Where the box stands.
    pub phase: Phase,
    /// What the wizard was told.
    pub setup: Setup,
    /// The first invitation, made by `apply` where people sign up by token.
    pub invitation: Option<String>,
    /// The replica that is being restored, while the phase says so.
    pub restoring: Option<Restoring>,
    /// The volume that replicas go to.
    pub volume: Option<String>,
    /// A volume that is being prepared or was not confirmed yet, by name.
    pub unconfirmed: Option<Unconfirmed>,
    /// Hours from one replica to the next.
    pub every_hours: Option<u32>,
    /// What happened over time.
    pub history: History,
    /// The certificate of the public name.
    pub certificate: Certificate,
}

/// A restore under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoring {
    /// The volume it is read from.
    pub volume: String,
    /// The volume's disk.
    pub disk: String,
    /// The replica's id.
    pub replica: String,
}

/// A fresh volume whose recovery key was shown but not typed back yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// The volume's name.
    pub volume: String,
    /// The disk's id.
    pub disk: String,
}

/// The public name's certificate and its renewal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// Attempts that failed in a row.
    pub failures: u32,
    /// No attempt before this time, in milliseconds since the epoch.
    pub not_before_ms: u64,
    /// What the last of them failed by.
    pub last_error: Option<String>,
}

/// A file that can't be used; the words are for the owner.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StateError(String);

/// The state and its file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    state: Mutex<State>,
}

impl Store {
    /// Reads the file, or begins anew where there is none.
    ///
    /// # Errors
    /// [`StateError`] where the file is damaged, or of a newer version.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let bad = |detail: &dyn std::fmt::Display| {
            StateError(format!(
                "{} can't be used: {detail}. Put a copy of it back from a replica, or remove it to set the box up again; the homeserver's data stay.",
                path.display()
            ))
        };
        let state = match atomic::read(path).map_err(|error| bad(&error))? {
            None => State { format: FORMAT, ..State::default() },
            Some(text) => serde_json::from_str::<State>(&text).map_err(|error| bad(&error))?,
        };
        if state.format > FORMAT {
            return Err(bad(&"a newer version of Hearth wrote it"));
        }
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The phase alone.
    pub fn phase(&self) -> Phase {
        self.read(|state| state.phase)
    }

    /// Changes the state; it is on the disk when this returns, or unchanged.
    ///
    /// # Errors
    /// What the file system says.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> hearth_system::Result<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = state.clone();
        let result = change(&mut new);
        new.format = FORMAT;
        let text = serde_json::to_vec_pretty(&new)
            .map_err(|error| hearth_system::Error::file("write", &self.path, std::io::Error::other(error)))?;
        atomic::write(&self.path, &text, 0o600, None)?;
        *state = new;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let store = Store::open(&path).unwrap();
        assert_eq!(store.phase(), Phase::Unclaimed);
        store.change(|state| state.phase = Phase::Setup).unwrap();
        drop(store);
        assert_eq!(Store::open(&path).unwrap().phase(), Phase::Setup);
    }

    #[test]
    fn a_change_that_can_not_be_written_does_not_happen() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gone/state.json")).unwrap();
        assert!(store.change(|state| state.phase = Phase::Ready).is_err());
        assert_eq!(store.phase(), Phase::Unclaimed);
    }

    #[test]
    fn a_damaged_or_newer_file_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for text in ["{\"format\": 1, \"phase\"", "{\"format\": 2}", "{\"format\": 1, \"phase\": \"asleep\"}"] {
            std::fs::write(&path, text).unwrap();
            assert!(Store::open(&path).unwrap_err().to_string().contains("state.json"), "{text}");
        }
    }
}
