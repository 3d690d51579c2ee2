//! Time on a board without a clock chip.

use crate::Result;
use serde::Serialize;

/// Where the floor came from that the clock was set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorSource {
    /// When the image was built.
    Build,
    /// The time that was saved before the power went.
    Saved,
    /// The newest event in the homeserver's store.
    NewestEvent,
}

/// The clock was behind the floor and has been set forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClockRestored {
    /// What the clock showed, milliseconds since 1970.
    pub from_ms: u64,
    /// What it was set to.
    pub to_ms: u64,
    /// What says that it is at least so late.
    pub source: FloorSource,
}

/// The machine's clock. All times are milliseconds since 1970, UTC.
pub trait Clock {
    /// What the clock shows.
    fn now_ms(&self) -> u64;

    /// Milliseconds since the machine started, which never jump.
    fn monotonic_ms(&self) -> u64;

    /// Sets the clock forward to the latest of the image's build, the saved time and `newest_event_ms`, if it is behind.
    /// Never back. `None`: it was not behind. To be called at start before any certificate is judged, and again once the
    /// homeserver has said how new its newest event is.
    fn restore_clock(&self, newest_event_ms: Option<u64>) -> Result<Option<ClockRestored>>;

    /// Keeps the present time for the next start, if it is later than the one kept; every ten minutes is often enough.
    fn save_clock(&self) -> Result<()>;

    /// Whether the time came from the network since this start. Certificates are ordered and judged only then.
    fn time_trusted(&self) -> bool;

    /// The names that [`Clock::set_time_zone`] takes (`Europe/Berlin`), sorted, `UTC` among them.
    fn time_zones(&self) -> Result<Vec<String>>;

    /// The one that is set.
    fn time_zone(&self) -> Result<String>;

    /// Sets it for good. `Error::UnknownTimeZone`.
    fn set_time_zone(&self, name: &str) -> Result<()>;
}
