//! Which membership events a device has been sent already, where it loads members lazily.
//!
//! Kept in memory and bounded: what is forgotten is only sent again.

use super::scene::Question;
use hearth_store::EventNo;
use lru::LruCache;
use std::{
    hash::{BuildHasher as _, RandomState},
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Some 100 bytes each.
const KEPT: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// (device, membership event) of what was sent, by a keyed hash of both.
#[derive(Debug)]
pub(super) struct Lazy {
    sent: Mutex<LruCache<u64, ()>>,
    hash: RandomState,
}

impl Default for Lazy {
    fn default() -> Self {
        Self { sent: Mutex::new(LruCache::new(KEPT)), hash: RandomState::new() }
    }
}

impl Lazy {
    fn sent(&self) -> MutexGuard<'_, LruCache<u64, ()>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, question: &Question, member: EventNo) -> u64 {
        self.hash.hash_one((&question.user, &question.device, member))
    }

    /// Whether the device has been sent that membership event.
    pub fn knows(&self, question: &Question, member: EventNo) -> bool {
        self.sent().get(&self.key(question, member)).is_some()
    }

    /// The device is being sent that membership event.
    pub fn learns(&self, question: &Question, member: EventNo) {
        self.sent().put(self.key(question, member), ());
    }
}
