//! Events as they are written, by the rules of every room version. The first byte says which version.

use hearth_homeserver::rooms::{
    Pdu, client_event,
    event::{event_id, redacted},
    versions,
};
use hearth_store::{EventNo, RoomNo, records::EventRecord};
use ruma::{CanonicalJsonObject, signatures::verify_event, state_res::check_pdu_format};

/// Tries one input.
pub fn run(data: &[u8]) {
    let Some((version, json)) = data.split_first() else { return };
    let version = &versions::SUPPORTED[usize::from(*version) % versions::SUPPORTED.len()];
    let rules = versions::rules(version).expect("a supported version has rules");
    let Ok(pdu) = serde_json::from_slice::<CanonicalJsonObject>(json) else { return };
    let signed = verify_event(&Default::default(), &pdu, &rules);
    let well_formed = check_pdu_format(&pdu, &rules.event_format).is_ok();
    let Ok(id) = event_id(&pdu, &rules) else { return };
    if let Ok(stripped) = redacted(pdu.clone(), &rules) {
        // A redaction leaves an event its name, for the name is made of what it leaves.
        assert_eq!(event_id(&stripped, &rules).as_ref(), Ok(&id));
        assert_eq!(redacted(stripped.clone(), &rules).ok().as_ref(), Some(&stripped));
    }
    let text = serde_json::to_vec(&pdu).expect("canonical JSON can be written");
    let Ok(event) = Pdu::parse(&text, id, false) else { return };
    assert!(!(well_formed && signed.is_ok()), "an event that nobody vouches for passed: {signed:?}");
    let _ = (event.is_state(), event.content_field::<String>("membership"));
    shown(&event, text);
}

/// What clients would be shown of it.
fn shown(event: &Pdu, json: Vec<u8>) {
    let record = EventRecord {
        room: RoomNo(1),
        event_id: event.event_id.to_string(),
        state_before: None,
        rejected: false,
        soft_failed: false,
        timeline: None,
        transaction: None,
        auth_events: Vec::new(),
        depth: event.depth,
        redacted_by: None,
        json,
    };
    let shown = client_event::json(EventNo(1), &record, Some(&event.room_id), &Default::default());
    if let Ok(shown) = shown {
        serde_json::from_str::<serde_json::Value>(shown.get()).expect("an event that is shown is JSON");
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let event = |kind: &str, more: serde_json::Value| {
        let mut event = serde_json::json!({
            "type": kind, "sender": "@ann:hearth.example", "room_id": "!a:hearth.example", "origin_server_ts": 1, "depth": 2,
            "prev_events": ["$a"], "auth_events": ["$b"], "content": {}, "hashes": { "sha256": "abc" },
            "signatures": { "hearth.example": { "ed25519:1": "c2ln" } }, "event_id": "$c:hearth.example",
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event.to_string()
    };
    let events = [
        event("m.room.message", serde_json::json!({ "content": { "body": "hello" } })),
        event(
            "m.room.member",
            serde_json::json!({ "state_key": "@ann:hearth.example", "content": { "membership": "join" } }),
        ),
        event("m.room.redaction", serde_json::json!({ "redacts": "$d", "content": { "redacts": "$d" } })),
        event(
            "m.room.power_levels",
            serde_json::json!({ "state_key": "", "content": { "users": { "@ann:hearth.example": 100 }, "ban": "50" } }),
        ),
        event(
            "m.room.create",
            serde_json::json!({ "state_key": "", "room_id": null, "content": { "room_version": "12" } }),
        ),
        event("m.room.message", serde_json::json!({ "prev_events": [["$a", { "sha256": "abc" }]], "auth_events": [] })),
    ];
    let versions = [0_u8, 2, 5, 9, 10, 11];
    events.iter().zip(versions).map(|(event, version)| [&[version], event.as_bytes()].concat()).collect()
}
