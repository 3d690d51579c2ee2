//! What was looked up of rooms' states, for those who ask the same right after: all readers of a room do when a message comes.
//!
//! What is kept here was so at a position, or in a version of the state, and stays so. It is bounded by count.

use crate::rooms::{
    RoomError,
    state::{self, Root},
};
use hearth_store::{EventNo, Read, RoomNo, StreamPos};
use lru::LruCache;
use std::{
    hash::Hash,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

/// Some 100 bytes each.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The memory.
#[derive(Debug)]
pub(super) struct Memo {
    roots: Mutex<LruCache<(RoomNo, StreamPos), Root>>,
    members: Mutex<LruCache<(Root, String), Option<EventNo>>>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { roots: Mutex::new(LruCache::new(KEPT)), members: Mutex::new(LruCache::new(KEPT)) }
    }
}

impl Memo {
    /// The state of a room at a position that `read` reaches.
    pub fn root_at(&self, read: &impl Read, room: RoomNo, position: StreamPos) -> Result<Root, RoomError> {
        kept(&self.roots, (room, position), || state::at_position(read, room, position))
    }

    /// The membership event of a user in a version of the state.
    pub fn member(&self, read: &impl Read, root: Root, user: &str) -> Result<Option<EventNo>, RoomError> {
        kept(&self.members, (root, user.to_owned()), || state::get(read, root, "m.room.member", user))
    }
}

fn kept<K: Hash + Eq, V: Copy>(
    memo: &Mutex<LruCache<K, V>>,
    key: K,
    look_up: impl FnOnce() -> Result<V, RoomError>,
) -> Result<V, RoomError> {
    if let Some(value) = memo.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(*value);
    }
    // Not under the lock: it may have to read the medium.
    let value = look_up()?;
    memo.lock().unwrap_or_else(PoisonError::into_inner).put(key, value);
    Ok(value)
}
