//! The first administrator's password, hashed as soon as it is typed.

use crate::{app::blocking, problem::Problem, random::Random};
use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher as _};
use http::StatusCode;

/// KiB of memory and passes, as the homeserver has them for its own.
const MEMORY: u32 = 40 * 1024;
const PASSES: u32 = 1;
/// The shortest password in letters.
const SHORTEST: usize = 8;
/// The longest in bytes.
const LONGEST: usize = 512;

/// Refuses what is too short, or too long to be hashed.
///
/// # Errors
/// `weak_password`
pub fn check(password: &str) -> Result<(), Problem> {
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "weak_password",
            format!("The password needs at least {SHORTEST} letters, and at most {LONGEST}."),
            "Three or four words that do not belong together are good.",
        )
        .with("shortest", SHORTEST));
    }
    Ok(())
}

/// The argon2id PHC string of a password.
///
/// # Errors
/// `weak_password`
pub async fn hash(password: String, random: &Random) -> Result<String, Problem> {
    check(&password)?;
    let salt = random.bytes::<16>();
    blocking(move || {
        let params = Params::new(MEMORY, PASSES, 1, None).map_err(|error| Problem::internal(&error))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = hasher.hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| Problem::internal(&error))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_is_a_phc_string_and_short_passwords_are_refused() {
        let random = Random::seeded(1);
        let hash = super::hash("correct horse".into(), &random).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=40960,t=1,p=1$"), "{hash}");
        for bad in ["seven77".to_owned(), "x".repeat(513)] {
            assert_eq!(super::hash(bad, &random).await.unwrap_err().code, "weak_password");
        }
    }
}
