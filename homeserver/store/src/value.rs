//! How the values of rows become bytes and come back.

use crate::{EventNo, RoomNo, StoreError, StreamPos};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a row holds.
pub trait Value: Sized + 'static {
    /// Appends the encoding.
    ///
    /// # Errors
    /// [`StoreError::Unencodable`] where the value can't be written, such as a JSON map whose keys
    /// are not text. A value that was decoded always can.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), StoreError>;

    /// Reads a whole row's bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where they are not such a value.
    fn decode(bytes: &[u8]) -> Result<Self, StoreError>;
}

/// Stores a serde type as postcard: compact, but its fields may change only with a migration.
#[macro_export]
macro_rules! postcard_value {
    ($type:ty) => {
        impl $crate::Value for $type {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), $crate::StoreError> {
                $crate::value::encode_postcard(self, out)
            }

            fn decode(bytes: &[u8]) -> Result<Self, $crate::StoreError> {
                $crate::value::decode_postcard(bytes)
            }
        }
    };
}

/// Stores a serde type as JSON: fields may come and go as serde's attributes allow.
#[macro_export]
macro_rules! json_value {
    ($type:ty) => {
        impl $crate::Value for $type {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), $crate::StoreError> {
                $crate::value::encode_json(self, out)
            }

            fn decode(bytes: &[u8]) -> Result<Self, $crate::StoreError> {
                $crate::value::decode_json(bytes)
            }
        }
    };
}

#[doc(hidden)]
pub fn encode_postcard<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), StoreError> {
    *out =
        postcard::to_extend(value, std::mem::take(out)).map_err(|error| StoreError::Unencodable(error.to_string()))?;
    Ok(())
}

#[doc(hidden)]
pub fn decode_postcard<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(StoreError::corrupt("value", format!("{} bytes too many", rest.len()))),
        Err(error) => Err(StoreError::corrupt("value", error.to_string())),
    }
}

#[doc(hidden)]
pub fn encode_json<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), StoreError> {
    serde_json::to_writer(out, value).map_err(|error| StoreError::Unencodable(error.to_string()))
}

#[doc(hidden)]
pub fn decode_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::corrupt("value", error.to_string()))
}

impl Value for () {
    fn encode(&self, _out: &mut Vec<u8>) -> Result<(), StoreError> {
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        <[u8; 0]>::decode(bytes).map(|_| ())
    }
}

impl<const N: usize> Value for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        bytes.try_into().map_err(|_| StoreError::corrupt("value", format!("{} bytes where {N} belong", bytes.len())))
    }
}

impl Value for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Ok(bytes.to_vec())
    }
}

impl Value for String {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::from_utf8(bytes.to_vec()).map_err(|_| StoreError::corrupt("value", "it is not UTF-8"))
    }
}

impl Value for u64 {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.to_be_bytes().encode(out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        <[u8; 8]>::decode(bytes).map(Self::from_be_bytes)
    }
}

macro_rules! newtype_value {
    ($($type:ident),+) => {
        $(impl Value for $type {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
                self.0.encode(out)
            }

            fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
                u64::decode(bytes).map(Self)
            }
        })+
    };
}

newtype_value!(RoomNo, EventNo, StreamPos);
