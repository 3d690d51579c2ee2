//! Boxes to be backed up, and a repository each.

use hearth_replication::{
    BoxKey, Counts, Destination, Key, Progress, RecoveryKey, Replica, ReplicaId, Repository, Result, Scope, Source,
    Verified,
};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    ops::ControlFlow,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;

pub const HOUR: u64 = 3_600_000;
/// 24 November 2026, 12:00 UTC.
pub const NOON: u64 = 1_795_521_600_000;

pub fn recovery_key() -> RecoveryKey {
    RecoveryKey::parse("0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV").unwrap()
}

pub fn box_key() -> BoxKey {
    BoxKey::from_random([7; 32])
}

/// Numbers that are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A database's stream as the homeserver's: rows in a stable order, about a kilobyte each, of which half is text and half looks random.
#[derive(Clone)]
pub struct Database {
    pub rows: u64,
    /// Rows that have been changed, and how often.
    pub changed: BTreeMap<u64, u64>,
}

impl Database {
    pub fn of_mib(mib: u64) -> Self {
        Self { rows: mib * 1024, changed: BTreeMap::new() }
    }

    pub fn change(&mut self, row: u64) {
        *self.changed.entry(row).or_default() += 1;
    }

    fn row(&self, number: u64) -> Vec<u8> {
        let version = self.changed.get(&number).copied().unwrap_or(0);
        let mut numbers = Numbers(number * 1_000_003 + version);
        let mut row = format!("{{\"room_id\":\"!room{}:example.org\",\"type\":\"m.room.message\",\"sender\":\"@user{}:example.org\",\"number\":{number},\"body\":\"", number / 500, number % 17).into_bytes();
        let words = ["the garden of ", "hello and hello to ", "a house by ", "tomorrow or today "];
        while row.len() < 512 {
            row.extend_from_slice(words[(numbers.next() % 4) as usize].as_bytes());
        }
        while row.len() < 1022 {
            row.extend_from_slice(format!("{:016x}", numbers.next()).as_bytes());
        }
        row.truncate(1022);
        row.extend(b"\"}");
        row
    }

    pub fn reader(&self) -> DatabaseReader {
        DatabaseReader { database: self.clone(), next: 0, held: Vec::new(), place: 0 }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes).unwrap();
        bytes
    }
}

pub struct DatabaseReader {
    database: Database,
    next: u64,
    held: Vec<u8>,
    place: usize,
}

impl Read for DatabaseReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.place == self.held.len() {
            if self.next == self.database.rows {
                return Ok(0);
            }
            self.held = self.database.row(self.next);
            (self.place, self.next) = (0, self.next + 1);
        }
        // Odd lengths, as a socket gives them.
        let count = buffer.len().min(self.held.len() - self.place).min(701);
        buffer[..count].copy_from_slice(&self.held[self.place..self.place + count]);
        self.place += count;
        Ok(count)
    }
}

/// A folder with a box's files and a repository.
pub struct World {
    pub root: TempDir,
    pub repository: Repository,
}

impl World {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let repository = Repository::create(&root.path().join("repository"), &recovery_key(), &box_key()).unwrap();
        let agent = root.path().join("agent");
        fs::create_dir_all(agent.join("acme")).unwrap();
        fs::write(agent.join("acme/account.json"), "{}").unwrap();
        fs::write(agent.join("volumes.json"), "a secret of this box").unwrap();
        fs::set_permissions(agent.join("acme/account.json"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir(root.path().join("media")).unwrap();
        let world = Self { root, repository };
        world.add_media("ab/cdef", 300_000, 1);
        world.add_media("ab/0123", 17, 2);
        world.add_media("f0/empty", 0, 3);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn folder(&self) -> PathBuf {
        self.path("repository")
    }

    pub fn add_media(&self, name: &str, bytes: usize, seed: u64) {
        let path = self.path("media").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut numbers = Numbers(seed);
        fs::write(path, (0..bytes).map(|_| numbers.next() as u8).collect::<Vec<_>>()).unwrap();
    }

    pub fn source_of(&self, database: impl Read + Send + 'static) -> Source {
        Source::new(manifest(), database)
            .folder("media", self.path("media"))
            .unwrap()
            .folder("agent", self.path("agent"))
            .unwrap()
            .leave_out("agent/volumes.json")
    }

    pub fn write(&self, database: &Database, now_ms: u64) -> Replica {
        self.repository.write(self.source_of(database.reader()), now_ms, &Progress::none()).unwrap()
    }

    pub fn verify(&self, replica: &ReplicaId) -> Result<Verified> {
        self.repository.verify(replica, &Scope::Full, &mut io::sink(), &Progress::none())
    }

    /// The database's stream of a replica.
    pub fn database_of(&self, replica: &ReplicaId) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.repository.verify(replica, &Scope::Full, &mut bytes, &Progress::none()).unwrap();
        bytes
    }

    pub fn restore(&self, replica: &ReplicaId, to: &Path) -> Result<Vec<u8>> {
        let mut database = Vec::new();
        let folders = ["media", "agent"].map(|name| (name.to_owned(), to.join(name)));
        self.repository.restore(
            replica,
            &mut Destination { database: &mut database, folders: folders.into() },
            &Progress::none(),
        )?;
        Ok(database)
    }

    pub fn reopen(&self) -> Repository {
        Repository::open(&self.folder(), Key::Box(&box_key())).unwrap()
    }
}

pub fn manifest() -> Vec<u8> {
    br#"{"format": 1, "server_name": "example.org", "users": 3, "rooms": 5}"#.to_vec()
}

/// Runs restic on a repository with the recovery key, typed as it is shown.
pub fn restic(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("restic")
        .args(["--no-cache", "--quiet"])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .env("RESTIC_REPOSITORY", folder)
        .env("RESTIC_PASSWORD", recovery_key().reveal().as_str())
        .output()
        .expect("restic is missing: ./hearth installs it")
}

pub fn restic_ok(folder: &Path, arguments: &[&str]) -> String {
    let output = restic(folder, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "restic {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// All files below a folder, with their contents.
pub fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

pub fn bytes_below(folder: &Path) -> u64 {
    files_below(folder).values().map(|contents| contents.len() as u64).sum()
}

/// Every file of the repository of a kind.
pub fn repository_files(world: &World, kind: &str) -> Vec<PathBuf> {
    let folder = world.folder().join(kind);
    files_below(&folder).into_keys().map(|path| folder.join(path)).collect()
}

/// A progress that keeps what it was told, and stops where `stop` says so.
pub fn watched(stop: impl Fn(Counts) -> bool + Send + Sync + 'static) -> (Progress, Arc<Mutex<Vec<Counts>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let progress = Progress::new(move |counts| {
        kept.lock().unwrap().push(counts);
        if stop(counts) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    (progress, seen)
}
