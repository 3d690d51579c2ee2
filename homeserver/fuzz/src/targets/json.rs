//! The checks that every body passes before anything reads it.

use hearth_homeserver::{
    e2ee::key_json,
    http::{
        json::check_values,
        limits::{NESTING, check_nesting},
    },
};
use serde_json::{Value, value::RawValue};

/// Tries one input.
pub fn run(data: &[u8]) {
    let within = check_nesting(data).is_ok();
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        assert_eq!(within, depth(&value) <= NESTING, "the bound and the reader count differently");
    }
    // What passes and is JSON at a glance is JSON for those who read all of it, and the other way round.
    if within && serde_json::from_slice::<&RawValue>(data).is_ok() {
        let read = serde_json::from_slice::<Value>(data);
        assert_eq!(check_values(data).is_ok(), read.is_ok(), "{read:?}");
    }
    // What has a canonical form has one that reads the same again.
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(object) = key_json::object(text) {
        let canonical = serde_json::to_string(&object).expect("canonical JSON can be written");
        let again = key_json::object(&canonical).expect("canonical JSON can be read");
        assert_eq!(object, again);
        assert_eq!(canonical, serde_json::to_string(&again).expect("canonical JSON can be written"));
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        r#"{"b":1,"a":[true,null,-9007199254740991,"\u00e4\ud83d\ude00\\\"[{"],"c":{"":{}}}"#,
        r#"{"a":1.5}"#,
        r#"{"a":1e400}"#,
        r#"{"a":"\ud800"}"#,
        r#"[[],[[]],{"a":[{}]}]"#,
        r#"{"a":1,"a":2}"#,
        "\u{feff}{}",
    ]);
    for depth in [NESTING - 1, NESTING, NESTING + 1, 127, 128] {
        seeds.push(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes());
        seeds.push(format!("{{\"a\":{}0{}}}", "[".repeat(depth), "]".repeat(depth)).into_bytes());
    }
    seeds
}
