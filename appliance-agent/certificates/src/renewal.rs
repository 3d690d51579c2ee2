//! When to ask for a certificate again. Pure: time and chance are arguments.

use serde::{Deserialize, Serialize};

const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// The wait after the first failure; it doubles with each further one.
const FIRST_WAIT_MS: u64 = 15 * MINUTE_MS;
/// An authority allows perhaps five failures an hour, and a house's connection may be away for a week.
const LONGEST_WAIT_MS: u64 = DAY_MS;

/// When the authority would like to be asked (ARI, RFC 9773).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Not before.
    pub start_ms: u64,
    /// Not after.
    pub end_ms: u64,
}

/// How renewing has gone since the last success; kept by the agent across restarts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Failures in a row.
    pub failures: u32,
    /// No attempt before this time, milliseconds since 1970.
    pub not_before_ms: u64,
}

impl Attempts {
    /// After one more failure. `retry_at_ms` is what the authority asks for; `random` is any number, for the jitter.
    #[must_use]
    pub fn failed(self, now_ms: u64, retry_at_ms: Option<u64>, random: u64) -> Self {
        let failures = self.failures.saturating_add(1);
        let wait_ms = wait_ms(failures, random);
        let not_before_ms = now_ms.saturating_add(wait_ms).max(retry_at_ms.unwrap_or(0));
        Self { failures, not_before_ms }
    }

    /// When to try next: when due, and not before the wait is over. A wait that lies further ahead than any wait can
    /// is left from a clock that was wrong, and does not count.
    #[must_use]
    pub fn next_ms(self, due_ms: u64, now_ms: u64) -> u64 {
        let wait_over = self.not_before_ms;
        if wait_over > now_ms.saturating_add(8 * DAY_MS) { due_ms } else { due_ms.max(wait_over) }
    }
}

/// The wait after that many failures in a row: doubling from a quarter of an hour to a day, then shortened by up to a
/// quarter by chance, so that boxes that lost power together don't ask together.
#[must_use]
pub fn wait_ms(failures: u32, random: u64) -> u64 {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = FIRST_WAIT_MS.saturating_mul(1 << doublings).min(LONGEST_WAIT_MS);
    wait.saturating_sub(random.checked_rem(wait / 4).unwrap_or(0))
}

/// When a certificate is to be renewed: at a random moment of the authority's window, where it gave one that begins
/// within the certificate's life; else at two thirds of its lifetime.
///
/// `random` must stay the same for one certificate (taken from its fingerprint, say), or the moment moves with every
/// question.
#[must_use]
pub fn due_ms(not_before_ms: u64, not_after_ms: u64, window: Option<Window>, random: u64) -> u64 {
    let life = not_after_ms.saturating_sub(not_before_ms);
    let two_thirds = not_before_ms.saturating_add(life / 3 * 2);
    match window {
        Some(Window { start_ms, end_ms }) if start_ms <= end_ms && start_ms < not_after_ms => {
            let span = end_ms.min(not_after_ms).saturating_sub(start_ms);
            start_ms.saturating_add(random.checked_rem(span.saturating_add(1)).unwrap_or(0))
        }
        _ => two_thirds,
    }
}

/// Whether the old certificate's end is so near that the owner has to hear of failures: less than a sixth of its
/// lifetime is left, or it is over.
#[must_use]
pub fn is_urgent(not_before_ms: u64, not_after_ms: u64, now_ms: u64) -> bool {
    let life = not_after_ms.saturating_sub(not_before_ms);
    now_ms.saturating_add(life / 6) >= not_after_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_at_two_thirds_or_in_the_window() {
        assert_eq!(due_ms(1000, 91_000, None, 7), 61_000);
        let window = Window { start_ms: 20_000, end_ms: 30_000 };
        for random in [0, 1, 9_999, 10_000, u64::MAX] {
            let due = due_ms(1000, 91_000, Some(window), random);
            assert!((20_000..=30_000).contains(&due), "{due}");
        }
        // A window past the end, or one that ends before it starts, is no help.
        for (start_ms, end_ms) in [(91_000, 95_000), (30_000, 20_000)] {
            assert_eq!(due_ms(1000, 91_000, Some(Window { start_ms, end_ms }), 3), 61_000);
        }
        assert_eq!(due_ms(5, 1, None, 0), 5, "a certificate of no life is due at once");
    }

    #[test]
    fn waits_grow_to_a_day_and_differ() {
        let longest: Vec<_> = (1..=10).map(|failures| wait_ms(failures, 0) / MINUTE_MS).collect();
        assert_eq!(longest, [15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440]);
        for failures in [1, 5, 100, u32::MAX] {
            for random in [1, 77_777_777, u64::MAX] {
                let wait = wait_ms(failures, random);
                assert!(wait <= wait_ms(failures, 0) && wait >= wait_ms(failures, 0) / 4 * 3, "{wait}");
            }
        }
    }

    #[test]
    fn the_authoritys_word_goes_before_the_own_wait() {
        let now = 1_000_000_000;
        let once = Attempts::default().failed(now, Some(now + 3 * HOUR_MS), 0);
        assert_eq!((once.failures, once.next_ms(0, now)), (1, now + 3 * HOUR_MS));
        let twice = once.failed(now, None, 0);
        assert_eq!((twice.failures, twice.next_ms(0, now)), (2, now + 30 * MINUTE_MS));
        assert_eq!(twice.next_ms(now + DAY_MS, now), now + DAY_MS);
    }

    #[test]
    fn a_wait_from_a_wrong_clock_does_not_count() {
        let attempts = Attempts { failures: 3, not_before_ms: 4_000_000_000_000 };
        assert_eq!(attempts.next_ms(1_790_000_000_000, 1_790_000_000_001), 1_790_000_000_000);
    }

    #[test]
    fn urgent_in_the_last_sixth() {
        assert!(!is_urgent(0, 90 * DAY_MS, 74 * DAY_MS));
        assert!(is_urgent(0, 90 * DAY_MS, 76 * DAY_MS));
        assert!(is_urgent(0, 90 * DAY_MS, 100 * DAY_MS));
    }
}
