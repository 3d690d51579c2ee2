//! Reading and writing the fields of a node.

use crate::{Fault, NodeId};

/// Bytes still to be read.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.0.split_first().ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Truncated)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn integer(&mut self) -> Result<u64, Fault> {
        let mut integer = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit only.
            if shift == 63 && bits > 1 {
                return Err(Fault::Integer);
            }
            integer |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(integer) } else { Err(Fault::Integer) };
            }
        }
        Err(Fault::Integer)
    }

    pub(crate) fn name(&mut self) -> Result<&'a str, Fault> {
        let length = self.integer()?;
        str::from_utf8(self.take(length)?).map_err(|_| Fault::Utf8)
    }

    pub(crate) fn id(&mut self) -> Result<NodeId, Fault> {
        let (id, rest) = self.0.split_first_chunk().ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(NodeId::from_bytes(*id))
    }
}

/// Writes an integer in its shortest form.
pub(crate) fn write_integer(out: &mut Vec<u8>, mut integer: u64) {
    while integer >= 0x80 {
        out.push(integer as u8 | 0x80);
        integer >>= 7;
    }
    out.push(integer as u8);
}
