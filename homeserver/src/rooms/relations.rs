//! Events that relate to others.
//! <https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events>

use super::{Pdu, Room, RoomError};
use hearth_store::{Change, EventNo, Read, tables};
use ruma::{UserId, events::TimelineEventType};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "m.relates_to")]
    relates_to: RelatesTo,
}

#[derive(Deserialize)]
struct RelatesTo {
    rel_type: String,
    event_id: String,
    key: Option<String>,
}

/// What an event's content relates to; none for most.
fn of(content: &RawValue) -> Option<RelatesTo> {
    // Most events relate to nothing, and a search is cheaper than a parse.
    if !content.get().contains("m.relates_to") {
        return None;
    }
    serde_json::from_str(content.get()).ok().map(|content: Content| content.relates_to)
}

/// Notes the event under the one that it relates to.
pub(super) fn relate(change: &mut Change<'_>, room: &Room, event: &Pdu, number: EventNo) -> Result<(), RoomError> {
    let Some(relates_to) = of(&event.content) else { return Ok(()) };
    let Some(parent) = change.get(tables::EVENT_IDS, relates_to.event_id.as_str())? else { return Ok(()) };
    change.put(
        tables::RELATIONS,
        (room.number, parent, relates_to.rel_type.as_str(), number),
        &event.kind.to_string(),
    )?;
    if event.kind == TimelineEventType::Reaction {
        change.put(tables::REACTIONS, (room.number, parent, reaction(&event.sender, &relates_to)), &number)?;
    }
    Ok(())
}

/// The same reaction by the same user to the same event counts once.
/// <https://spec.matrix.org/v1.19/client-server-api/#avoiding-duplicate-annotations>
pub(super) fn refuse_second_reaction(
    read: &impl Read,
    room: &Room,
    sender: &UserId,
    content: &RawValue,
) -> Result<(), RoomError> {
    let Some(new) = of(content) else { return Ok(()) };
    let Some(parent) = read.get(tables::EVENT_IDS, new.event_id.as_str())? else { return Ok(()) };
    if read.contains(tables::REACTIONS, (room.number, parent, reaction(sender, &new)))? {
        return Err(RoomError::DuplicateAnnotation);
    }
    Ok(())
}

/// A reaction that is taken back may be given again. `event` is as it was before its redaction.
pub(super) fn forget_reaction(change: &mut Change<'_>, room: &Room, event: &Pdu) -> Result<(), RoomError> {
    if event.kind == TimelineEventType::Reaction
        && let Some(old) = of(&event.content)
        && let Some(parent) = change.get(tables::EVENT_IDS, old.event_id.as_str())?
    {
        change.delete(tables::REACTIONS, (room.number, parent, reaction(&event.sender, &old)))?;
    }
    Ok(())
}

/// Names a reaction among those to an event: who, and how.
fn reaction(sender: &UserId, relates_to: &RelatesTo) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [sender.as_str(), &relates_to.rel_type, relates_to.key.as_deref().unwrap_or_default()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
