//! Filters, and what they make of an event: two lines of JSON, a filter and an event.

use hearth_homeserver::rooms::{client_event::StoredEvent, filter};
use ruma::api::client::filter::FilterDefinition;

/// Tries one input.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (definition, event) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(definition) = serde_json::from_str::<FilterDefinition>(definition) else { return };
    // As it is stored and read again.
    let stored = serde_json::to_string(&definition).expect("a filter can be written");
    let again: FilterDefinition = serde_json::from_str(&stored).expect("a filter that was written can be read");
    assert_eq!(stored, serde_json::to_string(&again).expect("a filter can be written"));
    let Ok(event) = serde_json::from_str::<StoredEvent<'_>>(event) else { return };
    for part in [&definition.room.timeline, &definition.room.state, &definition.room.ephemeral] {
        let passed = filter::passes(part, &event);
        if part.not_types.iter().any(|pattern| pattern == "*" || *pattern == event.kind) {
            assert!(!passed);
        }
        for pattern in part.types.iter().flatten().chain(&part.not_types) {
            assert!(filter::matches(pattern, pattern), "{pattern:?} does not match itself");
        }
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let event = r#"{"type":"m.room.message","sender":"@ann:hearth.example","origin_server_ts":1,"content":{"url":"mxc://a/b"}}"#;
    [
        r#"{"room":{"timeline":{"limit":10,"types":["m.room.*","*a*b*"],"not_types":["*.member"],"contains_url":true}}}"#,
        r#"{"room":{"rooms":["!a:b"],"not_rooms":[],"include_leave":true,"state":{"lazy_load_members":true,"senders":["@ann:hearth.example"]}}}"#,
        r#"{"event_fields":["type","content.body"],"event_format":"federation","presence":{"not_types":["*"]},"account_data":{"limit":0}}"#,
        "{}",
    ]
    .map(|filter| format!("{filter}\n{event}").into_bytes())
    .to_vec()
}
