//! The session's cookie.

use http::{HeaderMap, HeaderValue, header};

/// `__Host-`: a browser takes it only over HTTPS, for this very host and port's origin, never from a neighbour.
const NAME: &str = "__Host-hearth";

/// The header that gives a browser its session.
///
/// # Errors
/// Where the token can't stand in a header; those of `Sessions` always can.
pub fn begin(token: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header that takes it away.
#[must_use]
pub fn end() -> HeaderValue {
    HeaderValue::from_static("__Host-hearth=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The token that a request brings.
#[must_use]
pub fn token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == NAME)
        .map(|(_, token)| token)
}
