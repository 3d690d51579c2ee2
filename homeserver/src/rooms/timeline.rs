//! Reads a room's timeline, forwards and backwards.

use super::RoomError;
use hearth_store::{EventNo, Read, RoomNo, records::TimelinePos, tables};
use std::ops::Bound;

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards newer events: everything behind `from`.
    Forward,
    /// Towards older events: everything before or at `from`.
    Backward,
}

/// Events of a room from a place on, as far as `to` where that is given, lazily.
///
/// A place names the gap behind the event that stands there: reading forwards begins with the next event, reading
/// backwards with that event itself. So one token serves both ways without loss or doubling.
///
/// # Errors
/// Those of the store.
pub fn events<R: Read>(
    read: &R,
    room: RoomNo,
    from: TimelinePos,
    to: Option<TimelinePos>,
    direction: Direction,
) -> Result<impl Iterator<Item = Result<(TimelinePos, EventNo), RoomError>> + use<'_, R>, RoomError> {
    let (low, high) = match direction {
        Direction::Forward => (Some(from), to),
        Direction::Backward => (to, Some(from)),
    };
    let low = low.unwrap_or(TimelinePos(i64::MIN));
    let high = high.unwrap_or(TimelinePos(i64::MAX)).max(low);
    let mut entries = read.range(tables::TIMELINE, (Bound::Excluded((room, low)), Bound::Included((room, high))))?;
    Ok(std::iter::from_fn(move || {
        let entry = match direction {
            Direction::Forward => entries.next(),
            Direction::Backward => entries.next_back(),
        }?;
        Some(entry.map(|((_, place), number)| (place, number)).map_err(RoomError::from))
    }))
}
