//! Keys that clients publish, and signatures on them. The first byte says which kind of key.

use hearth_homeserver::{
    e2ee::{
        cross_signing::{Key, Usage},
        device_keys::DeviceKeys,
        key_json::{self, ClaimableKey},
        to_device::Message,
    },
    http::json::check_values,
};
use ruma::{device_id, user_id};
use serde_json::value::RawValue;

/// Tries one input.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Ok(text) = str::from_utf8(rest) else { return };
    // Every body has passed this before its reader gets it.
    if check_values(rest).is_err() {
        return;
    }
    let (user, device) = (user_id!("@ann:hearth.example"), device_id!("ANNSPHONE"));
    match kind % 5 {
        0 => drop(DeviceKeys::parse(user, device, text)),
        1 => {
            let usage = [Usage::Master, Usage::SelfSigning, Usage::UserSigning][usize::from(kind / 5) % 3];
            if let Ok(key) = Key::parse(user, usage, text) {
                assert!(key_json::is_public_key(&key.public));
                assert_eq!(key.id(), format!("ed25519:{}", key.public));
                // No key has signed itself in these inputs, so nothing may pass for signed.
                let signature = key_json::signature(&key.object, user, &key.id()).unwrap_or("AAAA").to_owned();
                let _ = key_json::is_signed(&key.object, &key.public, &signature);
                assert!(key_json::same_content(&key.object, &key.object));
            }
        }
        2 => {
            let (name, json) = text.split_once('\n').unwrap_or(("signed_curve25519:AAAA", text));
            let Ok(json) = serde_json::from_str::<&RawValue>(json) else { return };
            if let Ok(key) = ClaimableKey::parse(name, json) {
                assert_eq!(format!("{}:{}", key.algorithm, key.id), name);
                serde_json::from_str::<serde_json::Value>(&key.json).expect("a key is JSON for whoever claims it");
            }
        }
        3 => {
            let (public, signature) = text.split_once('\n').unwrap_or((text, ""));
            let object = key_json::object(r#"{"a":1,"signatures":{},"unsigned":{}}"#).expect("that is an object");
            assert!(!key_json::is_signed(&object, public, signature), "a forged signature was taken");
            if key_json::is_public_key(public) {
                assert_eq!(public.len(), 43);
            }
        }
        _ => {
            let (kind, json) = text.split_once('\n').unwrap_or(("m.room_key", text));
            let Ok(content) = serde_json::from_str::<&RawValue>(json) else { return };
            if let Ok(message) = Message::new(user, kind, user, Some(device), content) {
                let event: serde_json::Value = serde_json::from_str(&message.event).expect("a message is JSON");
                assert_eq!((event["type"].as_str(), event["sender"].as_str()), (Some(kind), Some(user.as_str())));
            }
        }
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let public = "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik";
    vec![
        format!(
            "\0{}",
            serde_json::json!({
                "user_id": "@ann:hearth.example", "device_id": "ANNSPHONE",
                "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
                "keys": { "curve25519:ANNSPHONE": public, "ed25519:ANNSPHONE": public },
                "signatures": { "@ann:hearth.example": { "ed25519:ANNSPHONE": "c2ln" } }, "unsigned": { "a": 1 },
            })
        ),
        format!(
            "\x01{}",
            serde_json::json!({
                "user_id": "@ann:hearth.example", "usage": ["master"], "keys": { format!("ed25519:{public}"): public },
                "signatures": { "@ann:hearth.example": { format!("ed25519:{public}"): "c2ln" } },
            })
        ),
        format!(
            "\x02signed_curve25519:AAAAHQ\n{}",
            serde_json::json!({ "key": public, "fallback": true, "signatures": { "@ann:hearth.example": { "ed25519:A": "c2ln" } } })
        ),
        "\x02curve25519:AAAA\n\"abc\"".to_owned(),
        format!("\x03{public}\n{public}{public}"),
        "\x04m.room.encrypted\n{\"algorithm\":\"m.olm.v1.curve25519-aes-sha2\",\"ciphertext\":{}}".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect()
}
