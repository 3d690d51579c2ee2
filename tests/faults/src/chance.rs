//! Randomness that can be had again, and a way to say something past the test harness.

use std::{env, io::Write, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};

/// A source of chance whose seed is printed. `HEARTH_SEED` replays one.
pub struct Chance(StdRng);

impl Chance {
    /// Seeds from the environment or at random, and prints the seed.
    pub fn new() -> Self {
        let seed = match env::var("HEARTH_SEED") {
            Ok(text) => text.parse().expect("HEARTH_SEED is a whole number"),
            Err(_) => rand::random(),
        };
        report(&format!("fault test: random moments from HEARTH_SEED={seed}"));
        Self(StdRng::seed_from_u64(seed))
    }

    /// A moment within the range, in milliseconds.
    pub fn moment(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_micros(self.0.random_range(range.start * 1_000..range.end * 1_000))
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u32) -> bool {
        self.0.random_ratio(1, n)
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints a line that is seen even when the test passes: the harness captures the print macros only. It begins a line
/// of its own, after what the harness has written of the test's name.
pub fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "\n{line}");
}
