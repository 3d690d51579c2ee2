//! The time that it is at least.

use crate::FloorSource;

/// How far ahead of the image's build a time may claim to be: a longer life than a board has. Somebody else's event may
/// bear any time, and a torn or flipped file any number.
const LONGEST_LIFE_MS: u64 = 20 * 365 * 24 * 3600 * 1000;

/// The floor under a clock: the latest believable one of what is known, and where it came from.
pub(crate) fn floor(built_ms: u64, saved_ms: Option<u64>, newest_event_ms: Option<u64>) -> (u64, FloorSource) {
    let believable = |ms: &u64| built_ms == 0 || *ms <= built_ms.saturating_add(LONGEST_LIFE_MS);
    let mut floor = (built_ms, FloorSource::Build);
    let known = [(saved_ms, FloorSource::Saved), (newest_event_ms, FloorSource::NewestEvent)];
    for (ms, source) in known.into_iter().filter_map(|(ms, source)| Some((ms.filter(believable)?, source))) {
        if ms > floor.0 {
            floor = (ms, source);
        }
    }
    floor
}

/// A saved time: decimal milliseconds. Anything else counts as none, for a clock must come up whatever the card did to it.
pub(crate) fn parse_saved(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: u64 = 1_795_000_000_000;

    #[test]
    fn the_latest_counts() {
        assert_eq!(floor(BUILT, None, None), (BUILT, FloorSource::Build));
        assert_eq!(floor(BUILT, Some(BUILT - 1), None), (BUILT, FloorSource::Build));
        assert_eq!(floor(BUILT, Some(BUILT + 5), Some(BUILT + 3)), (BUILT + 5, FloorSource::Saved));
        assert_eq!(floor(BUILT, Some(BUILT + 5), Some(BUILT + 9)), (BUILT + 9, FloorSource::NewestEvent));
    }

    #[test]
    fn what_nobody_can_believe_does_not() {
        assert_eq!(floor(BUILT, Some(u64::MAX), Some(BUILT * 2)), (BUILT, FloorSource::Build));
        assert_eq!(floor(u64::MAX, None, None).0, u64::MAX);
    }

    #[test]
    fn a_damaged_file_is_no_time() {
        assert_eq!(parse_saved("1795000000000\n"), Some(BUILT));
        for damaged in ["", "\0\0\0", "-5", "1e9", "99999999999999999999999"] {
            assert_eq!(parse_saved(damaged), None, "{damaged:?}");
        }
    }
}
