//! Access and refresh tokens. Only their hashes are stored.
//! <https://spec.matrix.org/v1.19/client-server-api/#client-authentication>

use super::AccountError;
use crate::clock::Random;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hearth_store::{
    Change, Read,
    records::{AccessTokenRecord, RefreshTokenRecord, TokenKind},
    tables::{ACCESS_TOKENS, DEVICE_TOKENS, REFRESH_TOKENS, RESTORES},
};
use ruma::{DeviceId, OwnedDeviceId, OwnedUserId, UserId};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fmt, time::Duration};

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// How long an access token is good for, where the client can get another by refreshing.
pub const ACCESS_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long after a restore unknown tokens are answered as those of devices that may log in again, in milliseconds. People
/// are away for some weeks and come back.
const SOFT_AFTER_RESTORE: u64 = 28 * 24 * 60 * 60 * 1_000;
/// Pairs of tokens that one refresh token may have given out before any of them was used. A client
/// asks again where it did not get the answer; more than a few times is a client in a loop.
const UNUSED_SUCCESSORS: usize = 4;

/// A token on its way to the client. It is not stored, and not shown by Debug.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A new token; the prefix tells people and scanners what it is.
    #[must_use]
    pub fn new(prefix: &str, random: &Random) -> Self {
        Self(format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(random.bytes::<32>())))
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        hash(&self.0)
    }

    /// The token itself, for the response.
    #[must_use]
    pub fn reveal(self) -> String {
        self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What is stored of a token. The tokens are random, so a plain hash can't be guessed back.
#[must_use]
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// The tokens that a login gets.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For every request.
    pub access: Secret,
    /// For getting the next pair, where the client knows how.
    pub refresh: Option<Secret>,
    /// When the access token ends, in milliseconds since the Unix epoch.
    expires_at: Option<u64>,
}

impl Tokens {
    /// New tokens. They end only where the client can refresh them: the others would have to ask for
    /// the password again.
    #[must_use]
    pub fn new(random: &Random, now: u64, refreshable: bool) -> Self {
        let lifetime = u64::try_from(ACCESS_LIFETIME.as_millis()).unwrap_or(u64::MAX);
        Self {
            access: Secret::new("hrt", random),
            refresh: refreshable.then(|| Secret::new("hrr", random)),
            expires_at: refreshable.then(|| now.saturating_add(lifetime)),
        }
    }

    /// How long the access token is good for.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_at.map(|_| ACCESS_LIFETIME)
    }
}

/// Whom an access token stands for.
#[derive(Debug, Clone)]
pub struct Session {
    /// The user.
    pub user: OwnedUserId,
    /// The device.
    pub device: OwnedDeviceId,
    /// SHA-256 of the access token.
    pub token: TokenHash,
    /// The token came from a refresh and was never used yet: [`confirm`] it.
    pub unconfirmed: bool,
}

/// Finds the session of an access token. This runs for every request: it reads one row.
///
/// # Errors
/// [`AccountError::UnknownToken`]
pub fn by_access_token(read: &impl Read, token: &str, now: u64) -> Result<Session, AccountError> {
    let token = hash(token);
    let Some(record) = read.get(ACCESS_TOKENS, token)? else { return Err(unknown(read, now)?) };
    if record.expires_at.is_some_and(|end| end <= now) {
        // The device is still there, so its keys must not be thrown away.
        return Err(AccountError::UnknownToken { soft_logout: true });
    }
    let user = UserId::parse(record.user).map_err(|_| AccountError::UnknownToken { soft_logout: false })?;
    Ok(Session { user, device: record.device.into(), token, unconfirmed: record.replaces.is_some() })
}

/// What a token gets that is in no row. By the specification a client then throws its keys away, unless `soft_logout` says
/// that it may log in again and keep them. After a restore there are devices whose tokens are younger than the snapshot:
/// with an access token that lives for an hour every device that refreshes. They are not told apart from those that were
/// logged out, so for some weeks all are told to keep what they have.
fn unknown(read: &impl Read, now: u64) -> Result<AccountError, AccountError> {
    let newest = read.last(RESTORES, ())?;
    // A board whose clock is behind is in these weeks as well.
    let soft_logout = newest.is_some_and(|(_, restore)| now.saturating_sub(restore.at) < SOFT_AFTER_RESTORE);
    Ok(AccountError::UnknownToken { soft_logout })
}

/// Gives a device its tokens. Those that it had are no longer good.
///
/// # Errors
/// [`AccountError::Store`]
pub fn begin(change: &mut Change<'_>, user: &UserId, device: &DeviceId, tokens: &Tokens) -> Result<(), AccountError> {
    end(change, user, device)?;
    store(change, user.as_str(), device.as_str(), tokens, None)
}

/// Takes all tokens of a device.
///
/// # Errors
/// [`AccountError::Store`]
pub fn end(change: &mut Change<'_>, user: &UserId, device: &DeviceId) -> Result<(), AccountError> {
    for (token, kind) in of_device(change, user.as_str(), device.as_str())? {
        remove(change, user.as_str(), device.as_str(), &token, kind)?;
    }
    Ok(())
}

