//! Mail addresses of accounts. An address belongs to one account at most.
//! <https://spec.matrix.org/v1.19/client-server-api/#adding-account-administrative-contact-information>

use super::{AccountError, users};
use hearth_store::{
    Change, Read,
    records::EmailRecord,
    tables::{EMAILS, USER_EMAILS},
};
use ruma::{OwnedUserId, UserId};

/// Addresses that an account may have.
pub const MOST: usize = 20;

/// An address that its owner has confirmed.
#[derive(Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The form in which addresses are compared.
    pub canonical: String,
    /// As it was written in what was confirmed.
    pub written: String,
    /// Milliseconds since the Unix epoch.
    pub validated_at: u64,
}

/// Whose address it is, for as long as the account can be used. `canonical` is the form in which addresses are compared.
///
/// # Errors
/// [`AccountError::Store`]
pub fn owner(read: &impl Read, canonical: &str) -> Result<Option<OwnedUserId>, AccountError> {
    let Some(record) = read.get(EMAILS, canonical)? else { return Ok(None) };
    let Ok(user) = UserId::parse(record.user) else { return Ok(None) };
    Ok(users::is_active(read, &user)?.then_some(user))
}

/// Whose address was confirmed: of the very way of writing it that belongs to the account.
///
/// # Errors
/// [`AccountError::Store`]
pub fn owner_of(read: &impl Read, email: &Confirmed) -> Result<Option<OwnedUserId>, AccountError> {
    if written(read, &email.canonical)?.as_ref() != Some(&email.written) {
        return Ok(None);
    }
    owner(read, &email.canonical)
}

/// Where letters to an address go: to what was confirmed, and not to another way of writing it, which may be somebody
/// else's letter box.
///
/// # Errors
/// [`AccountError::Store`]
pub fn written(read: &impl Read, canonical: &str) -> Result<Option<String>, AccountError> {
    Ok(read.get(EMAILS, canonical)?.map(|record| record.address))
}

/// The addresses of a user with their records, in their order.
///
/// # Errors
/// [`AccountError::Store`]
pub fn of_user(read: &impl Read, user: &UserId) -> Result<Vec<(String, EmailRecord)>, AccountError> {
    let mut found = Vec::new();
    for row in read.prefix(USER_EMAILS, (user.as_str(),))? {
        let ((_, address), ()) = row?;
        let record = read.get(EMAILS, address.as_str())?;
        found.extend(record.map(|record| (address, record)));
    }
    Ok(found)
}

/// Nobody else has the address, and the user has room for it.
///
/// # Errors
/// [`AccountError::EmailInUse`], [`AccountError::TooManyEmails`]
pub fn check_free(read: &impl Read, canonical: &str, user: &UserId) -> Result<(), AccountError> {
    match read.get(EMAILS, canonical)? {
        Some(record) if record.user == user.as_str() => Ok(()),
        Some(_) => Err(AccountError::EmailInUse),
        None if of_user(read, user)?.len() >= MOST => Err(AccountError::TooManyEmails),
        None => Ok(()),
    }
}

/// Gives a user an address. One that the user has already is confirmed anew.
///
/// # Errors
/// As [`check_free`].
pub fn add(change: &mut Change<'_>, user: &UserId, email: &Confirmed, now: u64) -> Result<(), AccountError> {
    // Checked here again: changes run one after another, so of two that want an address one comes second.
    check_free(change, &email.canonical, user)?;
    let added_at = change.get(EMAILS, email.canonical.as_str())?.map_or(now, |record| record.added_at);
    let record = EmailRecord {
        user: user.to_string(),
        address: email.written.clone(),
        validated_at: email.validated_at,
        added_at,
    };
    change.put(EMAILS, email.canonical.as_str(), &record)?;
    Ok(change.put(USER_EMAILS, (user.as_str(), email.canonical.as_str()), &())?)
}

/// Takes an address from a user. One that the user hasn't got is not touched.
///
/// # Errors
/// [`AccountError::Store`]
pub fn remove(change: &mut Change<'_>, user: &UserId, canonical: &str) -> Result<(), AccountError> {
    if change.delete(USER_EMAILS, (user.as_str(), canonical))? {
        change.delete(EMAILS, canonical)?;
    }
    Ok(())
}

/// Takes all addresses from a user.
///
/// # Errors
/// [`AccountError::Store`]
pub fn remove_all(change: &mut Change<'_>, user: &UserId) -> Result<(), AccountError> {
    for (address, _) in of_user(change, user)? {
        remove(change, user, &address)?;
    }
    Ok(())
}

impl std::fmt::Debug for Confirmed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Confirmed")
    }
}
