//! Passwords by argon2id.

use super::AccountError;
use crate::clock::Random;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, phc::PasswordHash},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// KiB of memory for a hash. Blocks above 32 MiB are returned to the system as soon as they are freed;
/// smaller ones glibc keeps, up to seven of them for each thread that ever checked a password.
const MEMORY: u32 = 40 * 1024;
/// Passes over the memory. One over this much takes an attacker as long as two over half of it.
const PASSES: u32 = 1;
/// Hashes made at the same time.
const AT_ONCE: usize = 2;
/// Logins that may wait for their turn.
const WAITING: usize = 64;
/// Longest password taken, in bytes: hashing has to begin with reading it all.
pub const LONGEST: usize = 512;

/// Largest parameters of a hash that was made elsewhere: what checking a password may take from a small board.
const FOREIGN_MOST: (u32, u32, u32) = (128 * 1024, 16, 4);
/// Least memory of one, in KiB, or it would be too easy to guess.
const FOREIGN_LEAST_MEMORY: u32 = 7 * 1024;

/// Fewest letters of a new password. The agent and the page ask for as many.
pub const SHORTEST: usize = 8;

/// What can be a new password. Whether a long one is good is for the client to say, which can say it while it is typed.
///
/// # Errors
/// [`AccountError::BadPassword`], [`AccountError::PasswordTooLong`]
pub fn check_new(password: &str) -> Result<(), AccountError> {
    if password.chars().take(SHORTEST).count() < SHORTEST {
        return Err(AccountError::BadPassword("A password needs 8 letters at least; several words are good."));
    }
    if password.len() > LONGEST {
        return Err(AccountError::PasswordTooLong);
    }
    Ok(())
}

/// What can be stored as the hash of a password that was hashed elsewhere: a PHC string of argon2id, of parameters that
/// this server can bear and a thief can't break at once.
///
/// # Errors
/// [`AccountError::BadPassword`]
pub fn check_foreign_hash(hash: &str) -> Result<(), AccountError> {
    const WRONG: AccountError = AccountError::BadPassword(
        "This is not a hash that can be taken: a PHC string of argon2id, version 19, with 7 to 128 MiB of memory, 1 to \
         16 passes and 1 to 4 lanes, a salt and an output.",
    );
    let parsed = PasswordHash::new(hash).map_err(|_| WRONG)?;
    let params = Params::try_from(&parsed).map_err(|_| WRONG)?;
    let is_argon2id = parsed.algorithm.as_str() == Algorithm::Argon2id.as_str() && parsed.version == Some(19);
    let has_both = parsed.salt.is_some() && parsed.hash.as_ref().is_some_and(|hash| hash.as_bytes().len() >= 16);
    let (memory, passes, lanes) = FOREIGN_MOST;
    let is_bounded = (FOREIGN_LEAST_MEMORY..=memory).contains(&params.m_cost())
        && (1..=passes).contains(&params.t_cost())
        && (1..=lanes).contains(&params.p_cost());
    if hash.len() <= 256 && is_argon2id && has_both && is_bounded { Ok(()) } else { Err(WRONG) }
}

/// Hashes and checks passwords, a few at a time so that logins can't take all memory.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    queue: Semaphore,
    random: Random,
    /// Hash of no password at all, checked where there is no such user, so that a wrong name takes as
    /// long as a wrong password.
    decoy: Arc<str>,
}

/// What a password is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not the user's, or no such user.
    Wrong,
    /// The user's.
    Right,
    /// The user's, but its hash was made with other parameters than today's: this is a new one to store.
    RightButDated(String),
}

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many logins at once.
    #[error("too many passwords are being checked")]
    Busy,
    /// The algorithm refused.
    #[error("hashing failed: {0}")]
    Failed(String),
}

impl Passwords {
    /// Makes the hasher.
    #[must_use]
    pub fn new(random: &Random) -> Self {
        let salt = STANDARD_NO_PAD.encode(random.bytes::<16>());
        let output = STANDARD_NO_PAD.encode(random.bytes::<32>());
        Self::with_decoy(random, format!("$argon2id$v=19$m={MEMORY},t={PASSES},p=1${salt}${output}"))
    }

