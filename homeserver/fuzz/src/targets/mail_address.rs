//! Mail addresses as anybody may send them.

use hearth_homeserver::mail::{Address, address};

/// Tries one input.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    drop(address::sender(text));
    let Some(read) = Address::parse(text) else { return };
    for form in [read.written(), read.canonical()] {
        assert!(form.len() <= address::LONGEST, "{} bytes", form.len());
        assert_eq!(form.matches('@').count(), 1, "{form:?}");
        let slips = |letter: char| letter.is_control() || letter.is_whitespace() || "<>,;:\"\\()[]".contains(letter);
        assert!(!form.contains(slips), "{form:?}");
        // What people are shown is the same address when they give it back.
        let again = Address::parse(form).unwrap_or_else(|| panic!("{form:?} of {text:?} is none any more"));
        assert_eq!(again.canonical(), read.canonical(), "{text:?}");
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        "ann@example.org",
        "Strau\u{df}@B\u{fc}cher.example",
        "\u{130}\u{149}\u{17f}@xn--bcher-kva.example",
        "Ann <ann@example.org>",
        "\"ann\"@example.org",
        "ann@[127.0.0.1]",
        "ann@\u{ff11}.2",
        "a@b\r\nBcc: c@d",
        "a@b,c@d",
        "o'neil+x&y@example.org",
        "a\u{202e}@b",
    ]);
    seeds.push(format!("{}@{}org", "\u{149}".repeat(32), "a.".repeat(90)).into_bytes());
    seeds
}
