//! The query of a letter's link, and the form of the page that it leads to.

use hearth_homeserver::mail::{Link, link};

/// Tries one input.
pub fn run(data: &[u8]) {
    let Some(read) = Link::parse(data) else { return };
    assert!(read.token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
    let sid = link::sid(&read.session);
    assert_eq!(link::session(&sid), Some(read.session));
    let written = format!("sid={sid}&token={}", read.token);
    assert_eq!(Link::parse(written.as_bytes()), Some(read));
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&token=hre_abc-DEF",
        "utm_source=x&token=%61bc&sid=BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA&&=",
        "sid=AAAA&token=a",
        "sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&sid=a&token=a",
        "sid=%FF&token=%3Cscript%3E",
    ])
}
