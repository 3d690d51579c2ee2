//! Passwords by argon2id.

/// Hashes and checks passwords, a few at a time so that logins can't take all memory.
#[derive(Debug, Default)]
pub struct Passwords {}
