//! What a user's push rules say of an event.
//! <https://spec.matrix.org/v1.19/client-server-api/#push-rules>

use crate::rooms::{Room, RoomError, Rooms};
use hearth_store::{Read, records::RoomHead};
use ruma::{
    UInt, UserId,
    events::{
        AnyTimelineEvent, StateEventType,
        room::power_levels::{RoomPowerLevels, RoomPowerLevelsEventContent, RoomPowerLevelsSource},
    },
    push::{Action, FlattenedJson, PushConditionRoomCtx, Ruleset},
    serde::Raw,
    state_res::events::RoomCreateEvent,
};
use serde::Deserialize;
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

/// What the rules need to know of the room and of the user's place in it.
///
/// # Errors
/// Those of the store and of damaged events.
pub fn context(
    read: &impl Read,
    rooms: &Rooms,
    room: &Room,
    head: &RoomHead,
    user: &UserId,
) -> Result<PushConditionRoomCtx, RoomError> {
    #[derive(Deserialize)]
    struct Member {
        displayname: Option<String>,
    }
    let member: Option<Member> = rooms.state_content(read, head.state, &StateEventType::RoomMember, user.as_str())?;
    let name = member.and_then(|member| member.displayname).unwrap_or_else(|| user.localpart().to_owned());
    let levels: Option<RoomPowerLevelsEventContent> =
        rooms.state_content(read, head.state, &StateEventType::RoomPowerLevels, "")?;
    let creators = match rooms.state_event(read, head.state, &StateEventType::RoomCreate, "")? {
        Some(create) => RoomCreateEvent::new(create).creators(&room.rules.authorization).map_err(RoomError::State)?,
        None => Default::default(),
    };
    let levels = RoomPowerLevels::new(RoomPowerLevelsSource::from(levels), &room.rules.authorization, creators);
    let context = PushConditionRoomCtx::new(room.id.clone(), UInt::new_saturating(head.joined), user.to_owned(), name);
    Ok(context.with_power_levels(levels.into()))
}

/// What the rules say of an event, given as the JSON of its PDU.
#[must_use]
pub fn verdict(rules: &Ruleset, context: &PushConditionRoomCtx, event: Box<RawValue>) -> Verdict {
    let event = FlattenedJson::from_raw(&Raw::<AnyTimelineEvent>::from_json(event));
    let actions =
        rules.iter().find(|rule| at_once(rule.applies(&event, context))).map_or(&[][..], |rule| rule.actions());
    Verdict { notify: actions.iter().any(Action::should_notify), highlight: actions.iter().any(Action::is_highlight) }
}

/// The outcome of a future that waits for nothing; one that does has none.
fn at_once(future: impl Future<Output = bool>) -> bool {
    matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(true))
}
