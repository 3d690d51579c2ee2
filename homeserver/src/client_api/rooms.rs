//! What the chapters on rooms share.

use crate::{
    http::{Caller, Error},
    rooms::{Room, RoomError, client_event::Viewer},
};
use hearth_store::{Read, StreamPos, records::TimelinePos};
use ruma::{OwnedRoomId, OwnedRoomOrAliasId, RoomAliasId, RoomId, RoomOrAliasId};

/// A room by its identifier. Whether a room that one may not see exists is nobody's business, hence
/// the same error as for somebody who is not in it.
///
/// # Errors
/// 403 `M_FORBIDDEN`
pub fn room(read: &impl Read, id: &RoomId) -> Result<Room, Error> {
    match Room::by_id(read, id) {
        Err(RoomError::UnknownRoom) => Err(Error::forbidden("You are not in that room, or there is none.")),
        other => Ok(other?),
    }
}

/// The identifier of a room that is named by either.
///
/// # Errors
/// 404 `M_NOT_FOUND`
pub fn resolve(read: &impl Read, name: &OwnedRoomOrAliasId) -> Result<OwnedRoomId, Error> {
    let name: &RoomOrAliasId = name;
    if let Ok(alias) = <&RoomAliasId>::try_from(name.as_str()) {
        return Ok(crate::rooms::aliases::resolve(read, alias)?.0);
    }
    RoomId::parse(name.as_str()).map_err(|_| Error::invalid("That is neither a room nor an alias."))
}

/// The caller as the viewer of events.
#[must_use]
pub fn viewer(caller: &Caller, now: u64) -> Viewer<'_> {
    Viewer { user: &caller.user, device: Some(caller.device.as_str()), now }
}

/// Tokens of places in a timeline: `t` and the place. Those of `/sync` (`s` and the position) serve as well.
#[must_use]
pub fn token(place: TimelinePos) -> String {
    format!("t{}", place.0)
}

/// The place that a token names.
///
/// # Errors
/// 400 `M_INVALID_PARAM`
pub fn place(token: &str) -> Result<TimelinePos, Error> {
    let bad = || Error::invalid("That token is not of this server.");
    if let Some(place) = token.strip_prefix('t') {
        return place.parse().map(TimelinePos).map_err(|_| bad());
    }
    let position = token.strip_prefix('s').ok_or_else(bad)?;
    let position: u64 = position.split('_').next().unwrap_or_default().parse().map_err(|_| bad())?;
    Ok(TimelinePos::from(StreamPos(position)))
}
