//! The manifest: what a replica says of itself.
//!
//! A JSON object that the caller writes. This crate knows one field of it, `format`, and refuses what is not this number.

use crate::{Error, Result};
use serde_json::{Map, Value};

/// The only number that `format` may be. It goes up when a restore by an older version would lose or break something.
pub const MANIFEST_FORMAT: u64 = 1;

/// Whether a manifest is one that this version can restore by.
///
/// # Errors
///
/// [`Error::NewerFormat`] for a higher `format`, [`Error::Unusable`] for none, a lower one, or what isn't a JSON object.
pub fn check(manifest: &[u8]) -> Result<()> {
    let fields: Map<String, Value> = serde_json::from_slice(manifest)
        .map_err(|error| Error::Unusable(format!("its manifest is not understood: {error}")))?;
    let format = fields.get("format").and_then(Value::as_u64);
    let format = format.ok_or_else(|| Error::Unusable("its manifest has no format".to_owned()))?;
    match format {
        MANIFEST_FORMAT => Ok(()),
        newer if newer > MANIFEST_FORMAT => Err(Error::NewerFormat(format!("replica format {newer}"))),
        older => {
            Err(Error::Unusable(format!("its manifest has the format {older}, which no version of Hearth has written")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_formats_pass() {
        assert!(check(br#"{"format": 1, "server_name": "example.org", "users": 3}"#).is_ok());
        assert!(matches!(check(br#"{"format": 2}"#), Err(Error::NewerFormat(_))));
        for bad in ["", "{}", "[1]", r#"{"format": 0}"#, r#"{"format": "1"}"#, r#"{"format": 1"#, "\u{0}"] {
            assert!(matches!(check(bad.as_bytes()), Err(Error::Unusable(_))), "{bad}");
        }
    }
}
