//! Time and chance, passed in so that tests can set them.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use ruma::{MilliSecondsSinceUnixEpoch, UInt};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock, but never behind a floor: a board without a battery wakes up in the past.
    System(Arc<AtomicU64>),
    /// A clock that stands until a test moves it; milliseconds since the Unix epoch.
    Fixed(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock, without a floor.
    #[must_use]
    pub fn system() -> Self {
        Self::System(Arc::default())
    }

    /// From now on the time is never behind `floor`, in milliseconds since the Unix epoch. A lower floor than the one
    /// before changes nothing.
    pub fn raise_floor(&self, floor: u64) {
        match self {
            Self::System(millis) | Self::Fixed(millis) => millis.fetch_max(floor, Ordering::Relaxed),
        };
    }

    /// A clock for tests.
    #[must_use]
    pub fn fixed(millis: u64) -> Self {
        Self::Fixed(Arc::new(AtomicU64::new(millis)))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
            Self::System(floor) => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
                .max(floor.load(Ordering::Relaxed)),
            Self::Fixed(millis) => millis.load(Ordering::Relaxed),
        }
    }

    /// The same as Matrix writes it.
    #[must_use]
    pub fn timestamp(&self) -> MilliSecondsSinceUnixEpoch {
        MilliSecondsSinceUnixEpoch(UInt::new_saturating(self.now()))
    }
}

/// A source of unguessable bytes; a seeded one in tests.
#[derive(Debug, Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    /// Seeded by the operating system.
    #[must_use]
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
        let rng = StdRng::from_rng(&mut rand::rng());
        Self(Arc::new(Mutex::new(rng)))
    }

    /// The same bytes in every run, for tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        // A poisoned lock means that another thread panicked in here; the generator is still good.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// A word of `length` letters and digits without those that look alike, some 5.8 bits each.
    #[must_use]
    pub fn word(&self, length: usize) -> String {
        const LETTERS: &[u8; 56] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz2345679";
        let mut word = String::with_capacity(length);
        while word.len() < length {
            for byte in self.bytes::<32>() {
                // Bytes past the last whole multiple of the alphabet would favour its first letters.
                if byte < 224
                    && word.len() < length
                    && let Some(letter) = LETTERS.get(usize::from(byte) % LETTERS.len())
                {
                    word.push(char::from(*letter));
                }
            }
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_behind_the_floor() {
        let clock = Clock::system();
        let real = clock.now();
        clock.clone().raise_floor(real + 86_400_000);
        assert!(clock.now() >= real + 86_400_000);
        clock.raise_floor(1);
        assert!(clock.now() >= real + 86_400_000);
        let clock = Clock::fixed(5);
        clock.raise_floor(3);
        assert_eq!(clock.now(), 5);
        clock.raise_floor(7);
        assert_eq!(clock.now(), 7);
    }
}
