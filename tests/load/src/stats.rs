//! Percentiles of measured times.

use serde::Serialize;
use std::time::Duration;

/// The spread of one kind of answer's times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Latency {
    /// Sorts what was measured in place; `None` of nothing.
    pub fn of(times: &mut [Duration]) -> Option<Latency> {
        times.sort_unstable();
        Some(Latency {
            p50_ms: milliseconds(percentile(times, 50)?),
            p95_ms: milliseconds(percentile(times, 95)?),
            p99_ms: milliseconds(percentile(times, 99)?),
            max_ms: milliseconds(percentile(times, 100)?),
        })
    }
}

/// The nearest rank: the smallest value that at least `percent` of 100 values don't exceed. It is always a value
/// that was measured, never one between two.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        milliseconds.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let spread = Latency::of(&mut times(1..=200)).unwrap();
        assert_eq!(spread, Latency { p50_ms: 100.0, p95_ms: 190.0, p99_ms: 198.0, max_ms: 200.0 });
    }

    #[test]
    fn the_order_of_measuring_does_not_matter() {
        assert_eq!(Latency::of(&mut times([9, 1, 5])), Latency::of(&mut times([1, 5, 9])));
    }

    #[test]
    fn one_value_is_every_percentile() {
        let spread = Latency::of(&mut times([7])).unwrap();
        assert_eq!(spread, Latency { p50_ms: 7.0, p95_ms: 7.0, p99_ms: 7.0, max_ms: 7.0 });
    }

    #[test]
    fn the_median_of_an_even_count_is_the_lower_middle() {
        assert_eq!(Latency::of(&mut times([1, 2, 3, 4])).unwrap().p50_ms, 2.0);
    }

    #[test]
    fn nothing_measured_has_no_spread() {
        assert_eq!(Latency::of(&mut []), None);
    }
}
