//! What happened over time, a bounded number of rows each.

use serde::{Deserialize, Serialize};

/// Replica runs that are kept.
const RUNS: usize = 200;
/// Days of storage that are kept.
const DAYS: usize = 400;
/// Exports that are kept.
const EXPORTS: usize = 50;

/// Replicas, exports and storage over time; the newest last.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Replicas, good and failed.
    pub replicas: Vec<ReplicaRun>,
    /// When the last good one ended, in milliseconds since the epoch.
    pub last_success_ms: Option<u64>,
    /// When the last good restore test ended.
    pub last_restore_test_ms: Option<u64>,
    /// What the last restore test failed by.
    pub restore_test_error: Option<String>,
    /// Copies on second disks.
    pub exports: Vec<Export>,
    /// The code of what the last replica failed by; none where it is whole.
    pub last_error_code: Option<String>,
    /// Storage by day.
    pub storage: Vec<StorageDay>,
    /// Replicas that were read back and found whole, by id.
    pub verified: Vec<String>,
}

/// A replica's making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaRun {
    /// When it began.
    pub time_ms: u64,
    /// Whether it is whole.
    pub ok: bool,
    /// Bytes that it added to the volume.
    pub bytes_added: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// What it failed by.
    pub error: Option<String>,
}

/// A copy on a second disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The disk, by its id.
    pub disk: String,
    /// The disk's volume.
    pub volume: String,
    /// When it was made.
    pub time_ms: u64,
    /// Whether the disk is no longer in the box.
    pub taken_away: bool,
    /// Whether the disk's recovery key was typed back. Until then nobody may have it, and the disk gets no further copy without a new one.
    #[serde(default)]
    pub confirmed: bool,
}

/// A day's storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageDay {
    /// `2026-11-24`, in UTC.
    pub day: String,
    /// Bytes used on the data partition at the end of it.
    pub used: u64,
    /// Bytes written to the card in it.
    pub written: u64,
    /// The card's counter of bytes written when the day was last looked at, with the boot that it belongs to.
    #[serde(default)]
    pub counter: u64,
}

impl History {
    /// Adds a replica's making.
    pub fn add_replica(&mut self, run: ReplicaRun) {
        if run.ok {
            self.last_success_ms = Some(run.time_ms.saturating_add(run.duration_ms));
        }
        self.replicas.push(run);
        keep(&mut self.replicas, RUNS);
    }

    /// Adds an export.
    pub fn add_export(&mut self, export: Export) {
        self.exports.push(export);
        keep(&mut self.exports, EXPORTS);
    }

    /// Counts bytes into the day's row. `counter` is the block device's since boot: it starts again at 0 with each boot.
    pub fn add_storage(&mut self, day: &str, used: u64, counter: u64) {
        let before = self.storage.last().map_or(0, |row| row.counter);
        let written = if counter >= before { counter - before } else { counter };
        match self.storage.last_mut().filter(|row| row.day == day) {
            Some(row) => {
                row.used = used;
                row.written = row.written.saturating_add(written);
                row.counter = counter;
            }
            None => self.storage.push(StorageDay { day: day.to_owned(), used, written, counter }),
        }
        keep(&mut self.storage, DAYS);
    }
}

fn keep<T>(rows: &mut Vec<T>, most: usize) {
    let surplus = rows.len().saturating_sub(most);
    rows.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_written_add_up_over_days_and_boots() {
        let mut history = History::default();
        history.add_storage("2026-11-24", 10, 100);
        history.add_storage("2026-11-24", 11, 150);
        // A boot: the counter began again.
        history.add_storage("2026-11-24", 12, 30);
        history.add_storage("2026-11-25", 13, 70);
        let rows: Vec<_> = history.storage.iter().map(|row| (row.used, row.written)).collect();
        assert_eq!(rows, [(12, 180), (13, 40)]);
    }

    #[test]
    fn old_rows_make_room() {
        let mut history = History::default();
        for time_ms in 0..300 {
            history.add_replica(ReplicaRun { time_ms, ok: true, bytes_added: 0, duration_ms: 1, error: None });
        }
        assert_eq!((history.replicas.len(), history.replicas[0].time_ms), (200, 100));
        assert_eq!(history.last_success_ms, Some(300));
    }
}
