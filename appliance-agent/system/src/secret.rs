//! A key that never shows itself.

use crate::{Error, Result};
use std::fmt;
use zeroize::Zeroizing;

/// A volume's key: 1 to 512 printable ASCII characters, so that it can be typed at another machine's prompt.
/// Wiped from memory when dropped; `Debug` shows nothing of it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as it is. [`Error::UnusableKey`] where it could not be typed or is too long for cryptsetup.
    pub fn new(text: String) -> Result<Self> {
        let text = Zeroizing::new(text);
        let typable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.is_empty() || text.len() > 512 || !typable {
            return Err(Error::UnusableKey);
        }
        Ok(Self(text))
    }

    /// The text, for the standard input of the program that needs it and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("ABCD-EFGH".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn what_cannot_be_typed_is_refused() {
        for text in ["", "with\nnewline", "tab\t", "naïve", "nul\0"] {
            assert!(matches!(Secret::new(text.to_owned()), Err(Error::UnusableKey)), "{text:?}");
        }
        assert!(Secret::new("x".repeat(512)).is_ok());
        assert!(Secret::new("x".repeat(513)).is_err());
    }
}
