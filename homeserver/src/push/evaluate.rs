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
    push::{
        Action, AnyPushRuleRef, EventMatchConditionData, FlattenedJson, PushCondition, PushConditionPowerLevelsCtx,
        PushConditionRoomCtx, Ruleset,
    },
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
    let rule = rules.iter().find(|rule| !is_ruled_out(*rule, event) && at_once(rule.applies(event, context)));
    let actions = rule.map_or(&[][..], |rule| rule.actions());
    Verdict { notify: actions.iter().any(Action::should_notify), highlight: actions.iter().any(Action::is_highlight) }
}

/// Whether a glance shows that a rule does not apply: it asks for a value, to the letter, that the event does not have.
///
/// Most rules ask for a type of event so. Judging them makes a pattern of that type each time, for every event and reader.
fn is_ruled_out(rule: AnyPushRuleRef<'_>, event: &FlattenedJson) -> bool {
    let conditions = match rule {
        AnyPushRuleRef::Override(rule) | AnyPushRuleRef::Underride(rule) => &rule.conditions,
        _ => return false,
    };
    conditions.iter().any(|condition| {
        let PushCondition::EventMatch(EventMatchConditionData { key, pattern, .. }) = condition else { return false };
        // The body is matched by words, the room is not in the event, and letters beyond ASCII have cases of their own.
        let literal =
            pattern.is_ascii() && !pattern.contains(['*', '?', '\\']) && key != "content.body" && key != "room_id";
        let other = |value: &str| value.is_ascii() && !value.eq_ignore_ascii_case(pattern);
        literal && event.get_str(key).is_none_or(other)
    })
}

/// The outcome of a future that waits for nothing; one that does has none.
fn at_once(future: impl Future<Output = bool>) -> bool {
    matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::{owned_room_id, owned_user_id, push::ConditionalPushRule};
    use serde_json::json;

    #[test]
    fn a_glance_rules_out_nothing_that_applies() {
        let context = PushConditionRoomCtx::new(
            owned_room_id!("!r:x"),
            UInt::new_saturating(3),
            owned_user_id!("@ann:x"),
            "Ann".into(),
        );
        let values = ["m.room.message", "M.Room.Message", "m.room.Ünder", "m.room", "", "*", "\\"];
        let patterns = ["m.room.message", "m.room.*", "m.r??m", "M.ROOM.ÜNDER", "", "m.room", "\\", "!r:x"];
        for key in ["type", "content.body", "room_id", "content.none"] {
            for (value, pattern) in values.iter().flat_map(|value| patterns.iter().map(move |pattern| (value, pattern)))
            {
                let event = json!({ "type": value, "sender": "@bob:x", "content": { "body": value } });
                let raw = serde_json::value::to_raw_value(&event).unwrap();
                let event = FlattenedJson::from_raw(&Raw::<AnyTimelineEvent>::from_json(raw));
                let condition = json!({ "kind": "event_match", "key": key, "pattern": pattern });
                let rule = json!({ "rule_id": "own", "default": false, "enabled": true, "conditions": [condition], "actions": ["notify"] });
                let rule: ConditionalPushRule = serde_json::from_value(rule).unwrap();
                let rule = AnyPushRuleRef::Override(&rule);
                let applies = at_once(rule.applies(&event, &context));
                assert!(!applies || !is_ruled_out(rule, &event), "{key} {value} {pattern}");
                // And it is of use: what is to the letter and another is ruled out.
                if (key, *value, *pattern) == ("type", "m.room.message", "m.room") {
                    assert!(is_ruled_out(rule, &event));
                }
            }
        }
    }
}
