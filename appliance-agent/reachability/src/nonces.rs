//! The agent's answer by which the box knows itself again.

use std::{
    collections::HashSet,
    fmt,
    sync::{PoisonError, RwLock},
};

/// `GET /.well-known/hearth-check/NONCE` on port 80 is answered 200 with the nonce itself as `text/plain` while it is
/// put, and 404 otherwise.
pub const NONCE_PATH: &str = "/.well-known/hearth-check/";

/// The agent's port 80, as far as it answers nonces.
pub trait NonceHost: Send + Sync {
    /// From now on this nonce is answered.
    fn put(&self, nonce: &str);
    /// No longer.
    fn remove(&self, nonce: &str);
}

/// The nonces that are answered now.
#[derive(Default)]
pub struct Nonces(RwLock<HashSet<String>>);

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces")
    }
}

impl Nonces {
    /// What to answer for a request's path; `None`: 404.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<String> {
        let nonce = path.strip_prefix(NONCE_PATH)?;
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(nonce).cloned()
    }
}

impl NonceHost for Nonces {
    fn put(&self, nonce: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(nonce.to_owned());
    }

    fn remove(&self, nonce: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(nonce);
    }
}
