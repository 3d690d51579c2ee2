//! Which membership events a device has been sent already, where it loads members lazily.
//!
//! Kept in memory and bounded: what is forgotten is only sent again.

use super::scene::Question;
use hearth_store::{EventNo, StreamPos};
use lru::LruCache;
use std::{
    hash::{BuildHasher as _, RandomState},
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Some 100 bytes each.
const KEPT: NonZeroUsize = NonZeroUsize::new(8192).unwrap();
/// Devices, likewise.
const DEVICES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// What was sent to whom, by keyed hashes.
#[derive(Debug)]
pub(super) struct Lazy {
    known: Mutex<Known>,
    hash: RandomState,
}

#[derive(Debug)]
struct Known {
    /// (the device's beginning, membership event) -> up to where the answer reached that it was in. An answer may be
    /// lost on its way: it has arrived when the device comes back with its token.
    sent: LruCache<(u64, EventNo), StreamPos>,
    /// Device -> which time it began with nothing. What it was sent before that counts no more.
    beginnings: LruCache<u64, u64>,
    next: u64,
}

impl Default for Lazy {
    fn default() -> Self {
        let known = Known { sent: LruCache::new(KEPT), beginnings: LruCache::new(DEVICES), next: 0 };
        Self { known: Mutex::new(known), hash: RandomState::new() }
    }
}

impl Lazy {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn device(&self, question: &Question) -> u64 {
        self.hash.hash_one((&question.user, &question.device))
    }

    /// The device begins, and knows nothing.
    pub fn begins(&self, question: &Question) {
        let device = self.device(question);
        self.known().beginnings.pop(&device);
    }

    /// Whether the device has that membership event.
    pub fn knows(&self, question: &Question, member: EventNo) -> bool {
        let Some(since) = question.since else { return false };
        let device = self.device(question);
        let mut known = self.known();
        let beginning = known.beginning(device);
        known.sent.get(&(beginning, member)).is_some_and(|sent| *sent <= since.position)
    }

    /// The device is being sent that membership event, in an answer that reaches up to there.
    pub fn learns(&self, question: &Question, member: EventNo, until: StreamPos) {
        let device = self.device(question);
        let mut known = self.known();
        let beginning = known.beginning(device);
        known.sent.put((beginning, member), until);
    }
}

impl Known {
    fn beginning(&mut self, device: u64) -> u64 {
        let next = self.next + 1;
        let beginning = *self.beginnings.get_or_insert(device, || next);
        self.next = self.next.max(beginning);
        beginning
    }
}
