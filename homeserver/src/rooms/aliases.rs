//! Names for rooms: `#name:server`.

use super::RoomError;
use hearth_store::{Change, Read, records::AliasRecord, tables};
use ruma::{OwnedRoomAliasId, OwnedRoomId, RoomAliasId, RoomId, UserId};

/// The room that an alias of this server stands for, and who made the alias.
///
/// # Errors
/// [`RoomError::UnknownAlias`]
pub fn resolve(read: &impl Read, alias: &RoomAliasId) -> Result<(OwnedRoomId, String), RoomError> {
    let record = read.get(tables::ALIASES, alias.as_str())?.ok_or(RoomError::UnknownAlias)?;
    let room = RoomId::parse(&record.room_id).map_err(|_| RoomError::UnknownAlias)?;
    Ok((room, record.creator))
}

/// Makes an alias.
///
/// # Errors
/// [`RoomError::AliasInUse`]
pub fn add(change: &mut Change<'_>, alias: &RoomAliasId, room: &RoomId, creator: &UserId) -> Result<(), RoomError> {
    if change.contains(tables::ALIASES, alias.as_str())? {
        return Err(RoomError::AliasInUse);
    }
    let record = AliasRecord { room_id: room.to_string(), creator: creator.to_string() };
    change.put(tables::ALIASES, alias.as_str(), &record)?;
    change.put(tables::ROOM_ALIASES, (room.as_str(), alias.as_str()), &())?;
    Ok(())
}

/// Takes an alias away.
///
/// # Errors
/// [`RoomError::UnknownAlias`]
pub fn remove(change: &mut Change<'_>, alias: &RoomAliasId) -> Result<(), RoomError> {
    let record = change.get(tables::ALIASES, alias.as_str())?.ok_or(RoomError::UnknownAlias)?;
    change.delete(tables::ALIASES, alias.as_str())?;
    change.delete(tables::ROOM_ALIASES, (record.room_id.as_str(), alias.as_str()))?;
    Ok(())
}

/// The aliases that this server has for a room.
///
/// # Errors
/// Those of the store.
pub fn of_room(read: &impl Read, room: &RoomId) -> Result<Vec<OwnedRoomAliasId>, RoomError> {
    let mut aliases = Vec::new();
    for entry in read.prefix(tables::ROOM_ALIASES, (room.as_str(),))? {
        let ((_, alias), ()) = entry?;
        aliases.extend(RoomAliasId::parse(alias));
    }
    Ok(aliases)
}
