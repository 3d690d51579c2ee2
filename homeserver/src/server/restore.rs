//! A new database out of a snapshot.
//!
//! After a restore the world remembers more than the server: clients have seen positions behind the snapshot's, and
//! others have got one-time keys that the snapshot holds still. So positions go on far behind any that was ever
//! given out ([`jump`]), `RESTORES` tells where the gap lies (`sync/restores.rs` answers tokens from within it), and
//! [`e2ee::restored`] takes away what must not be used twice.

use crate::{
    config::DATABASE,
    e2ee::{self, E2eeError},
    rooms::client_event,
};
use hearth_store::{
    EventNo, Store, StoreError, StreamPos, Value as _,
    dump::{self, Contents, LoadError, Loaded, Row},
    records::{EventRecord, RestoreRecord},
    tables,
};
use serde::Serialize;
use std::{cell::RefCell, fs, io::Read, path::Path};

/// Positions that a millisecond is worth: more than a server gives out in one, taken over its life.
const PER_MILLISECOND: u64 = 256;
/// Positions that the store may have given out without a row that tells of them, and some.
const UNTOLD: u64 = 1 << 16;
/// How far positions jump where the clock says nothing useful.
const BLIND: u64 = 1 << 32;
/// The year 2200. An event from behind it is wrong about the time.
const LATEST: u64 = 7_258_118_400_000;

/// Why a snapshot can't be restored; the words are for the owner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The snapshot, or the new database.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The folder can't be made.
    #[error("The folder {0} can't be made: {1}.")]
    Folder(String, std::io::Error),
    /// What follows from the restore could not be stored.
    #[error("The restored database could not be made ready: {0}. Nothing was restored.")]
    Work(#[from] E2eeError),
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> Self {
        Self::Work(error.into())
    }
}

/// What a snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The name of the server whose snapshot it is.
    pub server_name: String,
    /// Accounts that can be used.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// Events.
    pub events: u64,
    /// Milliseconds since the Unix epoch, as the newest event says.
    pub newest_event_ts: Option<u64>,
}

/// Goes through a snapshot without making anything of it.
///
/// # Errors
/// [`LoadError`]
pub fn verify(input: impl Read) -> Result<Summary, LoadError> {
    let mut tally = Tally::default();
    dump::verify(input, |row| tally.count(row))?;
    tally.summary()
}

/// Makes the database of the folder `data` out of a snapshot. `now` is in milliseconds since the Unix epoch.
///
/// One-time and fallback keys are left out unless they are to be kept, which is right only where nothing has happened
/// since the snapshot was taken.
///
/// # Errors
/// [`RestoreError`]; there is no database then.
pub fn restore(input: impl Read, data: &Path, keep_one_time_keys: bool, now: u64) -> Result<Summary, RestoreError> {
    fs::create_dir_all(data).map_err(|error| RestoreError::Folder(data.display().to_string(), error))?;
    // The jump is asked for once the last row has been seen.
    let tally = RefCell::new(Tally::default());
    dump::load(
        input,
        &data.join(DATABASE),
        |row| tally.borrow_mut().count(row),
        |contents| jump(contents, now, tally.borrow().newest_event_ts().ok().flatten()),
        |store, loaded| make_ready(store, loaded, keep_one_time_keys, now),
    )?;
    Ok(tally.into_inner().summary()?)
}

/// Where positions go on: by the time, so that two restores of one snapshot don't give out the same ones.
fn jump(contents: &Contents, now: u64, newest_event_ts: Option<u64>) -> StreamPos {
    let now = newest_event_ts.filter(|at| *at < LATEST).unwrap_or(0).max(now.min(LATEST));
    let (by_time, before) = (now * PER_MILLISECOND, contents.position.0);
    StreamPos(if by_time > before + UNTOLD { by_time } else { before + BLIND })
}

fn make_ready(store: &Store, loaded: &Loaded, keep_one_time_keys: bool, now: u64) -> Result<(), RestoreError> {
    let (gap_ends, from) = (loaded.jumped_to, loaded.contents.position);
    store.change_blocking(move |change| change.put(tables::RESTORES, gap_ends, &RestoreRecord { from, at: now }))?;
    Ok(e2ee::restored::make_ready(store, gap_ends, keep_one_time_keys)?)
}

/// Counts rows as they come by.
#[derive(Debug, Default)]
struct Tally {
    server_name: Option<String>,
    users: u64,
    rooms: u64,
    events: u64,
    /// The newest event's row.
    newest: Option<Vec<u8>>,
}

impl Tally {
    fn count(&mut self, row: Row<'_>) -> Result<(), LoadError> {
        if row.is_of(tables::EVENTS) {
            self.events += 1;
            let newest = self.newest.get_or_insert_default();
            newest.clear();
            newest.extend_from_slice(row.value());
        } else if row.is_of(tables::ROOMS) {
            self.rooms += 1;
        } else if let Some((_, user)) = row.of(tables::USERS)? {
            self.users += u64::from(!user.deactivated);
        } else if let Some((name, value)) = row.of(tables::SECRETS)?
            && name == "server_name"
        {
            self.server_name = Some(String::from_utf8_lossy(&value).into_owned());
        }
        Ok(())
    }

    fn newest_event_ts(&self) -> Result<Option<u64>, StoreError> {
        let Some(row) = &self.newest else { return Ok(None) };
        let record = EventRecord::decode(row)?;
        let fields = client_event::fields(EventNo(0), &record);
        fields
            .map(|fields| Some(fields.origin_server_ts))
            .map_err(|error| StoreError::corrupt("EVENTS", error.to_string()))
    }

    fn summary(self) -> Result<Summary, LoadError> {
        let newest_event_ts = self.newest_event_ts()?;
        let Self { server_name, users, rooms, events, .. } = self;
        // A server writes its name before anything else.
        let server_name = server_name.ok_or(LoadError::Foreign)?;
        Ok(Summary { server_name, users, rooms, events, newest_event_ts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_jump_by_the_time_or_blindly_but_always_ahead() {
        let contents = |position| Contents { schema: 1, position: StreamPos(position), rows: 0, bytes: 0 };
        let now = 1_750_000_000_000;
        assert_eq!(jump(&contents(1_000), now, None).0, now * 256);
        assert!(jump(&contents(1_000), now + 1, None) > jump(&contents(1_000), now, None));
        // A clock that woke up in 1970 is helped out by the newest event.
        assert_eq!(jump(&contents(1_000), 5, Some(now)).0, now * 256);
        assert_eq!(jump(&contents(1_000), 5, Some(u64::MAX)).0, 1_000 + BLIND);
        let far = now * 256 + 7;
        assert_eq!(jump(&contents(far), now, None).0, far + BLIND);
        assert!(jump(&contents(1_000), u64::MAX, None).0 < 1 << 53, "JavaScript has to be able to count this far");
    }
}
