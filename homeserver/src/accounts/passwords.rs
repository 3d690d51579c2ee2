//! Passwords by argon2id.

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
