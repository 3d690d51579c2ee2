//! Mail addresses: what is one, and when two are the same.
//! <https://spec.matrix.org/v1.19/appendices/#e-mail>

use lettre::message::Mailbox;
use std::{fmt, net::IpAddr};
use unicase::UniCase;

/// Longest address, in bytes (RFC 5321, section 4.5.3.1.3, without its angle brackets).
pub const LONGEST: usize = 254;

/// A mail address that can be written to: `name@domain`, and nothing around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    written: String,
    canonical: String,
    /// The same as `written`, parsed.
    parsed: lettre::Address,
}

impl Address {
    /// Reads an address. None for what is no address, or is one of the forms that nobody has and that would be of use to
    /// somebody who wants to slip something in: quoted names, addresses of machines, several at a time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > LONGEST || text.chars().any(is_misplaced) {
            return None;
        }
        let (name, domain) = text.split_once('@')?;
        // Two ways of writing a domain with letters beyond ASCII are one domain; mail servers know the ASCII one.
        let domain = idna::domain_to_ascii(domain).ok()?;
        if domain.is_empty() || is_machine(&domain) {
            return None;
        }
        let parsed = lettre::Address::new(name, &domain).ok()?;
        // Folding may make a name longer. What is shown to people as their address must be one when they give it back.
        let folded = lettre::Address::new(UniCase::new(name).to_folded_case(), &domain).ok()?;
        let (written, canonical) = (parsed.to_string(), folded.to_string());
        let longest = written.len().max(canonical.len());
        (longest <= LONGEST).then_some(Self { written, canonical, parsed })
    }

    /// As it was written, but for the domain, whose form changes nothing. Letters go here: mail servers may tell capitals
    /// from small letters.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The form in which addresses are compared: the domain in small ASCII letters, the name case-folded.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// For a letter's header.
    pub(super) fn mailbox(&self) -> Mailbox {
        Mailbox::new(None, self.parsed.clone())
    }
}

/// Addresses are nobody's business but their owners': logs don't show them.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}

/// An address of the network instead of a name: programs take much for one that ends in a number.
fn is_machine(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    domain.parse::<IpAddr>().is_ok() || hex || last.bytes().all(|byte| byte.is_ascii_digit())
}

/// What an address has no place for, or what makes it look like another one.
fn is_misplaced(letter: char) -> bool {
    letter.is_control()
        || letter.is_whitespace()
        || "\"(),:;<>[\\]".contains(letter)
        // Without a shape of their own, and those that turn the direction of reading.
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A sender as the owner writes it: an address, or `Name <address>`. None where it is neither.
#[must_use]
pub fn sender(text: &str) -> Option<Mailbox> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let mailbox: Mailbox = text.trim().parse().ok()?;
    let domain = mailbox.email.domain();
    let domain = if domain.is_ascii() { domain.to_owned() } else { idna::domain_to_ascii(domain).ok()? };
    Some(Mailbox::new(mailbox.name, lettre::Address::new(mailbox.email.user(), domain).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Address::parse(text).unwrap_or_else(|| panic!("{text}")).canonical().to_owned()
    }

    #[test]
    fn two_ways_of_writing_are_one_address() {
        assert_eq!(canonical("Ann@Example.ORG"), "ann@example.org");
        assert_eq!(canonical(" ann+matrix@example.org "), "ann+matrix@example.org");
        // The specification's own example.
        assert_eq!(canonical("Strauß@Example.com"), "strauss@example.com");
        assert_eq!(canonical("ÄNNE@Bücher.example"), canonical("änne@xn--bcher-kva.example"));
        assert_eq!(canonical("a@b"), "a@b");
    }

    #[test]
    fn letters_go_to_the_address_as_it_was_written() {
        let address = Address::parse("Strauß@BÜCHER.example").unwrap();
        assert_eq!(address.written(), "Strauß@xn--bcher-kva.example");
        assert_eq!(address.mailbox().to_string(), "Strauß@xn--bcher-kva.example");
        assert_eq!(format!("{address:?}"), "Address");
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for wrong in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.org",
            "ann@@example.org",
            "ann@bob@example.org",
            "ann@example.org,bob@example.org",
            "ann@example.org;bob@example.org",
            "Ann <ann@example.org>",
            "<ann@example.org>",
            "mailto:ann@example.org",
            "\"ann smith\"@example.org",
            "ann@example.org\r\nBcc: bob@example.org",
            "ann\n@example.org",
            "ann\0@example.org",
            "an n@example.org",
            "ann@exa mple.org",
            "ann(comment)@example.org",
            "ann@[127.0.0.1]",
            "ann@127.0.0.1",
            "ann@[IPv6:::1]",
            "ann@0x7f.1",
            "ann@2130706433",
            "ann@example.org.",
            "ann@-example.org",
            ".ann@example.org",
            "ann.@example.org",
            "an..n@example.org",
            "ann\u{202e}@example.org",
            "a\u{200b}nn@example.org",
            "ann\u{2028}@example.org",
            "ann@example\u{ff0e}\u{ff0e}org",
        ] {
            assert!(Address::parse(wrong).is_none(), "{wrong:?}");
        }
        assert!(Address::parse(&format!("{}@example.org", "a".repeat(64))).is_some());
        assert!(Address::parse(&format!("{}@example.org", "a".repeat(65))).is_none());
        assert!(Address::parse(&format!("a@{}org", "example.".repeat(40))).is_none());
    }

    #[test]
    fn a_sender_may_have_a_name_but_no_second_line() {
        assert_eq!(sender("hearth@example.org").unwrap().to_string(), "hearth@example.org");
        let named = sender("Hearth at home <hearth@example.org>").unwrap();
        assert_eq!(
            (named.name.as_deref(), named.email.to_string().as_str()),
            (Some("Hearth at home"), "hearth@example.org")
        );
        assert_eq!(sender("hearth@Bücher.example").unwrap().to_string(), "hearth@xn--bcher-kva.example");
        for wrong in ["", "hearth", "a@b, c@d", "a@b\r\nBcc: c@d", "Hearth <a@b"] {
            assert!(sender(wrong).is_none(), "{wrong:?}");
        }
    }
}
