//! What a user's push rules say of an event.
//! <https://spec.matrix.org/v1.19/client-server-api/#push-rules>

use super::words;
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
        Action, AnyPushRuleRef, ConditionalPushRule, EventMatchConditionData, FlattenedJson, PatternedPushRule,
        PushCondition, PushConditionPowerLevelsCtx, PushConditionRoomCtx, Ruleset,
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

/// The property that is matched by words.
const BODY: &str = "content.body";

/// An event as rules see it.
#[derive(Debug)]
pub struct Event {
    fields: FlattenedJson,
    /// The body in lower case.
    body: Option<String>,
}

impl Event {
    fn new(fields: FlattenedJson) -> Self {
        Self { body: fields.get_str(BODY).map(str::to_lowercase), fields }
    }

    fn has_glob(&self, glob: &str) -> bool {
        self.body.as_ref().is_some_and(|body| words::has_glob(body, &glob.to_lowercase()))
    }
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
pub fn event(number: EventNo, record: &EventRecord, fields: &StoredEvent<'_>) -> Result<Event, RoomError> {
    // Without what only servers care for, which would be most of the work.
    #[derive(Serialize)]
    struct Fields<'e> {
        #[serde(rename = "type")]
        kind: &'e str,
        sender: &'e str,
        event_id: &'e str,
        #[serde(skip_serializing_if = "Option::is_none")]
        state_key: Option<&'e str>,
        content: &'e RawValue,
    }
    let event = Fields {
        kind: &fields.kind,
        sender: &fields.sender,
        event_id: &record.event_id,
        state_key: fields.state_key.as_deref(),
        content: fields.content,
    };
    let json =
        serde_json::value::to_raw_value(&event).map_err(|error| RoomError::Corrupt(number, error.to_string()))?;
    Ok(Event::new(FlattenedJson::from_raw(&Raw::<AnyTimelineEvent>::from_json(json))))
}

/// What the rules say of an event.
#[must_use]
pub fn verdict(rules: &Ruleset, context: &PushConditionRoomCtx, event: &Event) -> Verdict {
    let own = event.fields.get_str("sender").is_some_and(|sender| context.user_id == *sender);
    let rule = if own { None } else { rules.iter().find(|rule| applies(*rule, context, event)) };
    let actions = rule.map_or(&[][..], |rule| rule.actions());
    Verdict { notify: actions.iter().any(Action::should_notify), highlight: actions.iter().any(Action::is_highlight) }
}

/// Whether a rule applies to somebody else's event.
fn applies(rule: AnyPushRuleRef<'_>, context: &PushConditionRoomCtx, event: &Event) -> bool {
    if !rule.enabled() {
        return false;
    }
    match rule {
        AnyPushRuleRef::Override(ConditionalPushRule { conditions, .. })
        | AnyPushRuleRef::Underride(ConditionalPushRule { conditions, .. }) => {
            !is_ruled_out(rule, &event.fields) && conditions.iter().all(|condition| holds(condition, context, event))
        }
        AnyPushRuleRef::Content(PatternedPushRule { pattern, .. }) => event.has_glob(pattern),
        // A room and a sender, by their identifiers.
        other => at_once(other.applies(&event.fields, context)),
    }
}

