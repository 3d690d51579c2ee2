//! Codes that people read and type: Crockford's base 32, in groups of four.

use crate::random::Random;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A random code of `groups` groups, 20 bits each: `ABCD-EFGH`.
#[must_use]
pub fn random(groups: usize, random: &Random) -> String {
    let group = || -> String {
        random
            .bytes::<4>()
            .iter()
            // 256 is a whole multiple of 32: no letter is likelier than another.
            .filter_map(|byte| LETTERS.get(usize::from(byte & 31)))
            .map(|letter| char::from(*letter))
            .collect()
    };
    (0..groups).map(|_| group()).collect::<Vec<_>>().join("-")
}

/// What was meant by what was typed: case, spaces, dashes and the look-alikes I, L and O are forgiven.
#[must_use]
pub fn normal(typed: &str) -> String {
    typed
        .chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '-' | '\u{2010}'..='\u{2015}'))
        .map(|letter| match letter.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_what_it_was_typed_as() {
        let code = random(2, &Random::seeded(3));
        assert_eq!(code.len(), 9);
        assert_eq!(normal(&code), normal(&format!(" {} ", code.to_lowercase().replace('-', " \u{2013} "))));
        assert_eq!(normal("oil-0"), "0110");
    }
}
