//! Looks rooms and events up in the store.

use super::{Pdu, RoomError, Rooms, versions};
use hearth_store::{
    EventNo, Read, RoomNo, StreamPos,
    records::{EventRecord, RoomHead},
    tables,
};
use ruma::{EventId, OwnedRoomId, RoomId, RoomVersionId, room_version_rules::RoomVersionRules};
use std::sync::{Arc, atomic::Ordering};

/// A room that this server knows.
#[derive(Debug, Clone)]
pub struct Room {
    /// Its number in the store.
    pub number: RoomNo,
    /// Its identifier.
    pub id: OwnedRoomId,
    /// Its version.
    pub version: RoomVersionId,
    /// The rules of that version.
    pub rules: RoomVersionRules,
}

impl Room {
    /// The room with that identifier.
    ///
    /// # Errors
    /// [`RoomError::UnknownRoom`]
    pub fn by_id(read: &impl Read, id: &RoomId) -> Result<Self, RoomError> {
        let number = read.get(tables::ROOM_IDS, id.as_str())?.ok_or(RoomError::UnknownRoom)?;
        Self::by_number(read, number)
    }

    /// The room with that number.
    ///
    /// # Errors
    /// [`RoomError::UnknownRoom`]
    pub fn by_number(read: &impl Read, number: RoomNo) -> Result<Self, RoomError> {
        let record = read.get(tables::ROOMS, number)?.ok_or(RoomError::UnknownRoom)?;
        let version = RoomVersionId::try_from(record.version.as_str())
            .map_err(|_| RoomError::UnsupportedVersion(record.version.clone()))?;
        let id = RoomId::parse(&record.room_id).map_err(|_| RoomError::UnknownRoom)?;
        Ok(Self { number, id, rules: versions::rules(&version)?, version })
    }

    /// Where the room stands.
    ///
    /// # Errors
    /// [`RoomError::UnknownRoom`] where no event of the room was accepted so far.
    pub fn head(&self, read: &impl Read) -> Result<RoomHead, RoomError> {
        read.get(tables::ROOM_HEADS, self.number)?.ok_or(RoomError::UnknownRoom)
    }
}

/// The number of the event with that identifier.
///
/// # Errors
/// Those of the store.
pub fn event_no(read: &impl Read, id: &EventId) -> Result<Option<EventNo>, RoomError> {
    Ok(read.get(tables::EVENT_IDS, id.as_str())?)
}

/// The stored event with that number.
///
/// # Errors
/// [`RoomError::UnknownEvent`]
pub fn record(read: &impl Read, number: EventNo) -> Result<EventRecord, RoomError> {
    read.get(tables::EVENTS, number)?.ok_or(RoomError::UnknownEvent)
}

/// Parses a stored event.
///
/// # Errors
/// [`RoomError::Corrupt`]
pub fn parse(number: EventNo, record: &EventRecord) -> Result<Pdu, RoomError> {
    let id = EventId::parse(&record.event_id).map_err(|error| RoomError::Corrupt(number, error.to_string()))?;
    Pdu::parse(&record.json, id, record.rejected).map_err(|error| RoomError::Corrupt(number, error.to_string()))
}

impl Rooms {
    /// The parsed event with that number, from the cache where it can be.
    ///
    /// # Errors
    /// [`RoomError::UnknownEvent`], [`RoomError::Corrupt`]
    pub fn pdu(&self, read: &impl Read, number: EventNo) -> Result<Arc<Pdu>, RoomError> {
        if let Some(pdu) = self.cache().get(&number) {
            return Ok(Arc::clone(pdu));
        }
        let pdu = Arc::new(parse(number, &record(read, number)?)?);
        // Only state events are asked for again; messages would push them out.
        if pdu.is_state() {
            let mut cache = self.cache();
            // Who read before the last redaction may hold what it took.
            if read.reaches() >= StreamPos(self.redacted_at.load(Ordering::Acquire)) {
                cache.put(number, Arc::clone(&pdu));
            }
        }
        Ok(pdu)
    }

    /// Forgets a cached event that is redacted at that position.
    pub(super) fn forget_cached(&self, number: EventNo, position: StreamPos) {
        let mut cache = self.cache();
        // Under the cache's lock, as it is read: nobody puts back what is taken out here.
        self.redacted_at.fetch_max(position.0, Ordering::AcqRel);
        cache.pop(&number);
    }
}
