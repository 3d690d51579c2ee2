//! What may be typed into the wizard's fields.

use crate::problem::Problem;

/// The longest domain name that still fits into an id with a localpart.
const LONGEST_NAME: usize = 200;

/// A domain name in small letters.
///
/// # Errors
/// `invalid_value`
pub fn domain_name(field: &str, typed: &str) -> Result<String, Problem> {
    let name = typed.trim().trim_end_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let mut labels = name.rsplit('.');
    let last_is_word = labels.next().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_lowercase()));
    if last_is_word && name.contains('.') && name.len() <= LONGEST_NAME && name.split('.').all(label) {
        return Ok(name);
    }
    Err(Problem::invalid(
        field,
        "This is not a domain name.",
        "Type it as in example.org or matrix.example.org, without https:// and without a slash. Other alphabets are written in their xn-- form.",
    ))
}

/// The part of a user id before the colon.
///
/// # Errors
/// `invalid_username`
pub fn localpart(typed: &str) -> Result<String, Problem> {
    let name = typed.trim().trim_start_matches('@');
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._=/+-".contains(&byte))
        && !name.starts_with('_');
    if fits {
        return Ok(name.to_owned());
    }
    Err(Problem::new(
        http::StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_username",
        "This can't be a user's name.",
        "Use small letters, digits and . _ = - only; people can choose a display name of any kind later.",
    ))
}

/// An e-mail address, as far as one can tell without sending.
///
/// # Errors
/// `invalid_value`
pub fn email_address(field: &str, typed: &str) -> Result<String, Problem> {
    let address = typed.trim();
    let fits = address.len() <= 254
        && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,;:\"()[]\\".contains(&byte))
        && address
            .rsplit_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !user.contains('@') && domain_name(field, host).is_ok());
    if fits {
        return Ok(address.to_owned());
    }
    Err(Problem::invalid(field, "This is not an e-mail address.", "Type it as in ann@example.org."))
}

/// A language tag.
///
/// # Errors
/// `invalid_value`
pub fn language(typed: &str) -> Result<String, Problem> {
    let mut parts = typed.split('-');
    let first = parts
        .next()
        .is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase()));
    let rest = parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if first && rest && typed.len() <= 35 {
        return Ok(typed.to_owned());
    }
    Err(Problem::invalid("language", "This is not a language tag.", "Choose a language of the list."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_names() {
        assert_eq!(domain_name("host", " Matrix.Example.org. ").unwrap(), "matrix.example.org");
        for bad in
            ["", "localhost", "https://a.b", "a..b", "-a.b", "a.b/c", "1.2.3.4", "a b.c", "ä.de", "a.b:8448", "::1"]
        {
            assert!(domain_name("host", bad).is_err(), "{bad}");
        }
        assert!(domain_name("host", &format!("{}.org", "a.".repeat(120))).is_err());
    }

    #[test]
    fn localparts() {
        assert_eq!(localpart("@ann").unwrap(), "ann");
        for bad in ["", "Ann", "a b", "a:b", "_bot", "ä", &"a".repeat(65)] {
            assert!(localpart(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_and_languages() {
        assert!(email_address("to", "ann@example.org").is_ok());
        for bad in ["", "ann", "ann@", "@b.c", "a@b@c.d", "a b@c.d", "a@b.c\r\nBcc: x@y.z", "-x@y"] {
            assert!(email_address("to", bad).is_err(), "{bad}");
        }
        assert!(language("de").is_ok() && language("pt-BR").is_ok());
        for bad in ["", "d", "DE", "de-", "de_DE", "de-<b>"] {
            assert!(language(bad).is_err(), "{bad}");
        }
    }
}
