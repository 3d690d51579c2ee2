//! Signing up.

use super::{
    AccountError,
    devices::{self, Login},
    email_sessions::{self, Credentials},
    emails,
};
use hearth_store::{
    Change, Read,
    records::{EmailPurpose, RegistrationTokenRecord, UserRecord},
    tables::{REGISTRATION_TOKENS, USERS},
};
use ruma::{OwnedUserId, ServerName, UserId};

/// A user name as it would be registered: capitals become small letters, for user ids differ by
/// every byte and people don't. None where the grammar has no such name.
/// <https://spec.matrix.org/v1.19/appendices/#user-identifiers>
#[must_use]
pub fn user_id(name: &str, server: &ServerName) -> Option<OwnedUserId> {
    // Some clients send the full user id; it is only good for this server.
    let localpart = match name.strip_prefix('@') {
        Some(full) => full.strip_suffix(server.as_str())?.strip_suffix(':')?,
        None => name,
    };
    let user = UserId::parse(format!("@{}:{server}", localpart.to_ascii_lowercase())).ok()?;
    // A colon in the name would have moved the border between name and server.
    (user.validate_strict().is_ok() && user.server_name() == server).then_some(user)
}

/// Nobody has the name, and nobody had it.
///
/// # Errors
/// [`AccountError::UserInUse`]
pub fn check_free(read: &impl Read, user: &UserId) -> Result<(), AccountError> {
    if read.contains(USERS, user.as_str())? { Err(AccountError::UserInUse) } else { Ok(()) }
}

/// The registration token may still be used.
///
/// # Errors
/// [`AccountError::Store`]
pub fn token_is_good(read: &impl Read, token: &str, now: u64) -> Result<bool, AccountError> {
    Ok(read.get(REGISTRATION_TOKENS, token)?.is_some_and(|record| {
        record.expires_at.is_none_or(|end| now < end)
            && record.uses_allowed.is_none_or(|allowed| record.completed < allowed)
    }))
}

/// An account to be made.
#[derive(Clone)]
pub struct NewAccount {
    /// Full user id, as [`user_id`] gives it.
    pub user: OwnedUserId,
    /// PHC string.
    pub password_hash: String,
    /// A token of `REGISTRATION_TOKENS` to be used up by one.
    pub token: Option<String>,
    /// A session that proves a mail address, which the account gets.
    pub email: Option<Credentials>,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
    /// Log in right away.
    pub login: Option<Login>,
}

impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccount").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Makes an account. The first one on a server is its administrator.
///
/// # Errors
/// [`AccountError::UserInUse`], [`AccountError::BadRegistrationToken`], [`AccountError::EmailNotConfirmed`],
/// [`AccountError::EmailInUse`]
pub fn register(change: &mut Change<'_>, account: &NewAccount) -> Result<(), AccountError> {
    check_free(change, &account.user)?;
    if let Some(token) = &account.token {
        // Checked here again: changes run one after another, so of two that want a token's last use
        // one comes second.
        if !token_is_good(change, token, account.now)? {
            return Err(AccountError::BadRegistrationToken);
        }
        if let Some(mut record) = change.get(REGISTRATION_TOKENS, token.as_str())? {
            record.completed += 1;
            change.put(REGISTRATION_TOKENS, token.as_str(), &record)?;
        }
    }
    let record = UserRecord {
        password_hash: Some(account.password_hash.clone()),
        created_at: account.now,
        admin: change.first(USERS, ())?.is_none(),
        deactivated: false,
        erased: false,
    };
    change.put(USERS, account.user.as_str(), &record)?;
    if let Some(credentials) = &account.email {
        let email = email_sessions::spend(change, EmailPurpose::SignUp, credentials, account.now)?;
        emails::add(change, &account.user, &email, account.now)?;
    }
    match &account.login {
        Some(login) => devices::log_in(change, &account.user, login),
        None => Ok(()),
    }
}

/// A registration token with its name.
pub type Token = (String, RegistrationTokenRecord);

/// All registration tokens, used up or not.
///
/// # Errors
/// [`AccountError::Store`]
pub fn tokens(read: &impl Read) -> Result<Vec<Token>, AccountError> {
    Ok(read.prefix(REGISTRATION_TOKENS, ())?.collect::<Result<_, _>>()?)
}

/// Stores a new registration token.
///
/// # Errors
/// [`AccountError::Store`]
pub fn add_token(change: &mut Change<'_>, token: &str, record: &RegistrationTokenRecord) -> Result<(), AccountError> {
    Ok(change.put(REGISTRATION_TOKENS, token, record)?)
}

/// Takes a registration token back. Accounts made with it stay.
///
/// # Errors
/// [`AccountError::NoSuchToken`]
pub fn remove_token(change: &mut Change<'_>, token: &str) -> Result<(), AccountError> {
    if change.delete(REGISTRATION_TOKENS, token)? { Ok(()) } else { Err(AccountError::NoSuchToken) }
}
