//! Tokens of `/sync`, which clients send back as they like.

use hearth_homeserver::sync::Token;

/// Tries one input.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Some(token) = Token::parse(text) else { return };
    let again = Token::parse(&token.to_string()).expect("a token that was written can be read");
    assert_eq!((token.position, token.to_device), (again.position, again.to_device));
    assert_eq!(token.typing.unwrap_or_default(), again.typing.unwrap_or_default());
    assert_eq!(token.presence.unwrap_or_default(), again.presence.unwrap_or_default());
    assert_eq!(token.delivered(), again.delivered());
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "s1",
        "s1_2_3",
        "s12_0_7_9",
        "s18446744073709551615_0_0",
        "s18446744073709551616",
        "t5",
        "s1_",
        "s+1",
    ])
}
