//! Key backup: version numbers, and sessions in it. A line with a version or a session's name, then the session's JSON.

use hearth_homeserver::e2ee::{key_backup, key_backup_sessions::BackedUpSession};
use ruma::room_id;

/// Tries one input.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (name, json) = text.split_once('\n').unwrap_or((text, "{}"));
    if let Ok(number) = key_backup::number(name) {
        assert_eq!(number.to_string(), name);
    }
    if BackedUpSession::parse(room_id!("!room:hearth.example"), name, json).is_ok() {
        let session: serde_json::Value = serde_json::from_str(json).expect("a session is JSON");
        assert!(session["first_message_index"].is_u64() && session["session_data"].is_object(), "{json}");
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "1\n{}",
        "18446744073709551616\n{}",
        "01\n[]",
        "session\n{\"first_message_index\":0,\"forwarded_count\":0,\"is_verified\":true,\"session_data\":{\"ephemeral\":\"a\",\"ciphertext\":\"b\",\"mac\":\"c\"}}",
        "session\n{\"first_message_index\":-1,\"forwarded_count\":1.5,\"is_verified\":1,\"session_data\":[]}",
    ])
}
