//! Figures of a machine that does well, unless `faults.toml` says otherwise.

use super::volumes::bytes;
use super::{Fake, faults};
use crate::{Clock, LogLine, LogUnit, Measure, Measurements, Memory, Notify, Result, Usage};
use std::time::Duration;

impl Measure for Fake {
    fn measurements(&self) -> Result<Measurements> {
        let faults = self.faults()?;
        if faults.measurements_fail {
            return Err(faults::failed("/proc/meminfo"));
        }
        let used = faults.memory_used.unwrap_or(143 << 20);
        Ok(Measurements {
            memory: Memory { total: self.machine.memory_total, used },
            load: faults.load.unwrap_or([0.12, 0.08, 0.05]),
            processors: 4,
            temperature_c: Some(faults.temperature_c.unwrap_or(47.2)).filter(|degrees| *degrees > -100.0),
            uptime_s: self.since_start_ms() / 1000,
        })
    }

    fn data_usage(&self) -> Result<Usage> {
        let total = self.machine.disks.iter().find(|disk| disk.system).map_or(0, |disk| disk.size);
        let free = self.faults()?.data_free.unwrap_or_else(|| total.saturating_sub(bytes(&self.paths.data)));
        Ok(Usage { total, used: total.saturating_sub(free), free })
    }

    fn written_since_boot(&self) -> Option<u64> {
        // As much as a family's evening: some KiB per second.
        let written = self.faults().unwrap_or_default().written;
        Some(written.unwrap_or_else(|| (20 << 20) + self.since_start_ms().saturating_mul(4)))
    }

    fn wear_percent(&self) -> Option<u8> {
        Some(self.faults().unwrap_or_default().wear_percent.unwrap_or(10)).filter(|percent| *percent <= 200)
    }

    fn logs(&self, unit: LogUnit, lines: usize) -> Result<Vec<LogLine>> {
        if self.faults()?.logs_fail {
            return Err(faults::failed("journalctl"));
        }
        Ok(self.log.newest(unit, lines))
    }

    fn notify(&self, _: &Notify) -> Result<()> {
        Ok(())
    }

    fn watchdog(&self) -> Option<Duration> {
        None
    }
}

impl Fake {
    fn since_start_ms(&self) -> u64 {
        self.monotonic_ms().saturating_sub(self.started_ms)
    }
}
