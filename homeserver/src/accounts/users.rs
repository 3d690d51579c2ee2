//! Users of this server.

use super::{AccountError, devices, emails, login_tokens};
use hearth_store::{
    Change, Read,
    records::UserRecord,
    tables::{ACCOUNT_DATA, ACCOUNT_DATA_LOG, FILTERS, PROFILES, USERS},
};
use ruma::{OwnedDeviceId, OwnedUserId, ServerName, UserId};

/// The user of this server whom somebody means by a full user id or by the part before the colon.
/// People write their names as they like, so capitals count as small letters where no such
/// user exists with capitals.
///
/// # Errors
/// [`AccountError::Store`]
pub fn by_identifier(
    read: &impl Read,
    identifier: &str,
    server: &ServerName,
) -> Result<Option<OwnedUserId>, AccountError> {
    let Ok(user) = UserId::parse_with_server_name(identifier, server) else { return Ok(None) };
    if user.server_name() != server {
        return Ok(None);
    }
    if read.contains(USERS, user.as_str())? {
        return Ok(Some(user));
    }
    let Ok(small) = UserId::parse(format!("@{}:{server}", user.localpart().to_ascii_lowercase())) else {
        return Ok(None);
    };
    Ok(read.contains(USERS, small.as_str())?.then_some(small))
}

/// The account, deactivated or not.
///
/// # Errors
/// [`AccountError::Store`]
pub fn get(read: &impl Read, user: &UserId) -> Result<Option<UserRecord>, AccountError> {
    Ok(read.get(USERS, user.as_str())?)
}

/// The user has an account here that can be used.
///
/// # Errors
/// [`AccountError::Store`]
pub fn is_active(read: &impl Read, user: &UserId) -> Result<bool, AccountError> {
    Ok(get(read, user)?.is_some_and(|record| !record.deactivated))
}

/// What the user's password has to match, if the user can log in by password.
///
/// # Errors
/// [`AccountError::Store`]
pub fn password_hash(read: &impl Read, user: &UserId) -> Result<Option<String>, AccountError> {
    Ok(get(read, user)?.filter(|record| !record.deactivated).and_then(|record| record.password_hash))
}

/// Sets the user's password by its hash. What was given out by the old one to log in with ends.
///
/// # Errors
/// [`AccountError::NoSuchUser`]
pub fn set_password(change: &mut Change<'_>, user: &UserId, hash: String) -> Result<(), AccountError> {
    login_tokens::end_all(change, user)?;
    store_password(change, user, hash)
}

fn store_password(change: &mut Change<'_>, user: &UserId, hash: String) -> Result<(), AccountError> {
    let mut record = get(change, user)?.filter(|record| !record.deactivated).ok_or(AccountError::NoSuchUser)?;
    record.password_hash = Some(hash);
    Ok(change.put(USERS, user.as_str(), &record)?)
}

/// Stores a password's hash anew with today's parameters, unless the password was changed meanwhile.
///
/// # Errors
/// [`AccountError::Store`]
pub fn rehash_password(change: &mut Change<'_>, user: &UserId, dated: &str, hash: String) -> Result<(), AccountError> {
    match password_hash(change, user)? {
        Some(stored) if stored == dated => store_password(change, user, hash),
        _ => Ok(()),
    }
}

/// Deactivates an account for good: no login, no devices, no private data, no mail addresses. Its name stays taken.
/// Returns the devices that it had, for what higher layers hold of them.
///
/// # Errors
/// [`AccountError::NoSuchUser`]
pub fn deactivate(change: &mut Change<'_>, user: &UserId, erase: bool) -> Result<Vec<OwnedDeviceId>, AccountError> {
    let mut record = get(change, user)?.filter(|record| !record.deactivated).ok_or(AccountError::NoSuchUser)?;
    record.deactivated = true;
    record.erased = erase;
    record.admin = false;
    record.password_hash = None;
    change.put(USERS, user.as_str(), &record)?;
    change.delete_prefix(ACCOUNT_DATA, (user.as_str(),))?;
    change.delete_prefix(ACCOUNT_DATA_LOG, (user.as_str(),))?;
    change.delete_prefix(FILTERS, (user.as_str(),))?;
    emails::remove_all(change, user)?;
    if erase {
        change.delete_prefix(PROFILES, (user.as_str(),))?;
    }
    devices::remove_all(change, user, None)
}

/// Makes a user an administrator, or an ordinary user.
///
/// # Errors
/// [`AccountError::NoSuchUser`], [`AccountError::LastAdministrator`]
pub fn set_admin(change: &mut Change<'_>, user: &UserId, admin: bool) -> Result<(), AccountError> {
    let mut record = get(change, user)?.filter(|record| !record.deactivated).ok_or(AccountError::NoSuchUser)?;
    if !admin {
        check_not_last_administrator(change, user)?;
    }
    record.admin = admin;
    Ok(change.put(USERS, user.as_str(), &record)?)
}

/// Somebody else is an administrator as well, or this user is none.
///
/// # Errors
/// [`AccountError::LastAdministrator`]
pub fn check_not_last_administrator(read: &impl Read, user: &UserId) -> Result<(), AccountError> {
    let (mut is_one, mut others) = (false, false);
    for row in read.prefix(USERS, ())? {
        let (id, record) = row?;
        match id == user.as_str() {
            true => is_one = record.admin,
            false => others |= record.admin && !record.deactivated,
        }
    }
    if is_one && !others { Err(AccountError::LastAdministrator) } else { Ok(()) }
}

/// All accounts, deactivated ones as well.
///
/// # Errors
/// [`AccountError::Store`]
pub fn all(read: &impl Read) -> Result<Vec<(OwnedUserId, UserRecord)>, AccountError> {
    let mut users = Vec::new();
    for row in read.prefix(USERS, ())? {
        let (user, record) = row?;
        users.extend(UserId::parse(user).ok().map(|user| (user, record)));
    }
    Ok(users)
}

/// How many accounts can be used.
///
/// # Errors
/// [`AccountError::Store`]
pub fn count(read: &impl Read) -> Result<u64, AccountError> {
    let mut count = 0;
    for row in read.prefix(USERS, ())? {
        count += u64::from(!row?.1.deactivated);
    }
    Ok(count)
}

/// A user in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The user.
    pub user: OwnedUserId,
    /// As in the profile.
    pub display_name: Option<String>,
    /// As in the profile.
    pub avatar_url: Option<String>,
}

/// Searches local users by name or display name, in the order of their names. Returns up to `limit`,
/// and whether there are more.
///
/// # Errors
/// [`AccountError::Store`]
pub fn search(read: &impl Read, term: &str, limit: usize) -> Result<(Vec<Found>, bool), AccountError> {
    let term = term.to_lowercase();
    let mut found = Vec::new();
    for row in read.prefix(USERS, ())? {
        let (user, record) = row?;
        if record.deactivated {
            continue;
        }
        let text = |field: &str| -> Result<Option<String>, AccountError> {
            let value = read.get(PROFILES, (user.as_str(), field))?;
            Ok(value.and_then(|value| serde_json::from_str(&value).ok()))
        };
        let display_name = text("displayname")?;
        let matches = user.to_lowercase().contains(&term)
            || display_name.as_ref().is_some_and(|name| name.to_lowercase().contains(&term));
        if !matches {
            continue;
        }
        if found.len() == limit {
            return Ok((found, true));
        }
        let avatar_url = text("avatar_url")?;
        if let Ok(user) = UserId::parse(user) {
            found.push(Found { user, display_name, avatar_url });
        }
    }
    Ok((found, false))
}
