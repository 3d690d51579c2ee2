//! Replicas as restic's snapshots.

use crate::{Error, Replica, ReplicaId, Result};
use rustic_core::{
    Id,
    jiff::{Timestamp, tz::TimeZone},
    repofile::{SnapshotFile, StringList},
};
use std::{
    str::FromStr as _,
    time::{Duration, SystemTime},
};

/// The path that restic shows for a replica; its contents lie at the top.
pub(crate) const PATH: &str = "/hearth";
/// The tag by which replicas are told from what somebody may have put into the repository with restic.
const TAG: &str = "hearth";

/// A snapshot to be.
pub(crate) fn new(time: Timestamp) -> SnapshotFile {
    let mut tags = StringList::default();
    tags.add(TAG.to_owned());
    SnapshotFile {
        time: time.to_zoned(TimeZone::UTC),
        program_version: concat!("hearth ", env!("CARGO_PKG_VERSION")).to_owned(),
        hostname: TAG.to_owned(),
        tags,
        ..SnapshotFile::default()
    }
}

/// Puts in what is known at the end. rustic_core has measured by the wall clock, which a box without a clock chip corrects meanwhile.
pub(crate) fn finish(snapshot: &mut SnapshotFile, time: Timestamp, took: Duration, bytes_added: u64) {
    let time = time.to_zoned(TimeZone::UTC);
    if let Some(summary) = &mut snapshot.summary {
        summary.backup_end = time.saturating_add(took);
        summary.backup_start = time;
        summary.backup_duration = took.as_secs_f64();
        summary.total_duration = took.as_secs_f64();
        summary.data_added_packed = bytes_added;
    }
}

/// Whether it is one of Hearth's.
pub(crate) fn is_ours(snapshot: &SnapshotFile) -> bool {
    snapshot.tags.contains(TAG)
}

/// What is told of it.
pub(crate) fn replica(snapshot: &SnapshotFile, id: &Id) -> Result<Replica> {
    let summary = snapshot.summary.as_ref();
    Ok(Replica {
        id: ReplicaId::from_str(id.to_hex().as_str())?,
        time_ms: u64::try_from(snapshot.time.timestamp().as_millisecond()).unwrap_or(0),
        bytes: summary.map_or(0, |summary| summary.total_bytes_processed),
        bytes_added: summary.map_or(0, |summary| summary.data_added_packed),
        files: summary.map_or(0, |summary| summary.total_files_processed),
        duration_ms: summary.map_or(0, |summary| milliseconds(summary.backup_duration)),
    })
}

fn milliseconds(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds).ok().and_then(|duration| u64::try_from(duration.as_millis()).ok()).unwrap_or(0)
}

/// Milliseconds since 1970 as the calendar has them.
pub(crate) fn timestamp(ms: u64) -> Result<Timestamp> {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .ok_or_else(|| Error::Unusable("its time is beyond the calendar".to_owned()))
}

/// Milliseconds since 1970 as the file system has them.
pub(crate) fn system_time(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
}
