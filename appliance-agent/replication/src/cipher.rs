//! restic's encryption, for the few files that rustic_core doesn't write as they are needed here: key files of modest cost, the
//! configuration before it is trusted, and a replica's topmost folder.
//!
//! A file is 16 bytes of nonce, the text encrypted by AES-256 in counter mode, and 16 bytes of Poly1305-AES over that.

use aes256ctr_poly1305aes::{
    Aes256CtrPoly1305Aes,
    aead::{Aead, Nonce, generic_array::GenericArray},
};
use rustic_core::{Id, repofile::MasterKey};
use std::str::FromStr as _;
use zeroize::Zeroizing;

/// Bytes of the nonce.
const NONCE: usize = 16;

/// A key of restic's: 32 bytes for encryption, 16 and 16 for authentication.
pub(crate) struct Cipher(Aes256CtrPoly1305Aes);

impl Cipher {
    /// `None` unless the parts have their lengths.
    pub(crate) fn new(encrypt: &[u8], k: &[u8], r: &[u8]) -> Option<Self> {
        if (encrypt.len(), k.len(), r.len()) != (32, 16, 16) {
            return None;
        }
        let key = Zeroizing::new([encrypt, k, r].concat());
        Some(Self(Aes256CtrPoly1305Aes::new(GenericArray::from_slice(&key))))
    }

    pub(crate) fn of(key: &MasterKey) -> Option<Self> {
        Self::new(&key.encrypt, &key.mac.k, &key.mac.r)
    }

    /// `None` only for texts that are too long for the cipher.
    pub(crate) fn encrypt(&self, text: &[u8]) -> Option<Vec<u8>> {
        let nonce = random_nonce()?;
        let sealed = self.0.encrypt(Nonce::<Aes256CtrPoly1305Aes>::from_slice(&nonce), text).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// `None` if it is not a text that this key encrypted.
    pub(crate) fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        self.0.decrypt(Nonce::<Aes256CtrPoly1305Aes>::from_slice(nonce), sealed).ok()
    }
}

/// rustic_core's random ids come from the generator that its own nonces come from.
fn random_nonce() -> Option<[u8; NONCE]> {
    let text = Id::random().to_hex();
    let mut nonce = [0; NONCE];
    for (byte, digits) in nonce.iter_mut().zip(text.as_str().as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(nonce)
}

/// SHA-256, by which restic names everything.
pub(crate) fn hash(data: &[u8]) -> Option<Id> {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    let digest = sha2::Sha256::digest(data);
    let text = digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // A string takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    });
    Id::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encrypted_is_read_back_and_a_change_is_seen() {
        let cipher = Cipher::new(&[1; 32], &[2; 16], &[3; 16]).unwrap();
        let sealed = cipher.encrypt(b"text").unwrap();
        assert_eq!(sealed.len(), 16 + 4 + 16);
        assert_eq!(cipher.decrypt(&sealed).unwrap(), b"text");
        assert_ne!(cipher.encrypt(b"text").unwrap(), sealed);
        for place in 0..sealed.len() {
            let mut other = sealed.clone();
            other[place] ^= 1;
            assert!(cipher.decrypt(&other).is_none(), "{place}");
        }
        assert!(cipher.decrypt(&sealed[..20]).is_none() && cipher.decrypt(&[]).is_none());
        assert!(Cipher::new(&[1; 31], &[2; 16], &[3; 16]).is_none());
    }

    #[test]
    fn names_are_sha_256() {
        let id = hash(b"abc").unwrap();
        assert_eq!(id.to_hex().as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
