//! The homeserver's process, and the machine's own switches.

use crate::Result;
use serde::Serialize;
use std::io::Read;
use std::path::PathBuf;

/// What a service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// As it should be.
    Running,
    /// On the way up, or waiting to be started again after it fell.
    Starting,
    /// Not wanted, or on the way down.
    Stopped,
    /// It fell and nobody starts it again.
    Failed,
}

/// How a service does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// What it is doing.
    pub state: ServiceState,
    /// How often it was started again by itself since it was started.
    pub restarts: u64,
    /// Its process.
    pub pid: Option<u32>,
    /// What it said last, where it failed; for the owner to pass on.
    pub last_words: Option<String>,
}

/// What a command answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Whether it ended with status 0.
    pub success: bool,
    /// The first MiB of it.
    pub stdout: Vec<u8>,
    /// The last 16 KiB of it; words for the owner where it failed.
    pub stderr: String,
}

/// The homeserver's process, and the machine's own switches.
pub trait Services {
    /// Starts it if it is not running, and returns when it says that it is ready. `Error::ServiceFailed` with its last words.
    fn start_homeserver(&self) -> Result<()>;

    /// Stops it; returns when it has ended.
    fn stop_homeserver(&self) -> Result<()>;

    /// Stops and starts it.
    fn restart_homeserver(&self) -> Result<()>;

    /// How it does.
    fn homeserver_status(&self) -> Result<ServiceStatus>;

    /// Where it takes orders: `/run/hearth/homeserver.socket`.
    fn admin_socket(&self) -> PathBuf;

    /// Runs `hearth-homeserver ARGUMENTS` to its end as the homeserver's user, `input` on its standard input. Where `input`
    /// fails the command is ended and that error returned. A failed command is an [`Output`] without `success`.
    fn run_homeserver(&self, arguments: &[&str], input: &mut (dyn Read + Send)) -> Result<Output>;

    /// Starts the machine again. Returns at once.
    fn reboot(&self) -> Result<()>;

    /// Switches it off. Returns at once.
    fn power_off(&self) -> Result<()>;

    /// Leaves the file `FACTORY-RESET` on the data partition: the early start of the image makes that partition anew when
    /// it finds it. Nothing is deleted here, for the agent and the homeserver are still running; call [`Services::reboot`] next.
    fn factory_reset(&self) -> Result<()>;
}
