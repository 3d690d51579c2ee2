//! Room event filters: which events a client wants.
//! <https://spec.matrix.org/v1.19/client-server-api/#filtering>

use super::client_event::StoredEvent;
use ruma::api::client::filter::{RoomEventFilter, UrlFilter};

/// Whether a filter lets an event through.
#[must_use]
pub fn passes(filter: &RoomEventFilter, event: &StoredEvent<'_>) -> bool {
    let is_sender = |user: &ruma::OwnedUserId| user.as_str() == event.sender;
    let is_type = |pattern: &String| matches(pattern, &event.kind);
    if filter.not_senders.iter().any(is_sender) || filter.not_types.iter().any(is_type) {
        return false;
    }
    if filter.senders.as_ref().is_some_and(|senders| !senders.iter().any(is_sender)) {
        return false;
    }
    if filter.types.as_ref().is_some_and(|types| !types.iter().any(is_type)) {
        return false;
    }
    filter.url_filter.is_none_or(|wanted| has_url(event) == matches!(wanted, UrlFilter::EventsWithUrl))
}

/// Whether a type matches a pattern in which `*` stands for any number of characters.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn has_url(event: &StoredEvent<'_>) -> bool {
    serde_json::from_str::<serde_json::Value>(event.content.get())
        .is_ok_and(|content| content.get("url").is_some_and(serde_json::Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("m.room.message", "m.room.message", true),
            ("m.room.message", "m.room.messages", false),
            ("m.room.*", "m.room.member", true),
            ("m.room.*", "m.call.invite", false),
            ("*.member", "m.room.member", true),
            ("m.*.m*r", "m.room.member", true),
            ("m.*.m*x", "m.room.member", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("", "m.room.member", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
