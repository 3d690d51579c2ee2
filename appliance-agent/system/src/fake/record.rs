//! What happened on the faked machine, for tests and for its log.

use super::{Fake, lock};
use crate::logs::{level, tidy};
use crate::{Clock, Error, LogLevel, LogLine, LogUnit, Result};
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Mutex;

const MOST_LINES: usize = 5000;

/// The machine's journal, in memory as on the box.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<VecDeque<LogLine>>);

impl Log {
    pub fn add(&self, time_ms: u64, unit: &str, text: &str) {
        let text = tidy(text);
        let line = LogLine { time_ms, unit: unit.to_owned(), level: level(&text), text };
        let mut lines = lock(&self.0);
        lines.push_back(line);
        if lines.len() > MOST_LINES {
            lines.pop_front();
        }
    }

    /// The newest, oldest first.
    pub fn newest(&self, unit: LogUnit, count: usize) -> Vec<LogLine> {
        let wanted = |line: &&LogLine| match unit {
            LogUnit::Agent => line.unit == "agent",
            LogUnit::Homeserver => line.unit == "homeserver",
            LogUnit::System => true,
        };
        let lines = lock(&self.0);
        let mut newest: Vec<LogLine> = lines.iter().rev().filter(wanted).take(count.min(MOST_LINES)).cloned().collect();
        newest.reverse();
        newest
    }
}

impl Fake {
    /// Adds a line of the agent to the machine's log, which on the box the journal gets by itself.
    pub fn log_agent(&self, level: LogLevel, text: &str) {
        let word = match level {
            LogLevel::Error => "ERROR",
            LogLevel::Warning => "WARN",
            LogLevel::Info => "INFO",
            LogLevel::Debug => "DEBUG",
        };
        self.log.add(self.now_ms(), "agent", &format!("{word} {text}"));
    }

    /// What was done to the machine as a whole since it was made: `reboot`, `power off`, `factory reset`.
    pub fn recorded(&self) -> Result<Vec<String>> {
        let text = crate::atomic::read(&self.folder.join("record.txt"))?.unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    }

    pub(super) fn record(&self, what: &str) -> Result<()> {
        let path = self.folder.join("record.txt");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{what}")).map_err(|error| Error::file("write", &path, error))?;
        self.note(&format!("the owner wants: {what}"));
        Ok(())
    }

    pub(super) fn note(&self, text: &str) {
        self.log.add(self.now_ms(), "machine", text);
    }
}