fn holds(condition: &PushCondition, context: &PushConditionRoomCtx, event: &Event) -> bool {
    match condition {
        PushCondition::EventMatch(EventMatchConditionData { key, pattern, .. }) if key == BODY => {
            event.has_glob(pattern)
        }
        PushCondition::EventMatch(EventMatchConditionData { pattern, .. }) if pattern.len() > words::LONGEST => false,
        #[expect(deprecated, reason = "clients that know no better have it still")]
        PushCondition::ContainsDisplayName => {
            let name = context.user_display_name.to_lowercase();
            event.body.as_ref().is_some_and(|body| words::has_name(body, &name))
        }
        other => at_once(other.applies(&event.fields, context)),
    }
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
        let literal = pattern.is_ascii() && !pattern.contains(['*', '?', '\\']) && key != BODY && key != "room_id";
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
    use ruma::{owned_room_id, owned_user_id, user_id};
    use serde_json::{Value, json};

    fn ann_named(name: &str) -> PushConditionRoomCtx {
        let (room, members) = (owned_room_id!("!r:x"), UInt::new_saturating(3));
        PushConditionRoomCtx::new(room, members, owned_user_id!("@ann:x"), name.into())
    }

    fn said(content: Value) -> Event {
        let event = json!({ "type": "m.room.message", "sender": "@bob:x", "content": content });
        let raw = serde_json::value::to_raw_value(&event).unwrap();
        Event::new(FlattenedJson::from_raw(&Raw::<AnyTimelineEvent>::from_json(raw)))
    }

    fn override_rule(condition: Value) -> Ruleset {
        let rule = json!({ "rule_id": "own", "default": false, "enabled": true, "conditions": [condition], "actions": ["notify"] });
        serde_json::from_value(json!({ "override": [rule] })).unwrap()
    }

    fn content_rule(pattern: &str) -> Ruleset {
        let rule =
            json!({ "rule_id": "own", "default": false, "enabled": true, "pattern": pattern, "actions": ["notify"] });
        serde_json::from_value(json!({ "content": [rule] })).unwrap()
    }

    #[test]
    fn a_message_of_many_words_that_are_not_ones_name_is_judged() {
        // As many as an event holds. By recursion they would take more stack than a thread has.
        let event = said(json!({ "body": "xa ".repeat(21_000) }));
        let judge = move || {
            let context = ann_named("a");
            let body = json!({ "kind": "event_match", "key": "content.body", "pattern": "a" });
            let rules =
                [content_rule("a"), override_rule(body), override_rule(json!({ "kind": "contains_display_name" }))];
            rules.map(|rules| verdict(&rules, &context, &event).notify)
        };
        let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(judge).unwrap();
        assert_eq!(thread.join().unwrap(), [false; 3]);
    }

    #[test]
    fn a_pattern_that_is_too_long_for_any_message_matches_none() {
        let pattern = format!("{}*", "a".repeat(350_000));
        let context = ann_named("Ann");
        for key in ["content.body", "content.other"] {
            let condition = json!({ "kind": "event_match", "key": key, "pattern": pattern });
            let event = said(json!({ "body": pattern, "other": pattern }));
            assert!(!verdict(&override_rule(condition), &context, &event).notify, "{key}");
            assert!(!verdict(&content_rule(&pattern), &context, &event).notify);
        }
    }

    #[test]
    fn words_and_names_are_judged_as_the_specification_says() {
        let context = ann_named("Ann *");
        let notifies = |rules: &Ruleset, content: Value| verdict(rules, &context, &said(content)).notify;
        assert!(notifies(&content_rule("CAKE"), json!({ "body": "The cake is a lie." })));
        assert!(!notifies(&content_rule("cake"), json!({ "body": "cupcakes" })));
        assert!(!notifies(&content_rule("cake"), json!({ "body": 5 })));
        let name = override_rule(json!({ "kind": "contains_display_name" }));
        assert!(notifies(&name, json!({ "body": "hello aNN *!" })));
        assert!(!notifies(&name, json!({ "body": "hello Ann Miller" })));
        let default = Ruleset::server_default(user_id!("@ann:x"));
        let mention = json!({ "body": "x", "m.mentions": { "user_ids": ["@ann:x"] } });
        assert!(verdict(&default, &context, &said(mention)).highlight && notifies(&default, json!({})));
        // Nobody is told of their own words.
        let own = json!({ "type": "m.room.message", "sender": "@ann:x", "content": { "body": "cake" } });
        let raw = serde_json::value::to_raw_value(&own).unwrap();
        let own = Event::new(FlattenedJson::from_raw(&Raw::<AnyTimelineEvent>::from_json(raw)));
        assert!(!verdict(&content_rule("cake"), &context, &own).notify);
    }

    #[test]
    fn a_glance_rules_out_nothing_that_applies() {
        let context = ann_named("Ann");
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
