//! Memory for the bodies of requests: there is so much for all together, and of that a share for each sender.
//!
//! A body takes what it declares before its first byte is read, and keeps that until it was read. So that nobody keeps
//! others waiting, senders wait for their own share first, and only then with the others for what is there for all.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is handed out, in bytes.
const UNIT: usize = 1 << 10;
/// Shares that are kept in mind before those that nobody uses are cleared away.
const SHARES: usize = 256;

/// Memory that senders share.
pub(super) struct Memory<K> {
    all: Arc<Semaphore>,
    share: usize,
    /// The shares that are in use.
    shares: Mutex<HashMap<K, Weak<Semaphore>>>,
}

/// Memory that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    _of_share: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl<K> fmt::Debug for Memory<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} KiB free)", self.all.available_permits())
    }
}

impl<K: Hash + Eq> Memory<K> {
    /// So many bytes, of which a sender gets no more than `share`.
    pub fn new(bytes: usize, share: usize) -> Self {
        let all = Arc::new(Semaphore::new(bytes / UNIT));
        Self { all, share: share.min(bytes) / UNIT, shares: Mutex::default() }
    }

    /// Waits until there is memory of that many bytes. What is more than a share is as good as a share.
    pub async fn hold(&self, sender: K, bytes: usize) -> Option<Held> {
        let units = u32::try_from(bytes.div_ceil(UNIT).min(self.share)).ok()?;
        let share = self.share_of(sender);
        let of_share = share.acquire_many_owned(units).await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_many_owned(units).await.ok()?;
        Some(Held { _of_share: of_share, _of_all: of_all })
    }

    fn share_of(&self, sender: K) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&sender).and_then(Weak::upgrade) {
            return share;
        }
        if shares.len() >= SHARES {
            // A share that is held or waited for lives; one that is not is whole, and can be made anew.
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let share = Arc::new(Semaphore::new(self.share));
        shares.insert(sender, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    /// What is held at once, if anything is.
    fn at_once(memory: &Memory<u32>, sender: u32, bytes: usize) -> Option<Held> {
        match pin!(memory.hold(sender, bytes)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(held) => held,
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_sender_gets_a_share_and_the_others_theirs() {
        let memory = Memory::new(8 << 10, 3 << 10);
        let mut held: Vec<_> = (0..3).map(|_| at_once(&memory, 1, 1 << 10).unwrap()).collect();
        assert!(at_once(&memory, 1, 1).is_none(), "the share is used up");
        held.push(at_once(&memory, 2, 3 << 10).unwrap());
        held.push(at_once(&memory, 3, 2 << 10).unwrap());
        assert!(at_once(&memory, 4, 1).is_none(), "all is used up");
        drop(held);
        drop(at_once(&memory, 4, 100 << 10).unwrap());
        drop(at_once(&memory, 1, 3 << 10).unwrap());
    }

    /// Whoever waited for more than was there kept all the others waiting behind.
    #[tokio::test]
    async fn a_sender_waits_behind_its_own_requests_and_nobody_behind_them() {
        let memory = Arc::new(Memory::new(8 << 10, 3 << 10));
        let held = at_once(&memory, 1, 3 << 10).unwrap();
        let waiting = Arc::clone(&memory);
        let waiting = tokio::spawn(async move { waiting.hold(1, 3 << 10).await.is_some() });
        tokio::task::yield_now().await;
        drop(at_once(&memory, 2, 3 << 10).unwrap());
        drop(held);
        assert!(waiting.await.unwrap());
    }

    #[test]
    fn shares_that_nobody_uses_are_not_kept_for_ever() {
        let memory = Memory::new(8 << 10, 3 << 10);
        let held = at_once(&memory, 0, 3 << 10).unwrap();
        for sender in 1..10_000 {
            drop(at_once(&memory, sender, 1).unwrap());
        }
        assert!(memory.shares.lock().unwrap().len() <= SHARES);
        assert!(at_once(&memory, 0, 1).is_none(), "one in use is not forgotten");
        drop(held);
    }
}
