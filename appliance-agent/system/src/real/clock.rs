//! The system's clock; timesyncd corrects it once there is a network.

use super::Real;
use crate::floor::{floor, parse_saved};
use crate::zones::{of_link, parse_places};
use crate::{Clock, ClockRestored, Error, Identity, Result, atomic};
use rustix::fs::Timespec;
use rustix::time::{ClockId, clock_gettime, clock_settime};
use std::path::Path;

const ZONES: &str = "/usr/share/zoneinfo";
/// timesyncd makes it when it has set the clock by a server, and it is in memory: gone at the next start.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

impl Clock for Real {
    fn now_ms(&self) -> u64 {
        milliseconds(clock_gettime(ClockId::Realtime))
    }

    fn monotonic_ms(&self) -> u64 {
        milliseconds(clock_gettime(ClockId::Boottime))
    }

    fn restore_clock(&self, newest_event_ms: Option<u64>) -> Result<Option<ClockRestored>> {
        // The network's time is right, whatever was saved or received before.
        if self.time_trusted() {
            return Ok(None);
        }
        // A file that can't be read must not keep the clock from the other floors.
        let saved = atomic::read(&self.saved_clock()).unwrap_or_else(|error| {
            tracing::warn!(%error, "the saved time could not be read");
            None
        });
        let (to_ms, source) = floor(self.image().built_ms, saved.as_deref().and_then(parse_saved), newest_event_ms);
        let from_ms = self.now_ms();
        if from_ms >= to_ms {
            return Ok(None);
        }
        let time = Timespec {
            tv_sec: i64::try_from(to_ms / 1000).unwrap_or(i64::MAX),
            // Less than 1,000,000,000, so it fits whatever the platform's type is.
            tv_nsec: i64::try_from(to_ms % 1000 * 1_000_000).unwrap_or_default(),
        };
        clock_settime(ClockId::Realtime, time).map_err(|error| Error::ProgramFailed {
            program: "clock".to_owned(),
            detail: std::io::Error::from(error).to_string(),
        })?;
        Ok(Some(ClockRestored { from_ms, to_ms, source }))
    }

    fn save_clock(&self) -> Result<()> {
        let now = self.now_ms();
        let saved = atomic::read(&self.saved_clock())?.as_deref().and_then(parse_saved);
        // Once the network has said what time it is, a later time that was kept was wrong.
        if saved.is_some_and(|saved| saved >= now) && !self.time_trusted() {
            return Ok(());
        }
        atomic::write(&self.saved_clock(), format!("{now}\n").as_bytes(), 0o600, None)
    }

    fn time_trusted(&self) -> bool {
        Path::new(SYNCHRONISED).exists()
    }

    fn time_zones(&self) -> Result<Vec<String>> {
        let places = Path::new(ZONES).join("zone.tab");
        let text = std::fs::read_to_string(&places).map_err(|error| Error::file("read", &places, error))?;
        Ok(parse_places(&text))
    }

    fn time_zone(&self) -> Result<String> {
        // No link, or one to nowhere known: what programs then go by.
        let target = std::fs::read_link(self.paths.etc.join("localtime")).ok();
        Ok(target.as_deref().and_then(of_link).unwrap_or_else(|| "UTC".to_owned()))
    }

    fn set_time_zone(&self, name: &str) -> Result<()> {
        // Only names of the list: a name is about to become part of a path.
        let known = self.time_zones()?.iter().any(|zone| zone == name);
        let zone = Path::new(ZONES).join(name);
        if !known || !zone.is_file() {
            return Err(Error::UnknownTimeZone);
        }
        atomic::link(&self.paths.etc.join("localtime"), &zone)
    }
}

impl Real {
    fn saved_clock(&self) -> std::path::PathBuf {
        self.paths.agent.join("clock")
    }
}

/// A clock before 1970 counts as 1970.
fn milliseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default() / 1_000_000)
}
