//! What becomes of keys when a server is restored from a snapshot.
//!
//! The snapshot's one-time keys may have been given out after it was taken. A key that is used twice gives a
//! conversation away, so all of them go, and are remembered as given out: a device that repeats an old upload does not
//! bring them back. Devices see at their next sync that they have none left, and upload new ones.

use super::{E2eeError, device_lists};
use hearth_store::{
    Change, Read as _, Store, StoreError, StreamPos,
    tables::{CLAIMED_KEYS, CROSS_SIGNING_KEYS, DEVICE_KEYS, FALLBACK_KEYS, KEY_BACKUPS, ONE_TIME_KEYS, USERS},
};

/// Makes the restored accounts ready, one after another, before the server starts.
///
/// Whoever shares a room with somebody fetches their devices anew, for what they know of them may come from what was
/// lost. `jumped_to` is the position behind which the store goes on.
///
/// # Errors
/// Those of the store.
pub fn make_ready(store: &Store, jumped_to: StreamPos, keep_one_time_keys: bool) -> Result<(), E2eeError> {
    for row in store.snapshot()?.prefix(USERS, ())? {
        let (user, _) = row?;
        let work = move |change: &mut Change<'_>| {
            let user = user.as_str();
            if !keep_one_time_keys {
                drop_one_time_keys(change, user)?;
            }
            renew_backups(change, user, jumped_to)?;
            if change.first(DEVICE_KEYS, (user,))?.is_some() || change.first(CROSS_SIGNING_KEYS, (user,))?.is_some() {
                device_lists::changed(change, user)?;
            }
            Ok::<_, StoreError>(())
        };
        store.change_blocking(work)?;
    }
    Ok(())
}

fn drop_one_time_keys(change: &mut Change<'_>, user: &str) -> Result<(), StoreError> {
    let mut dropped = Vec::new();
    for row in change.prefix(ONE_TIME_KEYS, (user,))? {
        let ((_, device, algorithm, _, id), _) = row?;
        dropped.push((device, format!("{algorithm}:{id}")));
    }
    for (device, name) in dropped {
        let position = change.next_pos();
        change.put(CLAIMED_KEYS, (user, device.as_str(), position), &name)?;
    }
    change.delete_prefix(ONE_TIME_KEYS, (user,))?;
    change.delete_prefix(FALLBACK_KEYS, (user,))?;
    Ok(())
}

/// A client compares a backup's etag with the one that it saw last. Counting on from the snapshot's, the same number
/// would come to stand for other contents.
fn renew_backups(change: &mut Change<'_>, user: &str, jumped_to: StreamPos) -> Result<(), StoreError> {
    let mut backups = Vec::new();
    for row in change.prefix(KEY_BACKUPS, (user,))? {
        let ((_, version), record) = row?;
        backups.push((version, record));
    }
    for (version, mut record) in backups {
        record.etag = record.etag.max(jumped_to.0);
        change.put(KEY_BACKUPS, (user, version), &record)?;
    }
    Ok(())
}
