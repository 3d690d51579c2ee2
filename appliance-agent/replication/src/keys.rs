//! What opens a repository: the owner's recovery key, or the box's own.

use crate::RecoveryKey;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The box's own key for replicas while nobody is there: 256 random bits. Never in `Debug`, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct BoxKey(String);

impl BoxKey {
    /// A new key from 32 random bytes of the system's source.
    #[must_use]
    pub fn from_random(mut random: [u8; 32]) -> Self {
        use std::fmt::Write as _;
        let text = random.iter().fold(String::with_capacity(64), |mut text, byte| {
            // A string takes all that is written to it.
            let _ = write!(text, "{byte:02x}");
            text
        });
        random.zeroize();
        Self(text)
    }

    /// A key as [`BoxKey::reveal`] gave it: 64 lower-case hexadecimal digits. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (digits && text.len() == 64).then(|| Self(text.to_owned()))
    }

    /// The key's 64 hexadecimal digits, for the file that keeps it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.clone())
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BoxKey(…)")
    }
}

impl Drop for BoxKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// One of the two keys that open a repository.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// The owner's.
    Recovery(&'a RecoveryKey),
    /// The box's own.
    Box(&'a BoxKey),
}

impl Key<'_> {
    /// The restic password that this key is.
    pub(crate) fn password(self) -> Zeroizing<String> {
        match self {
            Self::Recovery(key) => key.reveal(),
            Self::Box(key) => key.reveal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_key_is_kept_and_read_back_but_not_logged() {
        let key = BoxKey::from_random([7; 32]);
        assert!(BoxKey::parse(&key.reveal()).unwrap() == key);
        assert!(BoxKey::parse("0707").is_none() && BoxKey::parse(&"G".repeat(64)).is_none());
        assert_eq!(format!("{key:?} {:?}", Key::Box(&key)), "BoxKey(…) Box(BoxKey(…))");
    }
}
