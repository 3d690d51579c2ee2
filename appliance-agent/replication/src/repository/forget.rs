//! Letting old replicas go, and freeing what nothing needs any more.

use super::{Repository, Tidied};
use crate::{ForgetPlan, Progress, ReplicaId, Result, contents, lock::Lock, meter::Meter, session::Session, snapshot};
use bytesize::ByteSize;
use rustic_core::{LimitOption, PruneOptions, repofile::SnapshotId};
use std::sync::Arc;

/// Of what is in use, how much may lie unused beside it before packs are written anew. Each percent more is less written on a disk that may
/// be a cheap stick.
const MOST_UNUSED_PERCENT: u64 = 10;
/// How much is written anew at most in one go, so that tidying up takes minutes and not hours.
const MOST_REPACKED: u64 = 2 << 30;

pub(super) fn forget(repository: &Repository, plan: &ForgetPlan, progress: &Progress) -> Result<Tidied> {
    let lock = Lock::to_tidy(&repository.folder, snapshot::system_time(plan.now_ms))?;
    let session = repository.session(false, &Arc::new(Meter::new(progress, None)));
    session.disk.clear_leftovers()?;
    let replicas: Vec<&ReplicaId> = plan.remove.iter().map(|(replica, _)| &replica.id).collect();
    remove_snapshots(&session, &replicas)?;
    prune(&session)?;
    session.disk.meter().report_end();
    let (gone, came) = (session.disk.bytes_removed(), session.disk.bytes_added());
    drop((session, lock));
    Ok(Tidied { removed: replicas.len(), bytes_freed: gone.saturating_sub(came) })
}

/// Takes a replica out and leaves what it holds for the next tidying up.
pub(super) fn remove(repository: &Repository, replica: &ReplicaId, now_ms: u64) -> Result<()> {
    let _lock = Lock::to_tidy(&repository.folder, snapshot::system_time(now_ms))?;
    let session = repository.session(false, &Arc::new(Meter::silent()));
    remove_snapshots(&session, &[replica])
}

/// First the names: from here on nothing refers to what only they needed. A removed name is on the disk before the next step.
fn remove_snapshots(session: &Session, replicas: &[&ReplicaId]) -> Result<()> {
    let ids =
        replicas.iter().map(|replica| contents::parse(replica).map(SnapshotId::from)).collect::<Result<Vec<_>>>()?;
    session.run("replicas can't be removed", |opened| opened.delete_snapshots(&ids))?;
    session.disk.check()
}

/// Then their contents. rustic_core writes what has to be kept of a pack, and the new index, before it removes the old index, and that
/// before it removes packs; [`crate::disk`] brings each step to the disk before the next.
fn prune(session: &Session) -> Result<()> {
    let (room, _) = session.disk.space()?;
    let mut options = PruneOptions::default();
    // Nobody else is at work, which is what the delay is for.
    options.instant_delete = true;
    options.max_unused = LimitOption::Percentage(MOST_UNUSED_PERCENT);
    // Packs are written anew before the old ones go: only as far as there is room. On a full disk only what is unused as a whole goes.
    options.max_repack = LimitOption::Size(ByteSize(MOST_REPACKED.min(room / 2)));
    session.run("what is unused can't be freed", |opened| {
        let plan = opened.prune_plan(&options)?;
        opened.prune(&options, plan)
    })?;
    session.disk.check()
}
