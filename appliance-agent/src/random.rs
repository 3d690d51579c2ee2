//! Chance, passed in so that tests can set it. (Time comes from the machine: `hearth_system::Clock`.)

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::sync::{Arc, Mutex, PoisonError};

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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// 16 random bytes in hexadecimal digits: names for sessions and jobs.
    #[must_use]
    pub fn name(&self) -> String {
        hexadecimal(&self.bytes::<16>())
    }

    /// A number below `bound` (0 where that is 0), for jitter.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(self.bytes()).checked_rem(bound).unwrap_or(0)
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
