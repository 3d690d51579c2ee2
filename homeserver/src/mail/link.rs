//! The link in a letter: where it leads, and what is read of it when somebody follows it.

use crate::config::Config;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;

/// The page that the link leads to.
pub const PATH: &str = "/_hearth/email/confirm";
/// Longest token, in bytes. Those of this server are shorter.
const LONGEST_TOKEN: usize = 128;

/// A session and the secret that its letter brought.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// Key of the session in `EMAIL_SESSIONS`.
    pub session: [u8; 32],
    /// Proves that the letter was read.
    pub token: String,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

/// A session's identifier as clients know it.
#[must_use]
pub fn sid(session: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(session)
}

/// The session that an identifier stands for.
#[must_use]
pub fn session(sid: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(sid).ok()?.try_into().ok()
}

impl Link {
    /// The whole link, for a letter.
    #[must_use]
    pub fn url(&self, config: &Config) -> String {
        // Both values are of an alphabet that a query takes as it is.
        format!("{}{PATH}?sid={}&token={}", config.public_url(), sid(&self.session), self.token)
    }

    /// Reads a link's query, or the form that has the same fields. None where it is neither.
    #[must_use]
    pub fn parse(query: &[u8]) -> Option<Self> {
        let (mut found, mut token) = (None, None);
        for (name, value) in form_urlencoded::parse(query) {
            let field = match &*name {
                "sid" => &mut found,
                "token" => &mut token,
                // Mail programs and those who count clicks add fields of their own.
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let token = token.filter(|token| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(plain)
        })?;
        Some(Self { session: session(&found?)?, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_as_it_was_written() {
        let link = Link { session: [7; 32], token: "hre_abc-DEF".to_owned() };
        let query = format!("sid={}&token={}&utm_source=x", sid(&link.session), link.token);
        assert_eq!(Link::parse(query.as_bytes()), Some(link.clone()));
        assert_eq!(format!("{link:?}"), "Link");
    }

    #[test]
    fn what_is_no_link_is_refused() {
        let sid = sid(&[7; 32]);
        for wrong in [
            String::new(),
            "sid=&token=".to_owned(),
            format!("sid={sid}"),
            format!("sid={sid}&token="),
            format!("sid={sid}&token=a&token=b"),
            format!("sid={sid}&sid={sid}&token=a"),
            format!("sid={sid}A&token=a"),
            format!("sid={sid}&token=%3Cscript%3E"),
            format!("sid={sid}&token=%FF"),
            format!("sid={sid}&token={}", "a".repeat(129)),
        ] {
            assert_eq!(Link::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
