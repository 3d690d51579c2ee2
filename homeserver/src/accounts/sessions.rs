//! Access and refresh tokens. Only their hashes are stored.

use super::AccountError;
use hearth_store::Read;
use ruma::{OwnedDeviceId, OwnedUserId};

/// Whom an access token stands for.
#[derive(Debug, Clone)]
pub struct Session {
    /// The user.
    pub user: OwnedUserId,
    /// The device.
    pub device: OwnedDeviceId,
    /// SHA-256 of the access token.
    pub token: [u8; 32],
}

/// Finds the session of an access token.
///
/// # Errors
/// [`AccountError::UnknownToken`]
pub fn by_access_token(_read: &impl Read, _token: &str, _now: u64) -> Result<Session, AccountError> {
    Err(AccountError::UnknownToken { soft_logout: false })
}
