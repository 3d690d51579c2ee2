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
    fs, io,
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

/// The state and its file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    state: Mutex<State>,
}

impl Store {
    /// Reads the file; where it can't be used, the copy from before its last change; and where that can't be used either, or there is none of
    /// them, begins with what `otherwise` knows. The box has to come up whatever a failing card made of one small file.
    pub fn open(path: &Path, otherwise: impl FnOnce() -> State) -> Self {
        let state = usable(path).or_else(|| {
            let state = usable(&previous(path))?;
            tracing::warn!(phase = ?state.phase, "the state from before its last change is taken");
            Some(state)
        });
        Self { path: path.to_owned(), state: Mutex::new(state.unwrap_or_else(otherwise)) }
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
        keep_previous(&self.path);
        atomic::write(&self.path, &text, 0o600, None)?;
        *state = new;
        Ok(result)
    }
}

/// What a file holds; nothing where it isn't there or can't be used, which puts it aside.
fn usable(path: &Path) -> Option<State> {
    let read = || -> Result<Option<State>, String> {
        let Some(text) = atomic::read(path).map_err(|error| error.to_string())? else { return Ok(None) };
        let state: State = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        if state.format > FORMAT {
            return Err("a newer version of Hearth wrote it".to_owned());
        }
        Ok(Some(state))
    };
    read().unwrap_or_else(|detail| {
        tracing::error!(path = %path.display(), detail, "what the agent remembers can't be used");
        if let Err(error) = atomic::put_aside(path) {
            tracing::warn!(%error, "its file can't be put aside");
        }
        None
    })
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("json.previous")
}

/// Keeps the file that is about to be replaced, by a second name: its contents are not written again.
fn keep_previous(path: &Path) {
    let fresh = path.with_extension("json.previous.new");
    let keep = || -> io::Result<()> {
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::hard_link(path, &fresh) {
            // Nothing is replaced; an older copy stays.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            linked => linked?,
        }
        fs::rename(&fresh, previous(path))
    };
    if let Err(error) = keep() {
        tracing::warn!(%error, "the state before this change is not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Store {
        Store::open(path, State::default)
    }

    #[test]
    fn what_was_changed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let store = open(&path);
        assert_eq!(store.phase(), Phase::Unclaimed);
        store.change(|state| state.phase = Phase::Setup).unwrap();
        drop(store);
        assert_eq!(open(&path).phase(), Phase::Setup);
    }

    #[test]
    fn a_change_that_can_not_be_written_does_not_happen() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("gone/state.json"));
        assert!(store.change(|state| state.phase = Phase::Ready).is_err());
        assert_eq!(store.phase(), Phase::Unclaimed);
    }

    #[test]
    fn a_damaged_newer_or_lost_file_gives_way_to_the_one_before_it() {
        for damaged in
            ["{\"format\": 1, \"phase\"", "{\"format\": 2}", "{\"format\": 1, \"phase\": \"asleep\"}", "", "\0\0"]
        {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state.json");
            let store = open(&path);
            for phase in [Phase::Setup, Phase::Ready] {
                store.change(|state| state.phase = phase).unwrap();
            }
            fs::write(&path, damaged).unwrap();
            let store = open(&path);
            assert_eq!(store.phase(), Phase::Setup, "{damaged:?}");
            assert_eq!(fs::read_to_string(folder.path().join("damaged-state.json")).unwrap(), damaged);
            // It stays the one before, until there is a whole one again.
            assert_eq!(open(&path).phase(), Phase::Setup);
            store.change(|state| state.phase = Phase::Ready).unwrap();
            assert_eq!(open(&path).phase(), Phase::Ready);
            fs::remove_file(&path).unwrap();
            assert_eq!(open(&path).phase(), Phase::Setup);
        }
    }

    #[test]
    fn where_nothing_is_left_it_begins_with_what_is_known_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for file in [path.clone(), previous(&path)] {
            fs::write(file, "{").unwrap();
        }
        let store = Store::open(&path, || State { phase: Phase::Ready, ..State::default() });
        assert_eq!(store.phase(), Phase::Ready);
        store.change(|state| state.volume = Some("0b".to_owned())).unwrap();
        assert_eq!(open(&path).read(|state| state.volume.clone()).as_deref(), Some("0b"));
    }
}
