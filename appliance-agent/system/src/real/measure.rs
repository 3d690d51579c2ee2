//! `/proc`, `/sys` and the journal.

use super::services::HOMESERVER;
use super::{Real, journal, line, mount};
use crate::command::{SHORT, ask};
use crate::{Error, LogLine, LogUnit, Measure, Measurements, Memory, Notify, Result, Usage};
use std::path::{Path, PathBuf};
use std::time::Duration;

const AGENT: &str = "hearth-agent.service";
const MOST_LINES: usize = 5000;

impl Measure for Real {
    fn measurements(&self) -> Result<Measurements> {
        Ok(Measurements {
            memory: read("/proc/meminfo", parse_memory)?,
            load: read("/proc/loadavg", parse_load)?,
            processors: std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1)),
            temperature_c: temperature(),
            uptime_s: read("/proc/uptime", parse_uptime)?,
        })
    }

    fn data_usage(&self) -> Result<Usage> {
        mount::usage(&self.paths.data)
    }

    fn written_since_boot(&self) -> Option<u64> {
        parse_written(&line(self.data_disk()?.join("stat"))?)
    }

    fn wear_percent(&self) -> Option<u8> {
        parse_life_time(&line(self.data_disk()?.join("device/life_time"))?)
    }

    fn logs(&self, unit: LogUnit, lines: usize) -> Result<Vec<LogLine>> {
        let lines = format!("--lines={}", lines.min(MOST_LINES));
        let mut arguments = vec!["--no-pager", "--output=json", lines.as_str()];
        match unit {
            LogUnit::Agent => arguments.extend(["--unit", AGENT]),
            LogUnit::Homeserver => arguments.extend(["--unit", HOMESERVER]),
            LogUnit::System => {}
        }
        Ok(ask("journalctl", &arguments, None, SHORT)?.lines().filter_map(journal::parse).collect())
    }

    fn notify(&self, what: &Notify) -> Result<()> {
        self.supervisor.tell(what)
    }

    fn watchdog(&self) -> Option<Duration> {
        self.supervisor.watchdog
    }
}

impl Real {
    /// The folder in `/sys` of the whole disk that `/data` is on.
    fn data_disk(&self) -> Option<PathBuf> {
        let device = rustix::fs::stat(&self.paths.data).ok()?.st_dev;
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let folder = std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
        // A partition's folder lies in its disk's.
        if folder.join("partition").exists() { Some(folder.parent()?.to_owned()) } else { Some(folder) }
    }
}

fn read<T>(path: &'static str, parse: fn(&str) -> Option<T>) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
    parse(&text).ok_or_else(|| Error::Unreadable { program: path.to_owned(), detail: "fields are missing".to_owned() })
}

fn parse_memory(text: &str) -> Option<Memory> {
    let kilobytes = |key: &str| -> Option<u64> {
        let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        rest.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let (total, available) = (kilobytes("MemTotal")?, kilobytes("MemAvailable")?);
    Some(Memory { total: total * 1024, used: total.saturating_sub(available) * 1024 })
}

fn parse_load(text: &str) -> Option<[f64; 3]> {
    let mut fields = text.split_whitespace().map(|field| field.parse::<f64>().ok());
    Some([fields.next()??, fields.next()??, fields.next()??])
}

fn parse_uptime(text: &str) -> Option<u64> {
    text.split(['.', ' ']).next()?.parse().ok()
}

/// The seventh field of a block device's `stat`: sectors written, always of 512 bytes.
fn parse_written(text: &str) -> Option<u64> {
    text.split_whitespace().nth(6)?.parse::<u64>().ok()?.checked_mul(512)
}

/// An eMMC's two estimates, each in tenths of its life begun: `0x01 0x03` is up to 30 percent. 0 is not defined, 11 means
/// past its life.
fn parse_life_time(text: &str) -> Option<u8> {
    let tenths = text.split_whitespace().filter_map(|field| u8::from_str_radix(field.strip_prefix("0x")?, 16).ok());
    tenths.filter(|tenths| (1..=11).contains(tenths)).max().map(|tenths| tenths * 10)
}

/// The warmest zone; a reading that no silicon survives is a broken sensor.
fn temperature() -> Option<f64> {
    let zones = std::fs::read_dir("/sys/class/thermal").ok()?;
    let readings = zones.filter_map(|zone| line(zone.ok()?.path().join(Path::new("temp")))?.parse::<i32>().ok());
    readings.filter(|milli| (-40_000..150_000).contains(milli)).max().map(|milli| f64::from(milli) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory() {
        let text = "MemTotal:         948304 kB\nMemFree:          400000 kB\nMemAvailable:     700304 kB\n";
        assert_eq!(parse_memory(text), Some(Memory { total: 948_304 * 1024, used: 248_000 * 1024 }));
        assert_eq!(parse_memory("MemTotal: 5 kB\n"), None);
    }

    #[test]
    fn load_and_uptime() {
        assert_eq!(parse_load("0.50 1.25 2.00 2/345 6789\n"), Some([0.5, 1.25, 2.0]));
        assert_eq!(parse_load("0.50 x"), None);
        assert_eq!(parse_uptime("12345.67 45678.90\n"), Some(12345));
    }

    #[test]
    fn written_sectors() {
        assert_eq!(parse_written("  100 2 3000 40 500 6 7000 80 0 90 100"), Some(7000 * 512));
        assert_eq!(parse_written("1 2 3"), None);
    }

    #[test]
    fn life_times() {
        assert_eq!(parse_life_time("0x01 0x03"), Some(30));
        assert_eq!(parse_life_time("0x00 0x00"), None);
        assert_eq!(parse_life_time("0x0b 0x01"), Some(110));
        assert_eq!(parse_life_time("0xff 0x02"), Some(20));
        assert_eq!(parse_life_time("?"), None);
    }

    #[test]
    fn this_machine_has_figures() {
        let now = Real::new().measurements().unwrap();
        assert!(now.memory.total > now.memory.used && now.memory.used > 0 && now.processors > 0, "{now:?}");
    }
}
