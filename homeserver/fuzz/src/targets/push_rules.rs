//! Push rules on hostile events: two lines of JSON, rules (or one new rule of the override kind) and an event.

use hearth_homeserver::{
    e2ee::key_json,
    push::{evaluate, rules},
    rooms::client_event::StoredEvent,
};
use hearth_store::{EventNo, RoomNo, records::EventRecord};
use ruma::{
    UInt,
    events::push_rules::PushRulesEventContent,
    push::{NewConditionalPushRule, NewPushRule, PushConditionRoomCtx, Ruleset},
    room_id, user_id,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Rule {
    rule_id: String,
    #[serde(default)]
    conditions: Vec<ruma::push::PushCondition>,
    #[serde(default)]
    actions: Vec<ruma::push::Action>,
    after: Option<String>,
    before: Option<String>,
}

/// Tries one input.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (given, event) = text.split_once('\n').unwrap_or((text, "{}"));
    let user = user_id!("@ann:hearth.example");
    let mut ruleset = Ruleset::server_default(user);
    if let Ok(stored) = serde_json::from_str::<PushRulesEventContent>(given) {
        ruleset = stored.global;
        ruleset.update_with_server_default(Ruleset::server_default(user));
    } else if let Ok(rule) = serde_json::from_str::<Rule>(given) {
        let new = NewPushRule::Override(NewConditionalPushRule::new(rule.rule_id, rule.conditions, rule.actions));
        // Twice: the second time it is there already, and moves.
        for _ in 0..2 {
            let _ = rules::put(&mut ruleset, new.clone(), rule.after.as_deref(), rule.before.as_deref());
        }
    }
    let written = serde_json::to_string(&PushRulesEventContent::new(ruleset.clone())).expect("rules can be written");
    serde_json::from_str::<PushRulesEventContent>(&written).expect("rules that were written can be read");

    // Events are stored as canonical JSON, and rules see stored events alone.
    let Ok(event) = key_json::object(event) else { return };
    let event = serde_json::to_string(&event).expect("canonical JSON can be written");
    let Ok(fields) = serde_json::from_str::<StoredEvent<'_>>(&event) else { return };
    let record = record(&event);
    let Ok(flat) = evaluate::event(EventNo(1), &record, &fields) else { return };
    let context = PushConditionRoomCtx::new(
        room_id!("!a:hearth.example").to_owned(),
        UInt::from(2_u8),
        user.to_owned(),
        "Ann".into(),
    );
    let verdict = evaluate::verdict(&ruleset, &context, &flat);
    if fields.sender == user.as_str() {
        assert!(!verdict.notify, "somebody was notified of their own event");
    }
}

fn record(json: &str) -> EventRecord {
    EventRecord {
        room: RoomNo(1),
        event_id: "$event".to_owned(),
        json: json.as_bytes().to_vec(),
        state_before: None,
        rejected: false,
        soft_failed: false,
        timeline: None,
        transaction: None,
        auth_events: Vec::new(),
        depth: 1,
        redacted_by: None,
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let event = r#"{"type":"m.room.message","sender":"@bob:hearth.example","origin_server_ts":1,"content":{"body":"Ann: hello","m.mentions":{"user_ids":["@ann:hearth.example"],"room":true},"a.b":{"c\\d":[1,null,"x"]}}}"#;
    let defaults =
        serde_json::to_string(&PushRulesEventContent::new(Ruleset::server_default(user_id!("@ann:hearth.example"))));
    let mut seeds: Vec<String> = [
        r#"{"rule_id":"a","conditions":[{"kind":"event_match","key":"content.body","pattern":"*h?llo*"}],"actions":["notify",{"set_tweak":"highlight"}]}"#,
        r#"{"rule_id":"a","conditions":[{"kind":"room_member_count","is":"<=2"},{"kind":"contains_display_name"},{"kind":"sender_notification_permission","key":"room"}]}"#,
        r#"{"rule_id":"a","conditions":[{"kind":"event_property_is","key":"content.a\\.b.c\\\\d","value":null},{"kind":"event_property_contains","key":"content.m\\.mentions.user_ids","value":"x"}],"after":"b"}"#,
        r#"{"rule_id":".m.rule.master"}"#,
        r#"{"rule_id":"a","conditions":[{"kind":"event_match","key":"content.body","pattern":"**************a"}]}"#,
    ]
    .map(str::to_owned)
    .to_vec();
    seeds.push(defaults.expect("rules can be written"));
    seeds.into_iter().map(|rules| format!("{rules}\n{event}").into_bytes()).collect()
}
