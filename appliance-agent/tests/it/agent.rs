//! The agent's own program on a faked machine, ended when dropped.

use crate::{client::Client, pebble::free_port};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

/// The homeserver's program: the one that `HEARTH_BIN` names, or built now.
pub fn homeserver() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(named) = std::env::var_os("HEARTH_BIN") {
                return named.into();
            }
            let status = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--package", "hearth-homeserver"])
                .status()
                .expect("cargo is there");
            assert!(status.success(), "the homeserver did not build");
            let agent = PathBuf::from(env!("CARGO_BIN_EXE_hearth-agent"));
            agent.with_file_name("hearth-homeserver")
        })
        .clone()
}

/// Ports that are free now.
fn ports<const N: usize>() -> [u16; N] {
    [(); N].map(|()| free_port())
}

/// A box.
pub struct Agent {
    pub folder: tempfile::TempDir,
    config: PathBuf,
    pub address: SocketAddr,
    pub https: SocketAddr,
    pub http: SocketAddr,
    child: Child,
}

impl Agent {
    /// A fresh box.
    pub fn start() -> Self {
        Self::with("")
    }

    /// A fresh box with more in its configuration.
    pub fn with(more: &str) -> Self {
        Self::of(tempfile::tempdir().unwrap(), more)
    }

    /// A fresh box whose ports 80 and 443 are these, with more in its configuration.
    pub fn behind(http: u16, https: u16, more: &str) -> Self {
        let [wizard, federation] = ports();
        Self::at(tempfile::tempdir().unwrap(), [wizard, http, https, federation], false, more)
    }

    /// A fresh box that answers for its name in the network that it is in.
    pub fn announced() -> Self {
        Self::at(tempfile::tempdir().unwrap(), ports(), true, "")
    }

    /// A fresh box with a disk that was another's.
    pub fn with_disk_of(other: &Self, disk: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = folder.path().join("machine");
        fs::create_dir(&machine).unwrap();
        let carried = other.machine().join("disks").join(disk);
        let text = format!(
            "[[disk]]\nid = \"mmc-card\"\nsize = 64000000000\nsystem = true\n\n\
             [[disk]]\nid = \"usb-carried\"\nsize = 1000000000000\nfolder = {carried:?}\n\n\
             [[disk]]\nid = \"usb-empty\"\nsize = 1000000000000\n"
        );
        fs::write(machine.join("machine.toml"), text).unwrap();
        Self::of(folder, "")
    }

    fn of(folder: tempfile::TempDir, more: &str) -> Self {
        Self::at(folder, ports(), false, more)
    }

    fn at(folder: tempfile::TempDir, ports: [u16; 4], mdns: bool, more: &str) -> Self {
        let [wizard, http, https, federation] = ports;
        let config = folder.path().join("agent.toml");
        let text = format!(
            "listen = \"127.0.0.1:{wizard}\"\nhttp = \"127.0.0.1:{http}\"\nhttps = \"127.0.0.1:{https}\"\n\
             federation = \"127.0.0.1:{federation}\"\nmdns = {mdns}\n[network]\ndelay_s = 1\ntrial_s = 3\n{more}"
        );
        fs::write(&config, text).unwrap();
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let child = spawn(folder.path(), &config);
        Self { folder, config, address: local(wizard), https: local(https), http: local(http), child }
    }

    /// Ends it as a power cut would, as far as the agent is concerned.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again.
    pub fn again(&mut self) {
        self.child = spawn(self.folder.path(), &self.config);
    }

    /// What it has written into its log until now.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub fn machine(&self) -> PathBuf {
        self.folder.path().join("machine")
    }

    pub fn data(&self) -> PathBuf {
        self.machine().join("data")
    }

    pub fn setup_code(&self) -> String {
        fs::read_to_string(self.data().join("agent/setup-code")).unwrap().trim().to_owned()
    }

    /// Somebody who has not come in yet.
    pub fn visitor(&self) -> Client {
        Client::new(self.address, &self.data().join("agent/authority/certificate.pem"))
    }

    /// Somebody who has typed the setup code.
    pub async fn owner(&self) -> Client {
        let mut client = self.visitor();
        client.post("/api/claim", serde_json::json!({ "code": self.setup_code() })).await.ok();
        client
    }

    /// Sets what shall fail from now on.
    pub fn faults(&self, toml: &str) {
        // Replaced whole: it may be read at any moment.
        let new = self.machine().join("faults.toml.new");
        fs::write(&new, toml).unwrap();
        fs::rename(new, self.machine().join("faults.toml")).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // In order, so that the homeserver ends with it.
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        for _ in 0..100 {
            if asked.is_err() || self.child.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the program and waits until it says that it serves.
fn spawn(folder: &Path, config: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hearth-agent"))
        .args(["run", "--fake"])
        .arg(folder.join("machine"))
        .arg("--config")
        .arg(config)
        .arg("--homeserver")
        .arg(homeserver())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).any(|line| line.starts_with("ready "));
    assert!(ready, "the agent did not start: {}", fs::read_to_string(folder.join("log")).unwrap());
    child
}
