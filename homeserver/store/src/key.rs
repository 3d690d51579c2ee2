//! How keys become bytes whose order is the order of the keys.
//!
//! Numbers are big-endian and arrays are as they are. Text and byte strings have no fixed length,
//! so inside a tuple they need an end that sorts before everything that could go on: they close
//! with a zero byte, and the bytes 0 and 1 inside them are written `01 01` and `01 02`. No encoded
//! key is therefore the beginning of another, which is what makes a shorter tuple a prefix.

use crate::{EventNo, RoomNo, StoreError, StreamPos};

/// The last byte of a string.
const END: u8 = 0;
/// Introduces a byte that [`END`] or this one would be mistaken for.
const ESCAPE: u8 = 1;

/// A key, or a part of one. Encodings compare as the keys do, and none begins another.
pub trait Key: Sized + 'static {
    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes one key off the front of `bytes`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the bytes are not such a key.
    fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError>;
}

/// Something that encodes to the same bytes as a `K`, so that a lookup need not own its key.
pub trait EncodeKey<K> {
    /// Appends the encoding of the `K` that this stands for.
    fn encode_key(&self, out: &mut Vec<u8>);
}

/// The first parts of a tuple key: `(a,)` and `(a, b)` for `(A, B, C)`. `()` begins every key.
pub trait KeyPrefix<K> {
    /// What remains of the key behind the prefix.
    type Rest: Key;

    /// Appends the encoding of the parts given.
    fn encode_prefix(&self, out: &mut Vec<u8>);
}

/// Lets values of key types of one's own be passed to lookups, alone or within tuples.
#[macro_export]
macro_rules! encode_as_itself {
    ($($type:ty),+ $(,)?) => {
        $(impl $crate::EncodeKey<$type> for $type {
            fn encode_key(&self, out: &mut Vec<u8>) {
                $crate::Key::encode(self, out);
            }
        })+
    };
}

encode_as_itself!(u8, u32, u64, bool, RoomNo, EventNo, StreamPos, String, Vec<u8>);
encode_as_itself!(crate::records::TimelinePos, crate::records::Membership);

impl<K, Q: EncodeKey<K> + ?Sized> EncodeKey<K> for &Q {
    fn encode_key(&self, out: &mut Vec<u8>) {
        (**self).encode_key(out);
    }
}

impl EncodeKey<String> for str {
    fn encode_key(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl EncodeKey<Vec<u8>> for [u8] {
    fn encode_key(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl<const N: usize> EncodeKey<[u8; N]> for [u8; N] {
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<K: Key> KeyPrefix<K> for () {
    type Rest = K;

    fn encode_prefix(&self, _out: &mut Vec<u8>) {}
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 1);
    for &byte in bytes {
        if byte <= ESCAPE {
            out.extend([ESCAPE, byte + 1]);
        } else {
            out.push(byte);
        }
    }
    out.push(END);
}

fn decode_bytes(bytes: &mut &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::new();
    loop {
        match bytes {
            [END, rest @ ..] => {
                *bytes = rest;
                return Ok(out);
            }
            [ESCAPE, escaped @ (1 | 2), rest @ ..] => {
                out.push(escaped - 1);
                *bytes = rest;
            }
            [byte, rest @ ..] if *byte > ESCAPE => {
                out.push(*byte);
                *bytes = rest;
            }
            _ => return Err(StoreError::corrupt("key", "a string in it has no end")),
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], StoreError> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or_else(|| StoreError::corrupt("key", "it is too short"))?;
    *bytes = rest;
    Ok(*head)
}

macro_rules! number_key {
    ($($type:ty),+) => {
        $(impl Key for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
                take(bytes).map(Self::from_be_bytes)
            }
        })+
    };
}

number_key!(u8, u32, u64);

macro_rules! newtype_key {
    ($($type:ident),+) => {
        $(impl Key for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
                u64::decode(bytes).map(Self)
            }
        })+
    };
}

newtype_key!(RoomNo, EventNo, StreamPos);

impl Key for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
        match u8::decode(bytes)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(StoreError::corrupt("key", format!("{other} is neither true nor false"))),
        }
    }
}

impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
        Self::from_utf8(decode_bytes(bytes)?).map_err(|_| StoreError::corrupt("key", "a text in it is not UTF-8"))
    }
}

impl Key for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
        decode_bytes(bytes)
    }
}

impl<const N: usize> Key for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
        take(bytes)
    }
}

macro_rules! tuple_key {
    ($($part:ident $query:ident $index:tt),+) => {
        impl<$($part: Key),+> Key for ($($part,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$index.encode(out);)+
            }

            fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
                Ok(($($part::decode(bytes)?,)+))
            }
        }

        impl<$($part,)+ $($query: EncodeKey<$part>),+> EncodeKey<($($part,)+)> for ($($query,)+) {
            fn encode_key(&self, out: &mut Vec<u8>) {
                $(self.$index.encode_key(out);)+
            }
        }
    };
}

tuple_key!(A QA 0);
tuple_key!(A QA 0, B QB 1);
tuple_key!(A QA 0, B QB 1, C QC 2);
tuple_key!(A QA 0, B QB 1, C QC 2, D QD 3);
tuple_key!(A QA 0, B QB 1, C QC 2, D QD 3, E QE 4);

macro_rules! tuple_prefix {
    ($($part:ident $query:ident $index:tt),+; $($rest:ident),+ => $remains:ty) => {
        impl<$($part,)+ $($rest: Key,)+ $($query: EncodeKey<$part>),+>
            KeyPrefix<($($part,)+ $($rest,)+)> for ($($query,)+)
        {
            type Rest = $remains;

            fn encode_prefix(&self, out: &mut Vec<u8>) {
                $(self.$index.encode_key(out);)+
            }
        }
    };
}

tuple_prefix!(A QA 0; B => B);
tuple_prefix!(A QA 0; B, C => (B, C));
tuple_prefix!(A QA 0; B, C, D => (B, C, D));
tuple_prefix!(A QA 0; B, C, D, E => (B, C, D, E));
tuple_prefix!(A QA 0, B QB 1; C => C);
tuple_prefix!(A QA 0, B QB 1; C, D => (C, D));
tuple_prefix!(A QA 0, B QB 1; C, D, E => (C, D, E));
tuple_prefix!(A QA 0, B QB 1, C QC 2; D => D);
tuple_prefix!(A QA 0, B QB 1, C QC 2; D, E => (D, E));
tuple_prefix!(A QA 0, B QB 1, C QC 2, D QD 3; E => E);
