//! Keys as JSON: what they must hold, and whether they are signed.

use super::{E2eeError, check_name, check_size};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, UserId,
    serde::{Base64, base64::Standard},
    signatures::{SigningKeyAlgorithm, to_canonical_json_string_for_signing, verify_canonical_json_bytes},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Signatures: signing user -> key id -> signature.
pub type Signatures = BTreeMap<String, BTreeMap<String, String>>;

/// A one-time or fallback key, looked through.
#[derive(Debug, Clone)]
pub struct ClaimableKey {
    /// What the key is for.
    pub algorithm: String,
    /// Its name behind the algorithm.
    pub id: String,
    /// The key as uploaded.
    pub json: String,
}

impl ClaimableKey {
    /// Looks a key through; `name` is `algorithm:id`.
    ///
    /// # Errors
    /// [`E2eeError::Invalid`], [`E2eeError::TooLarge`]
    pub fn parse(name: &str, json: &RawValue) -> Result<Self, E2eeError> {
        /// The two forms that there are; signatures are for the devices that claim the key to check.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Signed {
                #[serde(rename = "key")]
                _key: String,
                #[serde(rename = "signatures")]
                _signatures: Signatures,
            },
            Plain(#[expect(dead_code, reason = "only its being text matters")] String),
        }
        let (algorithm, id) =
            name.split_once(':').ok_or_else(|| E2eeError::Invalid(format!("{name:?} is not `algorithm:id`.")))?;
        check_name("an algorithm", algorithm)?;
        check_name("a key", id)?;
        check_size("A key", json.get())?;
        match (serde_json::from_str::<Form>(json.get()), algorithm) {
            (Ok(Form::Plain(_)), "signed_curve25519") | (Err(_), _) => {
                Err(E2eeError::Invalid(format!("{name} is not a key with signatures.")))
            }
            (Ok(_), _) => Ok(Self { algorithm: algorithm.to_owned(), id: id.to_owned(), json: json.get().to_owned() }),
        }
    }
}

/// Reads an object that is or may be signed.
///
/// # Errors
/// [`E2eeError::Invalid`] for what is no canonical JSON, as numbers with a fraction aren't.
pub fn object(json: &str) -> Result<CanonicalJsonObject, E2eeError> {
    serde_json::from_str(json)
        .map_err(|error| E2eeError::Invalid(format!("A key is not an object that can be signed: {error}")))
}

/// Whether two objects are the same but for their signatures and what is not signed.
#[must_use]
pub fn same_content(a: &CanonicalJsonObject, b: &CanonicalJsonObject) -> bool {
    match (to_canonical_json_string_for_signing(a), to_canonical_json_string_for_signing(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// The signature in an object, if there is one by that user with that key id.
#[must_use]
pub fn signature<'a>(object: &'a CanonicalJsonObject, user: &UserId, key_id: &str) -> Option<&'a str> {
    match object.get("signatures")?.as_object()?.get(user.as_str())?.as_object()?.get(key_id)? {
        CanonicalJsonValue::String(signature) => Some(signature),
        _ => None,
    }
}

/// Whether `signature` was made over `object` with the private half of `public`, an ed25519 key.
#[must_use]
pub fn is_signed(object: &CanonicalJsonObject, public: &str, signature: &str) -> bool {
    let (Ok(public), Ok(signature)) = (Base64::<Standard>::parse(public), Base64::<Standard>::parse(signature)) else {
        return false;
    };
    to_canonical_json_string_for_signing(object).is_ok_and(|text| {
        let ed25519 = SigningKeyAlgorithm::Ed25519;
        verify_canonical_json_bytes(&ed25519, public.as_bytes(), signature.as_bytes(), text.as_bytes()).is_ok()
    })
}

/// Whether text is the unpadded base64 of 32 bytes, as ed25519 keys are written.
#[must_use]
pub fn is_public_key(text: &str) -> bool {
    Base64::<Standard>::parse(text).is_ok_and(|bytes| bytes.as_bytes().len() == 32 && bytes.encode() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::{KEY_BYTES, testing::SigningKey};
    use ruma::user_id;
    use serde_json::{json, value::to_raw_value};

    #[test]
    fn claimable_keys_are_what_the_specification_says() {
        let parse = |name: &str, key: serde_json::Value| ClaimableKey::parse(name, &to_raw_value(&key).unwrap());
        let good = json!({ "key": "abc", "signatures": { "@ann:here": { "ed25519:A": "sig" } }, "fallback": true });
        assert_eq!(parse("signed_curve25519:AAAA", good.clone()).unwrap().id, "AAAA");
        assert!(parse("curve25519:AAAA", json!("abc")).is_ok());
        for (name, key) in [
            ("signed_curve25519", good.clone()),
            ("signed_curve25519:", good.clone()),
            (":AAAA", good.clone()),
            ("signed_curve25519:AAAA", json!("abc")),
            ("signed_curve25519:AAAA", json!({ "key": "abc" })),
            ("signed_curve25519:AAAA", json!({ "key": 1, "signatures": {} })),
            ("signed_curve25519:AAAA", json!({ "key": "abc", "signatures": { "@ann:here": "sig" } })),
            ("curve25519:AAAA", json!(7)),
        ] {
            assert!(matches!(parse(name, key.clone()), Err(E2eeError::Invalid(_))), "{name} {key}");
        }
        let large = json!({ "key": "a".repeat(KEY_BYTES), "signatures": {} });
        assert!(matches!(parse("signed_curve25519:AAAA", large), Err(E2eeError::TooLarge(_))));
    }

    #[test]
    fn a_signature_is_good_for_its_object_and_key_alone() {
        let (ann, key, other) = (user_id!("@ann:here"), SigningKey::of_device("A"), SigningKey::of_device("A"));
        let signed = object(&key.device_keys(ann, "A").to_string()).unwrap();
        let signature = signature(&signed, ann, "ed25519:A").unwrap().to_owned();
        assert!(is_signed(&signed, &key.public, &signature));
        assert!(!is_signed(&signed, &other.public, &signature));
        assert!(!is_signed(&signed, "no base64!", &signature));
        assert!(!is_signed(&signed, &key.public, "c2hvcnQ"));
        let mut changed = signed;
        changed.insert("user_id".into(), "@eve:here".to_owned().into());
        assert!(!is_signed(&changed, &key.public, &signature));
    }

    #[test]
    fn what_has_no_canonical_form_is_refused() {
        for bad in ["[]", "{\"a\":1.5}", "{\"a\":1e400}", "{\"a\":99999999999999999999}", "nonsense"] {
            assert!(matches!(object(bad), Err(E2eeError::Invalid(_))), "{bad}");
        }
    }
}
