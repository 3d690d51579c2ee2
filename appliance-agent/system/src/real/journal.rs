//! What `journalctl -o json` prints: an object per line, all values strings but for what is no text.

use crate::logs::{level, tidy};
use crate::{LogLevel, LogLine};
use serde_json::{Map, Value};

/// A line of the journal; `None` for one that is none.
pub(super) fn parse(line: &str) -> Option<LogLine> {
    let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let time_us: u64 = text("__REALTIME_TIMESTAMP")?.parse().ok()?;
    let unit = text("_SYSTEMD_UNIT").or_else(|| text("SYSLOG_IDENTIFIER")).unwrap_or("kernel");
    let message = tidy(&message(fields.get("MESSAGE")?)?);
    // A program that writes to its standard output has one level for all; its own lines say theirs in words.
    let given = match text("PRIORITY").and_then(|priority| priority.parse::<u8>().ok()) {
        Some(0..=3) => LogLevel::Error,
        Some(4) => LogLevel::Warning,
        Some(7) => LogLevel::Debug,
        _ => level(&message),
    };
    Some(LogLine { time_ms: time_us / 1000, unit: name(unit), level: given, text: message })
}

/// Text, or an array of bytes where it is not UTF-8, or an array of several.
fn message(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => match values.first()? {
            Value::Number(_) => {
                let bytes = values.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok());
                Some(String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned())
            }
            first => message(first),
        },
        _ => None,
    }
}

fn name(unit: &str) -> String {
    match unit {
        "hearth-agent.service" => "agent".to_owned(),
        "hearth-homeserver.service" => "homeserver".to_owned(),
        other => tidy(other.strip_suffix(".service").unwrap_or(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_journal() {
        let line = parse(
            r#"{"__REALTIME_TIMESTAMP":"1795547000123456","_SYSTEMD_UNIT":"hearth-agent.service","PRIORITY":"6","MESSAGE":"2026-11-24T18:00:00Z  WARN hearth: the disk is nearly full"}"#,
        )
        .unwrap();
        assert_eq!((line.time_ms, line.unit.as_str(), line.level), (1_795_547_000_123, "agent", LogLevel::Warning));
        let line = parse(
            r#"{"__REALTIME_TIMESTAMP":"1","SYSLOG_IDENTIFIER":"kernel","PRIORITY":"3","MESSAGE":"I/O error, dev sda"}"#,
        )
        .unwrap();
        assert_eq!((line.unit.as_str(), line.level), ("kernel", LogLevel::Error));
    }

    #[test]
    fn what_is_no_text_is_shown_as_far_as_it_goes() {
        let line = parse(
            r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":[27,91,51,49,109,104,105,255],"_SYSTEMD_UNIT":"x.service"}"#,
        );
        assert_eq!(line.unwrap().text, "hi\u{fffd}");
        let twice = parse(r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":["one","two"]}"#).unwrap();
        assert_eq!(twice.text, "one");
        for broken in ["", "{}", r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":null}"#, r#"{"MESSAGE":"no time"}"#, "[1]"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
