//! Tokens of `m.login.token`: good once, for a short time, to log in another device of the same user.
//! <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token>

use super::{AccountError, sessions::TokenHash, users};
use hearth_store::{Change, Read as _, records::LoginTokenRecord, tables::LOGIN_TOKENS};
use ruma::{OwnedUserId, UserId};
use std::time::Duration;

/// How long a login token is good for.
pub const LIFETIME: Duration = Duration::from_secs(2 * 60);

/// Stores a login token.
///
/// # Errors
/// [`AccountError::Store`]
pub fn issue(change: &mut Change<'_>, user: &UserId, token: &TokenHash, now: u64) -> Result<(), AccountError> {
    // Few are ever there at a time, so this is the place to clear away the forgotten ones.
    let mut over = Vec::new();
    for row in change.prefix(LOGIN_TOKENS, ())? {
        let (token, record) = row?;
        if record.expires_at <= now {
            over.push(token);
        }
    }
    for token in over {
        change.delete(LOGIN_TOKENS, token)?;
    }
    let lifetime = u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX);
    let record = LoginTokenRecord { user: user.to_string(), expires_at: now.saturating_add(lifetime) };
    Ok(change.put(LOGIN_TOKENS, token, &record)?)
}

/// Ends all login tokens of a user: one that was asked for on a device that is logged out, or with a password that is no
/// longer good, must not log anybody in. Which device asked is not kept; whoever loses a token that was still meant well
/// asks for another.
///
/// # Errors
/// [`AccountError::Store`]
pub fn end_all(change: &mut Change<'_>, user: &UserId) -> Result<(), AccountError> {
    let mut of_user = Vec::new();
    for row in change.prefix(LOGIN_TOKENS, ())? {
        let (token, record) = row?;
        if record.user == user.as_str() {
            of_user.push(token);
        }
    }
    for token in of_user {
        change.delete(LOGIN_TOKENS, token)?;
    }
    Ok(())
}

/// Spends a login token.
///
/// # Errors
/// [`AccountError::UnknownToken`]
pub fn spend(change: &mut Change<'_>, token: &TokenHash, now: u64) -> Result<OwnedUserId, AccountError> {
    const UNKNOWN: AccountError = AccountError::UnknownToken { soft_logout: false };
    let record = change.get(LOGIN_TOKENS, token)?.ok_or(UNKNOWN)?;
    change.delete(LOGIN_TOKENS, token)?;
    let user = UserId::parse(record.user).map_err(|_| UNKNOWN)?;
    if record.expires_at <= now || !users::is_active(change, &user)? { Err(UNKNOWN) } else { Ok(user) }
}
