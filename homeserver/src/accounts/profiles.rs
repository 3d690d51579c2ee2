//! Profiles: fields of JSON by name.
//! <https://spec.matrix.org/v1.19/client-server-api/#profiles>

use super::AccountError;
use hearth_store::{Change, Read, records::LogRecord, tables::PROFILES};
use ruma::UserId;
use serde_json::Value;
use std::collections::BTreeMap;

/// Greatest size of a whole profile as JSON.
const LARGEST: usize = 64 * 1024;
/// Longest name of a field, in bytes.
pub const LONGEST_NAME: usize = 255;

/// The whole profile.
///
/// # Errors
/// [`AccountError::Store`]
pub fn all(read: &impl Read, user: &UserId) -> Result<BTreeMap<String, Value>, AccountError> {
    let mut profile = BTreeMap::new();
    for row in read.prefix(PROFILES, (user.as_str(),))? {
        let ((_, field), value) = row?;
        profile.insert(field, serde_json::from_str(&value)?);
    }
    Ok(profile)
}

/// One field.
///
/// # Errors
/// [`AccountError::Store`]
pub fn get(read: &impl Read, user: &UserId, field: &str) -> Result<Option<Value>, AccountError> {
    let value = read.get(PROFILES, (user.as_str(), field))?;
    Ok(value.map(|value| serde_json::from_str(&value)).transpose()?)
}

/// Sets a field. Says whether it changed.
///
/// # Errors
/// [`AccountError::ProfileTooLarge`]
pub fn set(change: &mut Change<'_>, user: &UserId, field: &str, value: &Value) -> Result<bool, AccountError> {
    let text = value.to_string();
    if change.get(PROFILES, (user.as_str(), field))?.as_ref() == Some(&text) {
        return Ok(false);
    }
    // The size of {"name":value,...}: braces, and quotes, colon and comma of each field.
    let mut size = 2 + field.len() + text.len() + 4;
    for row in change.prefix(PROFILES, (user.as_str(),))? {
        let ((_, other), value) = row?;
        if other != field {
            size += other.len() + value.len() + 4;
        }
    }
    if size > LARGEST {
        return Err(AccountError::ProfileTooLarge);
    }
    change.put(PROFILES, (user.as_str(), field), &text)?;
    change.log(LogRecord::Profile(user.to_string()))?;
    Ok(true)
}

/// Removes a field. Says whether there was one.
///
/// # Errors
/// [`AccountError::Store`]
pub fn delete(change: &mut Change<'_>, user: &UserId, field: &str) -> Result<bool, AccountError> {
    let there = change.delete(PROFILES, (user.as_str(), field))?;
    if there {
        change.log(LogRecord::Profile(user.to_string()))?;
    }
    Ok(there)
}

/// The name is one of the specification's or follows its grammar for others: lower-case words with
/// a dot between them, as `org.example.key`.
/// <https://spec.matrix.org/v1.19/appendices/#common-namespaced-identifier-grammar>
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    matches!(name, "displayname" | "avatar_url") || (name.contains('.') && name.split('.').all(word))
}

#[cfg(test)]
mod tests {
    use super::is_valid_name;

    #[test]
    fn names_of_fields_follow_the_grammar() {
        for good in ["displayname", "avatar_url", "m.tz", "org.example.key_2", "us.cloke.msc4175.tz"] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in ["", "tz", "m.", ".m", "m..tz", "M.tz", "m.2tz", "m.t-z", "m.tz\u{e9}", "1m.tz"] {
            assert!(!is_valid_name(bad), "{bad}");
        }
    }
}
