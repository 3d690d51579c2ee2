//! What replicas there are.

use super::Repository;
use crate::{Replica, ReplicaId, Result, contents::Contents, lock::Lock, meter::Meter, session::Session, snapshot};
use rustic_core::{
    FileType, Id, ReadBackend as _,
    repofile::{SnapshotFile, SnapshotId},
};
use std::sync::Arc;

pub(super) fn list(repository: &Repository) -> Result<Vec<Replica>> {
    let session = repository.session(false, &Arc::new(Meter::silent()));
    let mut replicas = Vec::new();
    for (id, snapshot) in snapshots(&session)? {
        if snapshot::is_ours(&snapshot) {
            replicas.push(snapshot::replica(&snapshot, &id)?);
        }
    }
    replicas.sort_by(|one, other| other.time_ms.cmp(&one.time_ms).then_with(|| one.id.cmp(&other.id)));
    Ok(replicas)
}

/// All snapshots that can be read. One that can't must not keep the owner from the others, so it is only logged.
fn snapshots(session: &Session) -> Result<Vec<(Id, SnapshotFile)>> {
    let ids =
        session.disk.list(FileType::Snapshot).map_err(|_| session.disk.explain("its replicas can't be listed"))?;
    session.run("its replicas can't be read", move |opened| {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            match opened.get_file::<SnapshotFile>(&SnapshotId::from(id)) {
                Ok(snapshot) => found.push((id, snapshot)),
                Err(error) if session.disk.has_failed() => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        replica = id.to_hex().as_str(),
                        error = error.display_log(),
                        "a replica can't be read"
                    );
                }
            }
        }
        Ok(found)
    })
}

pub(super) fn read_manifest(repository: &Repository, replica: &ReplicaId) -> Result<Vec<u8>> {
    let _lock = Lock::to_read(&repository.folder)?;
    let session = repository.session(false, &Arc::new(Meter::silent()));
    Contents::open(&session, replica)?.manifest()
}
