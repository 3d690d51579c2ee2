//! How the machine does, in figures, and its logs.

use crate::Result;
use serde::Serialize;
use std::time::Duration;

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// All that the kernel has.
    pub total: u64,
    /// All that could not be had at once by who asks: total less available.
    pub used: u64,
}

/// Room on a file system, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// All.
    pub total: u64,
    /// Taken.
    pub used: u64,
    /// Still to be had by the box (less than total - used: the file system keeps a reserve).
    pub free: u64,
}

/// The moment's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurements {
    /// Memory.
    pub memory: Memory,
    /// Processes that want to run, over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// How many processors share that load.
    pub processors: u32,
    /// The warmest sensor, degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Seconds since the machine started.
    pub uptime_s: u64,
}

/// Whose log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogUnit {
    /// The agent's.
    Agent,
    /// The homeserver's.
    Homeserver,
    /// Everything.
    System,
}

/// How grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is odd.
    Warning,
    /// Something happened.
    Info,
    /// For developers.
    Debug,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When.
    pub time_ms: u64,
    /// `agent`, `homeserver`, or the name of a unit or program.
    pub unit: String,
    /// How grave.
    pub level: LogLevel,
    /// What; at most 4 KiB, without control characters.
    pub text: String,
}

/// What the agent tells the supervisor of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// It serves.
    Ready,
    /// It is alive; at least twice per [`Measure::watchdog`].
    Alive,
    /// It is going.
    Stopping,
    /// One line for whoever asks how it does.
    Status(String),
}

/// How the machine does, in figures, and its logs.
pub trait Measure {
    /// The moment's figures.
    fn measurements(&self) -> Result<Measurements>;

    /// Room on the data partition.
    fn data_usage(&self) -> Result<Usage>;

    /// Bytes written to the disk that holds the data since the machine started. `None` where it can't be told.
    fn written_since_boot(&self) -> Option<u64>;

    /// How much of the data disk's life is used up, 0 to 100 or more, where the disk says (eMMC does, cards seldom).
    fn wear_percent(&self) -> Option<u8>;

    /// The newest `lines` (at most 5000) of a log, oldest first.
    fn logs(&self, unit: LogUnit, lines: usize) -> Result<Vec<LogLine>>;

    /// Tells the supervisor of processes. Nobody there to hear it is no error.
    fn notify(&self, what: &Notify) -> Result<()>;

    /// Within which time the supervisor wants to hear [`Notify::Alive`], if it does.
    fn watchdog(&self) -> Option<Duration>;
}
