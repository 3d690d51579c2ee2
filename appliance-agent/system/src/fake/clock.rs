//! This machine's clock, put back by what `machine.toml` says.

use super::{Fake, Faults, lock};
use crate::floor::{floor, parse_saved};
use crate::zones::{of_link, parse_places};
use crate::{Clock, ClockRestored, Error, Result, atomic};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;

const ZONES: &str = "/usr/share/zoneinfo";

impl Clock for Fake {
    fn now_ms(&self) -> u64 {
        let faults: Faults = self.faults().unwrap_or_default();
        let now = milliseconds(ClockId::Realtime).saturating_sub(*lock(&self.behind_ms));
        now.saturating_add_signed(faults.clock_ahead_ms)
    }

    fn monotonic_ms(&self) -> u64 {
        milliseconds(ClockId::Boottime)
    }

    fn restore_clock(&self, newest_event_ms: Option<u64>) -> Result<Option<ClockRestored>> {
        if self.time_trusted() {
            return Ok(None);
        }
        let saved = atomic::read(&self.paths.agent.join("clock"))?.as_deref().and_then(parse_saved);
        let (to_ms, source) = floor(self.machine.built_ms, saved, newest_event_ms);
        let from_ms = self.now_ms();
        if from_ms >= to_ms {
            return Ok(None);
        }
        let ahead = self.faults()?.clock_ahead_ms;
        *lock(&self.behind_ms) = milliseconds(ClockId::Realtime).saturating_add_signed(ahead).saturating_sub(to_ms);
        Ok(Some(ClockRestored { from_ms, to_ms, source }))
    }

    fn save_clock(&self) -> Result<()> {
        let path = self.paths.agent.join("clock");
        self.faults()?.may_write(&path)?;
        let now = self.now_ms();
        let saved = atomic::read(&path)?.as_deref().and_then(parse_saved);
        if saved.is_some_and(|saved| saved >= now) && !self.time_trusted() {
            return Ok(());
        }
        atomic::write(&path, format!("{now}\n").as_bytes(), 0o600, None)
    }

    fn time_trusted(&self) -> bool {
        self.faults().unwrap_or_default().time_trusted.unwrap_or(true)
    }

    fn time_zones(&self) -> Result<Vec<String>> {
        // A developer's machine may have no zones; a page needs some.
        let places = std::fs::read_to_string(Path::new(ZONES).join("zone.tab")).unwrap_or_else(|_| {
            let few = [
                "America/New_York",
                "Asia/Tokyo",
                "Australia/Sydney",
                "Europe/Berlin",
                "Europe/London",
                "Europe/Paris",
            ];
            few.map(|name| format!("\t\t{name}\n")).concat()
        });
        Ok(parse_places(&places))
    }

    fn time_zone(&self) -> Result<String> {
        let target = std::fs::read_link(self.paths.etc.join("localtime")).ok();
        Ok(target.as_deref().and_then(of_link).unwrap_or_else(|| "UTC".to_owned()))
    }

    fn set_time_zone(&self, name: &str) -> Result<()> {
        if !self.time_zones()?.iter().any(|zone| zone == name) {
            return Err(Error::UnknownTimeZone);
        }
        let path = self.paths.etc.join("localtime");
        self.faults()?.may_write(&path)?;
        atomic::link(&path, &Path::new(ZONES).join(name))
    }
}

pub(super) fn milliseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default() / 1_000_000)
}
