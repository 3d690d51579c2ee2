//! Tokens that were given out before this server was restored from a snapshot.
//!
//! A restore takes the server back to the snapshot's position and lets positions go on far behind it. A token from the
//! gap between is of a device that has seen everything up to the snapshot, and then something that is lost. It goes
//! on from the snapshot, so that it misses nothing new; and because it may know memberships, state and account data that
//! never were, it is told all of these anew, as if it had asked for `full_state`.

use super::Token;
use hearth_store::{Read, StoreError, StreamPos, tables::RESTORES};

/// The gaps, oldest first.
#[derive(Debug, Default)]
pub(super) struct Restores(Vec<Gap>);

#[derive(Debug, Clone, Copy)]
struct Gap {
    /// The snapshot's position.
    from: StreamPos,
    /// Where positions went on.
    to: StreamPos,
}

impl Restores {
    /// Restores happen while no server runs, so once is enough.
    pub fn read(read: &impl Read) -> Result<Self, StoreError> {
        let gaps = read.prefix(RESTORES, ())?.map(|row| row.map(|(to, record)| Gap { from: record.from, to }));
        gaps.collect::<Result<_, _>>().map(Self)
    }

    /// Where a device goes on that has this token, and whether it has seen what is lost.
    pub fn place(&self, token: Token) -> (Option<Token>, bool) {
        let within = |gap: &&Gap| gap.from < token.position && token.position < gap.to;
        match self.0.iter().find(within) {
            // To-device messages up to the token itself have arrived, wherever the rest goes on.
            Some(gap) => (Some(Token { position: gap.from, to_device: Some(token.delivered()), ..token }), true),
            None => (Some(token), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_from_a_gap_goes_on_from_where_the_gap_begins() {
        let gap = |from, to| Gap { from: StreamPos(from), to: StreamPos(to) };
        let restores = Restores(vec![gap(10, 1000), gap(1050, 9000)]);
        let token =
            |position| Token { position: StreamPos(position), typing: Some(1), presence: None, to_device: None };
        for untouched in [1, 10, 1000, 1001, 1050, 9000, 9001] {
            assert_eq!(restores.place(token(untouched)), (Some(token(untouched)), false), "{untouched}");
        }
        for (position, from) in [(11, 10), (999, 10), (1051, 1050), (8999, 1050)] {
            let (placed, astray) = restores.place(token(position));
            let placed = placed.unwrap();
            assert!(astray && placed.position == StreamPos(from), "{position}");
            assert_eq!((placed.delivered(), placed.typing), (StreamPos(position), Some(1)));
        }
        // Messages that waited for their turn when the token was given out may be in the snapshot still.
        let late = Token { to_device: Some(StreamPos(8)), ..token(500) };
        assert_eq!(restores.place(late).0.unwrap().delivered(), StreamPos(8));
    }
}
