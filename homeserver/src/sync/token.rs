//! The tokens that a sync hands out: where it got to, and where a timeline goes on.
//!
//! `next_batch` is `s{position}_{typing}_{presence}`: of the change log, and of the two things that are kept in memory
//! only. Where more to-device messages wait than one answer holds, `_{position}` follows, up to which they were delivered.
//! `prev_batch` is `t{place}`, a place in a room's timeline. The endpoints that read timelines take both.

use hearth_store::{StreamPos, records::TimelinePos};
use std::fmt;

/// Up to where a device has seen everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// In the change log.
    pub position: StreamPos,
    /// Serial of typing notices; none in a token that doesn't say.
    pub typing: Option<u64>,
    /// Serial of presence; likewise.
    pub presence: Option<u64>,
    /// Up to where to-device messages were delivered, where that is less far.
    pub to_device: Option<StreamPos>,
}

/// What every answer depends on: how far the change log, typing notices and presence have got.
pub type Moment = (StreamPos, u64, u64);

impl Token {
    /// Whether an answer that was whole at that moment gave it.
    #[must_use]
    pub fn is_of(&self, (position, typing, presence): Moment) -> bool {
        *self == Self { position, typing: Some(typing), presence: Some(presence), to_device: None }
    }

    /// Reads a token.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let mut numbers = Vec::new();
        for digits in token.strip_prefix('s')?.split('_') {
            numbers.push(number(digits)?);
        }
        let (position, typing, presence, to_device) = match *numbers.as_slice() {
            [position] => (position, None, None, None),
            [position, typing, presence] => (position, Some(typing), Some(presence), None),
            [position, typing, presence, to_device] => {
                (position, Some(typing), Some(presence), Some(StreamPos(to_device)))
            }
            _ => return None,
        };
        Some(Self { position: StreamPos(position), typing, presence, to_device })
    }

    /// Up to where to-device messages were delivered.
    #[must_use]
    pub fn delivered(&self) -> StreamPos {
        self.to_device.unwrap_or(self.position)
    }
}

/// Digits alone: the standard library would take a sign as well.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}_{}_{}", self.position, self.typing.unwrap_or_default(), self.presence.unwrap_or_default())?;
        match self.to_device {
            Some(delivered) => write!(f, "_{delivered}"),
            None => Ok(()),
        }
    }
}

/// The token of a place in a timeline: reading backwards goes on with the event that stands there.
#[must_use]
pub fn of_place(place: TimelinePos) -> String {
    format!("t{}", place.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_way_through_a_client() {
        let token = Token { position: StreamPos(72_594), typing: Some(4), presence: Some(0), to_device: None };
        for to_device in [None, Some(StreamPos(9))] {
            let token = Token { to_device, ..token };
            assert_eq!(Token::parse(&token.to_string()), Some(token));
        }
        assert_eq!(Token::parse("s12").map(|token| (token.position, token.typing)), Some((StreamPos(12), None)));
        for bad in ["", "s", "12", "s-1", "s+1", "s1_", "s1_x", "s1_2", "s1_2_3_4_5", "t1", "s99999999999999999999"] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}
