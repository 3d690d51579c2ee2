//! Names that people sign up and log in with.

use hearth_homeserver::accounts::registration::user_id;
use ruma::{ServerName, UserId, server_name};

/// Tries one input.
pub fn run(data: &[u8]) {
    let Ok(name) = str::from_utf8(data) else { return };
    for server in [server_name!("hearth.example"), server_name!("[2001:db8::1]:8448")] {
        check(name, server);
    }
}

fn check(name: &str, server: &ServerName) {
    let Some(user) = user_id(name, server) else { return };
    assert!(user.validate_strict().is_ok(), "{user}");
    assert_eq!(user.server_name(), server);
    assert!(user.as_str().len() <= 255, "{} bytes", user.as_str().len());
    let written = user.localpart();
    assert!(written.bytes().all(|byte| byte.is_ascii_lowercase() || b"0123456789._=-/+".contains(&byte)), "{user}");
    // The same by either name, and in full.
    assert_eq!(user_id(written, server).as_ref(), Some(&user));
    assert_eq!(user_id(user.as_str(), server).as_ref(), Some(&user));
    assert_eq!(UserId::parse(user.as_str()).as_ref(), Ok(&user));
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        "ann",
        "Ann",
        "@ann:hearth.example",
        "@Ann.b=c-d/e+f_1:hearth.example",
        "@ann:elsewhere.example",
        "a:b",
        "",
        "@",
        "@:",
        "@ann:[2001:db8::1]:8448",
        "ä",
        "\u{130}",
        "a b",
        "@ann:hearth.example:hearth.example",
    ]);
    seeds.extend([239, 240, 241, 255].map(|length| "a".repeat(length).into_bytes()));
    seeds
}
