//! What log lines of any origin have in common.

use crate::LogLevel;

const LONGEST: usize = 4096;

/// A line fit to be shown: one line, no escape sequences or control characters, at most 4 KiB.
pub(crate) fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len().min(LONGEST));
    let mut characters = text.trim_end().chars();
    while let Some(character) = characters.next() {
        if tidy.len() + character.len_utf8() > LONGEST {
            break;
        }
        match character {
            // A terminal's colours: ESC, `[`, parameters, one letter.
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    let _ = characters.by_ref().find(|character| ('@'..='~').contains(character));
                }
            }
            '\t' | '\n' | '\r' => tidy.push(' '),
            character if character.is_control() => {}
            character => tidy.push(character),
        }
    }
    tidy
}

/// The level by the word that `tracing` puts near the start of its lines.
pub(crate) fn level(text: &str) -> LogLevel {
    let mut words = text.split_whitespace().take(3);
    let level = words.find_map(|word| match word {
        "ERROR" => Some(LogLevel::Error),
        "WARN" => Some(LogLevel::Warning),
        "INFO" => Some(LogLevel::Info),
        "DEBUG" | "TRACE" => Some(LogLevel::Debug),
        _ => None,
    });
    level.unwrap_or(LogLevel::Info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tidied() {
        assert_eq!(tidy("\u{1b}[32m INFO\u{1b}[0m a\tb\nc\u{7}\u{0}\n"), " INFO a b c");
        assert_eq!(tidy("\u{1b}"), "");
        assert_eq!(tidy("\u{1b}[12;"), "");
        let long = tidy(&"ä".repeat(5000));
        assert!(long.len() <= LONGEST && long.chars().all(|each| each == 'ä'));
    }

    #[test]
    fn levels() {
        assert_eq!(level("2026-11-24T18:00:00Z ERROR x: y"), LogLevel::Error);
        assert_eq!(level("WARN y"), LogLevel::Warning);
        assert_eq!(level("a b c ERROR"), LogLevel::Info);
    }
}
