//! Redactions: who may, and what they take.
//! <https://spec.matrix.org/v1.19/client-server-api/#redactions>

use super::{Pdu, Room, RoomError, Rooms, event, graph, relations::forget_reaction, state};
use hearth_store::{Change, EventNo, Read, tables};
use ruma::{CanonicalJsonObject, EventId, UserId, state_res::events::RoomPowerLevelsIntField};

impl Rooms {
    /// Whether a user may redact an event: the sender their own, others with the power to.
    ///
    /// # Errors
    /// [`RoomError::UnknownEvent`] where the event is not of this room; [`RoomError::Forbidden`].
    pub fn may_redact(&self, read: &impl Read, room: &Room, user: &UserId, target: &EventId) -> Result<(), RoomError> {
        let number = graph::event_no(read, target)?.ok_or(RoomError::UnknownEvent)?;
        let record = graph::record(read, number)?;
        if record.room != room.number {
            return Err(RoomError::UnknownEvent);
        }
        let target = graph::parse(number, &record)?;
        if target.sender == user || self.has_redact_power(read, room, user, room.head(read)?.state)? {
            return Ok(());
        }
        Err(RoomError::Forbidden("You may not redact other people's events in this room.".into()))
    }

    fn has_redact_power(
        &self,
        read: &impl Read,
        room: &Room,
        user: &UserId,
        root: state::Root,
    ) -> Result<bool, RoomError> {
        self.powers(read, room, root)?.suffice(user, RoomPowerLevelsIntField::Redact)
    }

    /// Carries out a redaction that has just been accepted.
    pub(super) fn apply_redaction(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        redaction: &Pdu,
        number: EventNo,
    ) -> Result<(), RoomError> {
        let Some(target) = redaction.redacts.as_deref() else { return Ok(()) };
        // An event that is not here yet is redacted when it comes: see `apply_waiting`.
        let Some(target_no) = graph::event_no(change, target)? else {
            return remember(change, room, target, number);
        };
        self.strip(change, room, target_no, redaction, number)
    }

    /// Takes from the target what its room version lets a redaction take, if the redaction is good.
    fn strip(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        target_no: EventNo,
        redaction: &Pdu,
        number: EventNo,
    ) -> Result<(), RoomError> {
        let mut record = graph::record(change, target_no)?;
        if record.room != room.number || record.redacted_by.is_some() {
            return Ok(());
        }
        let target = graph::parse(target_no, &record)?;
        // In versions 1 and 2 the authorisation rules have judged already.
        let good = room.rules.authorization.special_case_room_redaction
            || target.sender.server_name() == redaction.sender.server_name()
                && (target.sender == redaction.sender || redaction.sender.server_name() != self.server_name)
            || self.has_redact_power(change, room, &redaction.sender, room.head(change)?.state)?;
        if !good {
            return Ok(());
        }
        let pdu: CanonicalJsonObject =
            serde_json::from_slice(&record.json).map_err(|error| RoomError::Corrupt(target_no, error.to_string()))?;
        let pdu = event::redacted(pdu, &room.rules)?;
        record.json = serde_json::to_vec(&pdu).map_err(|error| RoomError::Corrupt(target_no, error.to_string()))?;
        record.redacted_by = Some(number);
        change.put(tables::EVENTS, target_no, &record)?;
        forget_reaction(change, room, &target)?;
        self.forget_cached(target_no, change.reaches());
        Ok(())
    }
}

fn remember(change: &mut Change<'_>, room: &Room, target: &EventId, redaction: EventNo) -> Result<(), RoomError> {
    change.put(tables::WAITING_REDACTIONS, (room.number, target.as_str()), &redaction)?;
    Ok(())
}

/// Carries out the redaction that came before its target.
pub(super) fn apply_waiting(
    rooms: &Rooms,
    change: &mut Change<'_>,
    room: &Room,
    event: &Pdu,
    number: EventNo,
) -> Result<(), RoomError> {
    let Some(redaction_no) = change.get(tables::WAITING_REDACTIONS, (room.number, event.event_id.as_str()))? else {
        return Ok(());
    };
    let redaction = graph::parse(redaction_no, &graph::record(change, redaction_no)?)?;
    rooms.strip(change, room, number, &redaction, redaction_no)?;
    change.delete(tables::WAITING_REDACTIONS, (room.number, event.event_id.as_str()))?;
    Ok(())
}
