//! People and their logins: users, passwords, mail addresses, sessions, devices, profiles, account data, filters.

pub mod account_data;
pub mod devices;
pub mod email_sessions;
pub mod emails;
pub mod filters;
pub mod last_seen;
pub mod login_tokens;
pub mod passwords;
pub mod profiles;
pub mod registration;
pub mod sessions;
pub mod uia;
pub mod users;

use crate::mail::MailError;
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
    /// The name is taken, or was once.
    #[error("the user name is taken")]
    UserInUse,
    /// The registration token is unknown, used up or past its end.
    #[error("the registration token is not good")]
    BadRegistrationToken,
    /// A password of more than [`passwords::LONGEST`] bytes.
    #[error("the password is too long")]
    PasswordTooLong,
    /// A password without letters, or a hash of one that can't be taken.
    #[error("the password can't be taken: {0}")]
    BadPassword(&'static str),
    /// There is no such registration token.
    #[error("no such registration token")]
    NoSuchToken,
    /// Somebody has to be an administrator.
    #[error("the last administrator stays one")]
    LastAdministrator,
    /// The mail address belongs to another account.
    #[error("the mail address is in use")]
    EmailInUse,
    /// The account has as many mail addresses as it may.
    #[error("too many mail addresses")]
    TooManyEmails,
    /// Session, secret and purpose don't belong together, or nobody has followed the link.
    #[error("the mail address is not confirmed")]
    EmailNotConfirmed,
    /// The link was never good, or is no longer.
    #[error("the link is not good")]
    BadEmailLink,
    /// No letter can be sent.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// There is no such account any more.
    #[error("no such account")]
    NoSuchUser,
    /// The user has no such device.
    #[error("no such device")]
    NoSuchDevice,
    /// The profile would grow beyond its limit.
    #[error("the profile is too large")]
    ProfileTooLarge,
    /// The account data would grow beyond its limit.
    #[error("too much account data")]
    AccountDataTooLarge,
    /// A row holds JSON that is none.
    #[error("stored JSON can't be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
