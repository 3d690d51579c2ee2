//! People and their logins: users, passwords, sessions, devices, profiles, account data, filters.

pub mod passwords;
pub mod sessions;
pub mod uia;

use hearth_store::StoreError;

/// Why something about an account can't be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The token is unknown, or past its end (`soft_logout`: the device may refresh or log in again).
    #[error("unknown token")]
    UnknownToken {
        /// The device and its keys are still there.
        soft_logout: bool,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
