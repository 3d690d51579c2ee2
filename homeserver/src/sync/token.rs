//! The tokens that a sync hands out: where it got to, and where a timeline goes on.
//!
//! `next_batch` is `s{position}_{typing}_{presence}`, of the change log and of the two things that are kept in memory only.
//! `prev_batch` is `t{place}`, a place in a room's timeline; `/messages` takes both.

use hearth_store::{StreamPos, records::TimelinePos};
use std::fmt;

/// Up to where a device has seen everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// In the change log.
    pub position: StreamPos,
    /// Serial of typing notices; none in a token that doesn't say.
    pub typing: Option<u64>,
    /// Serial of presence.
    pub presence: Option<u64>,
}

impl Token {
    /// Reads a token.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let mut numbers = token.strip_prefix('s')?.split('_').map(number);
        let position = StreamPos(numbers.next()??);
        let (typing, presence) = (numbers.next(), numbers.next());
        if numbers.next().is_some() || typing == Some(None) || presence == Some(None) {
            return None;
        }
        Some(Self { position, typing: typing.flatten(), presence: presence.flatten() })
    }
}

/// Digits alone: the standard library would take a sign as well.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.position)?;
        for serial in [self.typing, self.presence] {
            write!(f, "_{}", serial.unwrap_or_default())?;
        }
        Ok(())
    }
}

/// The token of a place in a timeline: reading backwards goes on with the event that stands there.
#[must_use]
pub fn of_place(place: TimelinePos) -> String {
    format!("t{}", place.0)
}

/// The place that a token names: one of a timeline, or the end of a sync.
#[must_use]
pub fn place(token: &str) -> Option<TimelinePos> {
    match token.strip_prefix('t') {
        Some(place) => {
            let digits = place.strip_prefix('-').unwrap_or(place);
            number(digits)?;
            place.parse().ok().map(TimelinePos)
        }
        None => Token::parse(token).map(|token| TimelinePos::from(token.position)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_way_through_a_client() {
        let token = Token { position: StreamPos(72_594), typing: Some(4), presence: Some(0) };
        assert_eq!(Token::parse(&token.to_string()), Some(token));
        assert_eq!(Token::parse("s12").map(|token| (token.position, token.typing)), Some((StreamPos(12), None)));
        for bad in ["", "s", "12", "s-1", "s+1", "s1_", "s1_x", "s1_2_3_4", "t1", "s99999999999999999999"] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
        for spot in [-5, 0, 9] {
            assert_eq!(place(&of_place(TimelinePos(spot))), Some(TimelinePos(spot)));
        }
        assert_eq!(place("s12_3_4"), Some(TimelinePos(12)));
        for bad in ["t", "t--1", "t+1", "x1"] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }
}
