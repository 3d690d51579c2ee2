//! What the kernel says of a process: `/proc/PID/stat`, `status` and `io`.

use anyhow::{Context, Result};
use nix::unistd::{SysconfVar, sysconf};
use std::{fs, path::PathBuf};

/// Reads the counters of one process, its threads included and its children not.
pub struct Probe {
    folder: PathBuf,
    ticks_per_second: f64,
}

/// Counters since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Seconds of processor time, in user and kernel mode.
    pub cpu_seconds: f64,
    /// Bytes that the process caused to be sent to a disk: whole pages made dirty in files on a real file system.
    /// What the file system adds for its journal is not in it, and nothing written to a memory file system is.
    pub written_bytes: u64,
}

impl Probe {
    pub fn new(pid: u32) -> Result<Probe> {
        let probe = Probe { folder: PathBuf::from(format!("/proc/{pid}")), ticks_per_second: ticks_per_second()? };
        // Better now than after a minute of load.
        probe.counters()?;
        probe.resident_kib()?;
        Ok(probe)
    }

    pub fn counters(&self) -> Result<Counters> {
        let ticks = cpu_ticks(&self.read("stat")?).context("an odd line in /proc/PID/stat")?;
        let written_bytes = field(&self.read("io")?, "write_bytes:").context("no write_bytes in /proc/PID/io")?;
        Ok(Counters { cpu_seconds: ticks as f64 / self.ticks_per_second, written_bytes })
    }

    /// Resident memory in KiB: VmRSS.
    pub fn resident_kib(&self) -> Result<u64> {
        field(&self.read("status")?, "VmRSS:").context("no VmRSS in /proc/PID/status")
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.folder.join(file);
        fs::read_to_string(&path).with_context(|| format!("reading {} (is it this user's process?)", path.display()))
    }
}

/// Seconds of processor time that the whole machine has been busy since it was started, over all cores.
pub fn machine_busy_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let ticks = busy_ticks(&stat).context("an odd line in /proc/stat")?;
    Ok(ticks as f64 / ticks_per_second()?)
}

fn ticks_per_second() -> Result<f64> {
    Ok(sysconf(SysconfVar::CLK_TCK)?.context("the kernel tells no clock tick")? as f64)
}

/// The sum of user, nice, system, irq, softirq and steal of the first line; idle and iowait, the fourth and fifth, are
/// when nothing was done.
fn busy_ticks(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace().take(8);
    let busy = fields.enumerate().filter(|(index, _)| !matches!(index, 3 | 4));
    busy.map(|(_, ticks)| ticks.parse::<u64>().ok()).sum()
}

/// utime and stime, the 14th and 15th field. The second is the command in parentheses and may hold anything, so fields
/// are counted from behind it.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat = "42 (a) (b 1) S 1 42 42 0 -1 4194560 1 0 0 0 250 50 7 8 20 0 9 0 5";
        assert_eq!(cpu_ticks(stat), Some(300));
    }

    #[test]
    fn a_field_is_found_at_the_beginning_of_its_line_only() {
        let io = "wchar: 7\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n";
        assert_eq!(field(io, "write_bytes:"), Some(8192));
        assert_eq!(field("VmHWM:\t 9 kB\nVmRSS:\t    5120 kB\n", "VmRSS:"), Some(5120));
        assert_eq!(field(io, "read_bytes:"), None);
    }

    #[test]
    fn a_machine_that_waits_is_not_busy() {
        assert_eq!(busy_ticks("cpu  1 2 3 1000 2000 4 5 6 700 800\ncpu0 9 9 9 9 9 9 9 9 9 9\n"), Some(21));
        assert_eq!(busy_ticks("intr 5"), None);
    }

    #[test]
    fn this_very_process_can_be_read() {
        let probe = Probe::new(std::process::id()).unwrap();
        assert!(probe.resident_kib().unwrap() > 500);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(Probe::new(u32::MAX).is_err());
    }
}
