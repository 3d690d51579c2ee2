//! Writing a replica.

use super::Repository;
use crate::{
    DATABASE, Error, MANIFEST, Progress, Replica, Result, Source, feed::Feed, lock::Lock, manifest, meter::Meter,
    session::Session, snapshot, top,
};
use rustic_core::{BackupOptions, jiff::Timestamp, repofile::SnapshotFile};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Instant};

pub(super) fn write(repository: &Repository, source: Source, now_ms: u64, progress: &Progress) -> Result<Replica> {
    manifest::check(&source.manifest)?;
    let began = Instant::now();
    let time = snapshot::timestamp(now_ms)?;
    let lock = Lock::to_write(&repository.folder, snapshot::system_time(now_ms))?;
    let meter = Arc::new(Meter::new(progress, None));
    let session = repository.session(false, &meter);
    session.disk.clear_leftovers()?;
    let result = store(&session, &meter, source, time, began);
    if matches!(result, Err(Error::Full { .. })) {
        // On a full disk what is of no use must not stay. Elsewhere it may: the next attempt goes on from it.
        session.disk.close();
        session.disk.take_back()?;
    }
    meter.report_end();
    drop((session, lock));
    result
}

/// All contents first, then the one file that makes a replica of them.
fn store(session: &Session, meter: &Arc<Meter>, source: Source, time: Timestamp, began: Instant) -> Result<Replica> {
    let manifest_bytes = u64::try_from(source.manifest.len()).unwrap_or(u64::MAX);
    let feed = Feed::new(source, time, meter);
    session.disk.hold_snapshots(true);
    let mut stored: SnapshotFile = session.run("the replica's contents can't be written", |repository| {
        repository.to_indexed_ids()?.archive(
            &BackupOptions::default(),
            &feed,
            snapshot::new(time),
            &[PathBuf::from(snapshot::PATH)],
        )
    })?;
    // rustic_core passes over failures of files, so that only these two know whether all of it is stored.
    meter.check()?;
    session.disk.check()?;
    let sizes = BTreeMap::from([(MANIFEST, manifest_bytes), (DATABASE, feed.database_bytes())]);
    stored.tree = top::with_sizes(session, stored.tree, &sizes)?;
    snapshot::finish(&mut stored, time, began.elapsed(), session.disk.bytes_added());
    meter.check()?;
    session.disk.hold_snapshots(false);
    let saved = session
        .run("the replica's name can't be written", |repository| repository.save_snapshots(vec![stored.clone()]));
    // Once it is on the disk it is there, whatever the caller may have wished meanwhile.
    let id = match (session.disk.last_snapshot(), saved) {
        (Some(id), _) => id,
        (None, Err(error)) => return Err(error),
        (None, Ok(())) => return Err(session.disk.explain("the replica's name was not written")),
    };
    snapshot::replica(&stored, &id)
}