    fn with_decoy(random: &Random, decoy: String) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Semaphore::new(WAITING + AT_ONCE),
            random: random.clone(),
            decoy: decoy.into(),
        }
    }

    /// The PHC string to store for a password.
    ///
    /// # Errors
    /// [`PasswordError`]
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let salt = self.random.bytes::<16>();
        self.run(move || hash(password.as_bytes(), &salt)).await
    }

    /// Compares a password with the stored hash of a user, if there is such a user.
    ///
    /// # Errors
    /// [`PasswordError`]
    pub async fn check(&self, password: String, stored: Option<String>) -> Result<Verdict, PasswordError> {
        let decoy = Arc::clone(&self.decoy);
        let salt = self.random.bytes::<16>();
        self.run(move || {
            let Some(stored) = stored else {
                verify(password.as_bytes(), &decoy)?;
                return Ok(Verdict::Wrong);
            };
            if !verify(password.as_bytes(), &stored)? {
                return Ok(Verdict::Wrong);
            }
            if is_current(&stored) {
                Ok(Verdict::Right)
            } else {
                Ok(Verdict::RightButDated(hash(password.as_bytes(), &salt)?))
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(move || {
            // Held by the thread and not by the request: a client that hangs up doesn't free its turn
            // before its hash is done.
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| PasswordError::Failed(error.to_string()))?
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY, PASSES, 1, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8], salt: &[u8]) -> Result<String, PasswordError> {
    Ok(argon2()?.hash_password_with_salt(password, salt).map_err(failed)?.to_string())
}

/// Uses the parameters that stand with the hash.
fn verify(password: &[u8], stored: &str) -> Result<bool, PasswordError> {
    use argon2::password_hash::PasswordVerifier as _;
    let stored = PasswordHash::new(stored).map_err(failed)?;
    match argon2()?.verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn is_current(stored: &str) -> bool {
    PasswordHash::new(stored)
        .ok()
        .and_then(|stored| Params::try_from(&stored).ok())
        .is_some_and(|params| params.m_cost() == MEMORY && params.t_cost() == PASSES && params.p_cost() == 1)
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap(memory: u32) -> String {
        let params = Params::new(memory, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_with_salt(b"secret", b"sixteen bytes ..").unwrap().to_string()
    }

    #[tokio::test]
    async fn a_password_is_checked_with_the_parameters_of_its_hash_and_hashed_anew() {
        let passwords = Passwords::with_decoy(&Random::seeded(1), cheap(64));
        let stored = cheap(128);
        assert_eq!(passwords.check("other".to_owned(), Some(stored.clone())).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.check("secret".to_owned(), None).await.unwrap(), Verdict::Wrong);
        let Verdict::RightButDated(new) = passwords.check("secret".to_owned(), Some(stored)).await.unwrap() else {
            panic!("the parameters differ");
        };
        assert!(new.starts_with(&format!("$argon2id$v=19$m={MEMORY},t={PASSES},p=1$")), "{new}");
        assert_eq!(passwords.check("secret".to_owned(), Some(new)).await.unwrap(), Verdict::Right);
    }

    #[test]
    fn a_new_password_has_eight_letters_at_least() {
        for short in ["", "1234567", "ääääääa"] {
            assert!(matches!(check_new(short), Err(AccountError::BadPassword(_))), "{short}");
        }
        check_new("12345678").unwrap();
        check_new("ääääääää").unwrap();
        check_new(&"x".repeat(LONGEST)).unwrap();
        assert!(matches!(check_new(&"x".repeat(LONGEST + 1)), Err(AccountError::PasswordTooLong)));
    }

    #[test]
    fn a_hash_from_elsewhere_must_be_bearable_and_not_too_cheap() {
        let hash = |algorithm: Algorithm, memory, passes, lanes| {
            let params = Params::new(memory, passes, lanes, None).unwrap();
            let argon2 = Argon2::new(algorithm, Version::V0x13, params);
            // The shape alone counts here, and hashing with these parameters would take its time.
            let made = argon2.params().clone();
            format!(
                "${}$v=19$m={},t={},p={}$c2l4dGVlbiBieXRlcyAuLg$012345678901234567890123456789012345678901A",
                algorithm.as_str(),
                made.m_cost(),
                made.t_cost(),
                made.p_cost()
            )
        };
        check_foreign_hash(&hash(Algorithm::Argon2id, MEMORY, PASSES, 1)).unwrap();
        check_foreign_hash(&hash(Algorithm::Argon2id, 19 * 1024, 2, 1)).unwrap();
        check_foreign_hash(&hash(Algorithm::Argon2id, 128 * 1024, 16, 4)).unwrap();
        for bad in [
            hash(Algorithm::Argon2i, MEMORY, PASSES, 1),
            hash(Algorithm::Argon2id, 129 * 1024, 1, 1),
            hash(Algorithm::Argon2id, 1024, 1, 1),
            hash(Algorithm::Argon2id, MEMORY, 17, 1),
            hash(Algorithm::Argon2id, MEMORY, 1, 5),
            "$argon2id$v=19$m=40960,t=1,p=1$c2l4dGVlbiBieXRlcyAuLg".to_owned(),
            "$argon2id$v=16$m=40960,t=1,p=1$c2l4dGVlbiBieXRlcyAuLg$012345678901234567890123456789012345678901A"
                .to_owned(),
            "a password".to_owned(),
            String::new(),
        ] {
            assert!(check_foreign_hash(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_decoy_costs_what_a_password_costs() {
        assert!(is_current(&Passwords::new(&Random::seeded(1)).decoy));
    }

    #[tokio::test]
    async fn a_crowd_is_turned_away_instead_of_queueing_without_end() {
        let passwords = Arc::new(Passwords::with_decoy(&Random::seeded(1), cheap(64)));
        let held = Arc::clone(&passwords.turns).acquire_many_owned(u32::try_from(AT_ONCE).unwrap()).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..WAITING + AT_ONCE {
            let passwords = Arc::clone(&passwords);
            waiting.push(tokio::spawn(async move { passwords.check("x".to_owned(), None).await }));
        }
        while passwords.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(passwords.check("x".to_owned(), None).await, Err(PasswordError::Busy)));
        drop(held);
        for one in waiting {
            assert_eq!(one.await.unwrap().unwrap(), Verdict::Wrong);
        }
    }
}
