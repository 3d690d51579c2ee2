//! What a user's push rules say of an event.
//! <https://spec.matrix.org/v1.19/client-server-api/#push-rules>

use crate::rooms::{Room, RoomError, Rooms, client_event::StoredEvent, state};
use hearth_store::{
    EventNo, Read,
    records::{EventRecord, RoomHead},
};
use ruma::{
    UInt, UserId,
    events::{
        AnyTimelineEvent, StateEventType,
        room::power_levels::{RoomPowerLevels, RoomPowerLevelsEventContent, RoomPowerLevelsSource},
    },
    push::{Action, FlattenedJson, PushConditionPowerLevelsCtx, PushConditionRoomCtx, Ruleset},
    serde::Raw,
    state_res::events::RoomCreateEvent,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

/// What is to happen on an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// It counts as a notification.
    pub notify: bool,
    /// It is highlighted.
    pub highlight: bool,
}

/// What the rules need to know of the room and of the user's place in it. `levels` are those of the room.
///
/// # Errors
/// Those of the store and of damaged events.
pub fn context(
    read: &impl Read,
    rooms: &Rooms,
    room: &Room,
    head: &RoomHead,
    user: &UserId,
    levels: PushConditionPowerLevelsCtx,
) -> Result<PushConditionRoomCtx, RoomError> {
    #[derive(Deserialize)]
    struct Member {
        displayname: Option<String>,
    }
    let member: Option<Member> = rooms.state_content(read, head.state, &StateEventType::RoomMember, user.as_str())?;
    let name = member.and_then(|member| member.displayname).unwrap_or_else(|| user.localpart().to_owned());
    let context = PushConditionRoomCtx::new(room.id.clone(), UInt::new_saturating(head.joined), user.to_owned(), name);
    Ok(context.with_power_levels(levels))
}

/// The power levels of a room, as rules see them.
///
/// # Errors
/// Those of the store and of damaged events.
pub fn levels(
    read: &impl Read,
    rooms: &Rooms,
    room: &Room,
    root: state::Root,
) -> Result<PushConditionPowerLevelsCtx, RoomError> {
    let levels: Option<RoomPowerLevelsEventContent> =
        rooms.state_content(read, root, &StateEventType::RoomPowerLevels, "")?;
    let creators = match rooms.state_event(read, root, &StateEventType::RoomCreate, "")? {
        Some(create) => RoomCreateEvent::new(create).creators(&room.rules.authorization).map_err(RoomError::State)?,
        None => Default::default(),
    };
    Ok(RoomPowerLevels::new(RoomPowerLevelsSource::from(levels), &room.rules.authorization, creators).into())
}

/// An event as rules see it. It is the same for everybody, and costs more to make than to judge.
///
/// # Errors
/// [`RoomError::Corrupt`]
pub fn event(number: EventNo, record: &EventRecord, fields: &StoredEvent<'_>) -> Result<FlattenedJson, RoomError> {
    // Without what only servers care for, which would be most of the work.
    #[derive(Serialize)]
    struct Event<'e> {
        #[serde(rename = "type")]
        kind: &'e str,
        sender: &'e str,
        event_id: &'e str,
        #[serde(skip_serializing_if = "Option::is_none")]
        state_key: Option<&'e str>,
        content: &'e RawValue,
    }
    let event = Event {
        kind: &fields.kind,
        sender: &fields.sender,
        event_id: &record.event_id,
        state_key: fields.state_key.as_deref(),
        content: fields.content,
    };
    let json =
        serde_json::value::to_raw_value(&event).map_err(|error| RoomError::Corrupt(number, error.to_string()))?;
    Ok(FlattenedJson::from_raw(&Raw::<AnyTimelineEvent>::from_json(json)))
}

/// What the rules say of an event.
#[must_use]
pub fn verdict(rules: &Ruleset, context: &PushConditionRoomCtx, event: &FlattenedJson) -> Verdict {
    let rule = rules.iter().find(|rule| at_once(rule.applies(event, context)));
    let actions = rule.map_or(&[][..], |rule| rule.actions());
    Verdict { notify: actions.iter().any(Action::should_notify), highlight: actions.iter().any(Action::is_highlight) }
}

/// The outcome of a future that waits for nothing; one that does has none.
fn at_once(future: impl Future<Output = bool>) -> bool {
    matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(true))
}