/// Gives new tokens for a refresh token, and says whose they are. The old ones stay good until a new one is used, for the
/// answer may get lost on its way.
///
/// # Errors
/// [`AccountError::UnknownToken`]
pub fn refresh(
    change: &mut Change<'_>,
    token: &TokenHash,
    tokens: &Tokens,
    now: u64,
) -> Result<(OwnedUserId, OwnedDeviceId), AccountError> {
    let Some(record) = change.get(REFRESH_TOKENS, token)? else { return Err(unknown(change, now)?) };
    let user = UserId::parse(&*record.user).map_err(|_| AccountError::UnknownToken { soft_logout: false })?;
    // Using the new refresh token is using what the last refresh gave.
    confirm(change, &record.access)?;

    let mut unused = successors(change, &record.user, &record.device, token)?;
    unused.sort_unstable();
    let surplus = (unused.len() + 1).saturating_sub(UNUSED_SUCCESSORS);
    for pair in unused.into_iter().take(surplus) {
        remove_pair(change, &record.user, &record.device, &pair)?;
    }
    store(change, &record.user, &record.device, tokens, Some(*token))?;
    Ok((user, record.device.into()))
}

/// Notes that an access token from a refresh is in use: the refresh token that it came from, and the
/// access token before it, end now. So do the other pairs that the same refresh token has given out: a client goes on
/// with one, and somebody else's must not stay good.
///
/// # Errors
/// [`AccountError::Store`]
pub fn confirm(change: &mut Change<'_>, access: &TokenHash) -> Result<(), AccountError> {
    let Some(mut record) = change.get(ACCESS_TOKENS, access)? else { return Ok(()) };
    let Some(old) = record.replaces.take() else { return Ok(()) };
    for pair in successors(change, &record.user, &record.device, &old)? {
        if pair.access != *access {
            remove_pair(change, &record.user, &record.device, &pair)?;
        }
    }
    if let Some(replaced) = change.get(REFRESH_TOKENS, old)? {
        remove(change, &replaced.user, &replaced.device, &replaced.access, TokenKind::Access)?;
        remove(change, &replaced.user, &replaced.device, &old, TokenKind::Refresh)?;
    }
    change.put(ACCESS_TOKENS, access, &record)?;
    Ok(())
}

/// Tokens that were given out together. Their order is that of their ends, and so of their beginnings.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    expires_at: Option<u64>,
    access: TokenHash,
    refresh: Option<TokenHash>,
}

/// What a refresh token has given out and nobody has used yet.
fn successors(read: &impl Read, user: &str, device: &str, token: &TokenHash) -> Result<Vec<Pair>, AccountError> {
    let mut pairs = Vec::new();
    let mut refresh_of = BTreeMap::new();
    for (other, kind) in of_device(read, user, device)? {
        match kind {
            TokenKind::Access => {
                let record = read.get(ACCESS_TOKENS, other)?.filter(|record| record.replaces.as_ref() == Some(token));
                pairs.extend(record.map(|record| Pair { expires_at: record.expires_at, access: other, refresh: None }));
            }
            TokenKind::Refresh => {
                refresh_of.extend(read.get(REFRESH_TOKENS, other)?.map(|record| (record.access, other)));
            }
        }
    }
    for pair in &mut pairs {
        pair.refresh = refresh_of.get(&pair.access).copied();
    }
    Ok(pairs)
}

fn remove_pair(change: &mut Change<'_>, user: &str, device: &str, pair: &Pair) -> Result<(), AccountError> {
    remove(change, user, device, &pair.access, TokenKind::Access)?;
    match &pair.refresh {
        Some(refresh) => remove(change, user, device, refresh, TokenKind::Refresh),
        None => Ok(()),
    }
}

fn store(
    change: &mut Change<'_>,
    user: &str,
    device: &str,
    tokens: &Tokens,
    replaces: Option<TokenHash>,
) -> Result<(), AccountError> {
    let access = tokens.access.hash();
    let (user_of, device_of) = (user.to_owned(), device.to_owned());
    let record =
        AccessTokenRecord { user: user_of.clone(), device: device_of.clone(), expires_at: tokens.expires_at, replaces };
    change.put(ACCESS_TOKENS, access, &record)?;
    change.put(DEVICE_TOKENS, (user, device, access), &TokenKind::Access)?;
    if let Some(refresh) = &tokens.refresh {
        let refresh = refresh.hash();
        change.put(REFRESH_TOKENS, refresh, &RefreshTokenRecord { user: user_of, device: device_of, access })?;
        change.put(DEVICE_TOKENS, (user, device, refresh), &TokenKind::Refresh)?;
    }
    Ok(())
}

fn remove(
    change: &mut Change<'_>,
    user: &str,
    device: &str,
    token: &TokenHash,
    kind: TokenKind,
) -> Result<(), AccountError> {
    match kind {
        TokenKind::Access => change.delete(ACCESS_TOKENS, token)?,
        TokenKind::Refresh => change.delete(REFRESH_TOKENS, token)?,
    };
    change.delete(DEVICE_TOKENS, (user, device, *token))?;
    Ok(())
}

fn of_device(read: &impl Read, user: &str, device: &str) -> Result<Vec<(TokenHash, TokenKind)>, AccountError> {
    let mut tokens = Vec::new();
    for row in read.prefix(DEVICE_TOKENS, (user, device))? {
        let ((_, _, token), kind) = row?;
        tokens.push((token, kind));
    }
    Ok(tokens)
}
