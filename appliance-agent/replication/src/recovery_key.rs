//! The recovery key: what the owner writes down.
//!
//! 7 groups of 4 characters of Crockford's base 32, 140 random bits, shown `ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345`. The shown form, dashes
//! and all, is the password of the LUKS volume and of the restic repository, so that a family can type it into either program anywhere.

use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Crockford's alphabet: no I, L, O (look like 1, 1, 0) and no U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 4;
const LETTERS: usize = RecoveryKey::GROUPS * GROUP;

/// 140 bits that open the backup. Never in `Debug`, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey {
    /// Letters of the alphabet, without dashes.
    letters: [u8; LETTERS],
}

/// Why something typed is not a recovery key, in words for the one who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryKeyError {
    /// Too few or too many characters.
    #[error(
        "A recovery key has 28 letters and digits; this one has {0}. Please check whether a group was left out or typed twice."
    )]
    Length(usize),
    /// A character that no recovery key has.
    #[error("A recovery key has no “{0}” in it. It has digits and the letters A to Z without I, L, O and U.")]
    Letter(char),
}

impl RecoveryKey {
    /// How many groups there are.
    pub const GROUPS: usize = 7;

    /// A new key from 18 random bytes of the system's source, of which 140 bits are used.
    #[must_use]
    pub fn from_random(mut random: [u8; 18]) -> Self {
        let mut letters = [b'0'; LETTERS];
        let (mut held, mut bits) = (0_u32, 0_u32);
        let mut bytes = random.iter();
        for letter in &mut letters {
            if bits < 5 {
                held = (held << 8) | u32::from(*bytes.next().unwrap_or(&0));
                bits += 8;
            }
            bits -= 5;
            // Five bits are always a place of the alphabet.
            *letter = ALPHABET.get(((held >> bits) & 31) as usize).copied().unwrap_or(b'0');
            held &= (1 << bits) - 1;
        }
        random.zeroize();
        Self { letters }
    }

    /// Reads what somebody typed: case, spaces and dashes don't matter; I and L are taken for 1, O for 0.
    ///
    /// # Errors
    ///
    /// Another number of letters, or a character that isn't one of the alphabet's.
    pub fn parse(typed: &str) -> Result<Self, RecoveryKeyError> {
        let mut letters = [b'0'; LETTERS];
        let mut count = 0;
        for letter in read_letters(typed) {
            let letter = letter?;
            if let Some(place) = letters.get_mut(count) {
                *place = letter;
            }
            count += 1;
        }
        if count != LETTERS {
            letters.zeroize();
            return Err(RecoveryKeyError::Length(count));
        }
        Ok(Self { letters })
    }

    /// The key in the form in which it is shown and in which it is the password. On purpose not `Display`: whoever shows it says so.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LETTERS + Self::GROUPS));
        for (index, letter) in self.letters.iter().enumerate() {
            if index > 0 && index % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(*letter));
        }
        text
    }

    /// Whether what was typed is group `number`, counted from 1; typed as forgivingly as the whole key.
    #[must_use]
    pub fn group_matches(&self, number: usize, typed: &str) -> bool {
        let Some(group) = number.checked_sub(1).and_then(|index| self.letters.chunks(GROUP).nth(index)) else {
            return false;
        };
        let Ok(typed) = read_letters(typed).collect::<Result<Vec<u8>, _>>() else { return false };
        // Without an early end, so that time tells nothing about the letters.
        let typed = Zeroizing::new(typed);
        typed.len() == group.len()
            && typed.iter().zip(group).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryKey(…)")
    }
}

impl Drop for RecoveryKey {
    fn drop(&mut self) {
        self.letters.zeroize();
    }
}

/// The letters of the alphabet in a text, look-alikes put right, separators left out.
fn read_letters(typed: &str) -> impl Iterator<Item = Result<u8, RecoveryKeyError>> + '_ {
    typed.chars().filter(|character| !is_separator(*character)).map(|character| {
        let upper = match character.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        };
        u8::try_from(upper).ok().filter(|letter| ALPHABET.contains(letter)).ok_or(RecoveryKeyError::Letter(character))
    })
}

/// Dashes as telephones and word processors make them, and whatever a copy brings along.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '‐' | '‑' | '–' | '—' | '_' | '.' | ',' | '\u{200b}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RecoveryKey {
        RecoveryKey::from_random(std::array::from_fn(|index| u8::try_from(index * 41 % 256).unwrap()))
    }

    #[test]
    fn it_is_shown_as_seven_groups_and_read_back() {
        let shown = key().reveal();
        assert_eq!(shown.split('-').map(str::len).collect::<Vec<_>>(), [4; 7]);
        assert!(RecoveryKey::parse(&shown).unwrap() == key());
    }

    #[test]
    fn every_bit_that_counts_changes_it() {
        let base = [0x5a; 18];
        let mut seen = std::collections::BTreeSet::from([RecoveryKey::from_random(base).reveal().to_string()]);
        for bit in 0..140 {
            let mut other = base;
            other[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(seen.insert(RecoveryKey::from_random(other).reveal().to_string()), "bit {bit} changes nothing");
        }
    }

    #[test]
    fn typing_is_forgiven() {
        let key = RecoveryKey::parse("0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV").unwrap();
        for typed in [
            "0123456789abcdefghjkmnpqrstv",
            " o1 23 4567\n89ab–cdef—ghjk_mnpq.rstv ",
            "Oi23-4567-89AB-CDEF-GHJK-MNPQ-RSTV",
            "OL23-4567-89AB-CDEF-GHJK-MNPQ-RSTV",
        ] {
            assert!(RecoveryKey::parse(typed).unwrap() == key, "{typed}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(RecoveryKey::parse("0123").unwrap_err(), RecoveryKeyError::Length(4));
        assert_eq!(RecoveryKey::parse(&"0".repeat(29)).unwrap_err(), RecoveryKeyError::Length(29));
        assert_eq!(RecoveryKey::parse("U123").unwrap_err(), RecoveryKeyError::Letter('U'));
        assert_eq!(RecoveryKey::parse("é").unwrap_err(), RecoveryKeyError::Letter('é'));
    }

    #[test]
    fn groups_are_compared_one_by_one() {
        let key = RecoveryKey::parse("0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV").unwrap();
        assert!(key.group_matches(1, "o123") && key.group_matches(7, " rs tv"));
        for (number, typed) in [(0, "0123"), (8, "RSTV"), (2, "0123"), (1, "012"), (1, "01234"), (1, ""), (1, "012U")] {
            assert!(!key.group_matches(number, typed), "{number} {typed}");
        }
    }

    #[test]
    fn a_log_does_not_show_it() {
        assert_eq!(format!("{:?}", key()), "RecoveryKey(…)");
    }
}
