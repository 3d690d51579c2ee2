//! Who answers the authority's challenges.

use crate::{CertificateError, Owner, Pair, Resolver, files};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

/// How the box proves that it has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// A file by HTTP on port 80.
    #[serde(rename = "http-01")]
    Http01,
    /// A certificate on port 443 (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

impl Method {
    /// The name in ACME.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    pub(super) fn port_text(self) -> &'static str {
        match self {
            Self::Http01 => "80",
            Self::TlsAlpn01 => "443",
        }
    }
}

/// The agent, as far as it answers challenges. [`Challenges`] is the usual one.
pub trait ChallengeHost: Send + Sync {
    /// Which methods it can answer, the better one first.
    fn methods(&self) -> Vec<Method>;

    /// From now on `GET /.well-known/acme-challenge/TOKEN` on port 80 is answered 200 with `answer`
    /// (`application/octet-stream`), for any `Host`.
    ///
    /// # Errors
    /// [`CertificateError`]
    fn put_http(&self, token: &str, answer: &str) -> Result<(), CertificateError>;

    /// No longer.
    fn remove_http(&self, token: &str);

    /// From now on port 443 shows this certificate to who asks for `name` with the protocol `acme-tls/1` alone.
    ///
    /// # Errors
    /// [`CertificateError`]
    fn put_tls(&self, name: &str, pair: &Pair) -> Result<(), CertificateError>;

    /// No longer.
    fn remove_tls(&self, name: &str);
}

/// The answers to HTTP-01, which the agent's port 80 looks up.
#[derive(Default)]
pub struct HttpTokens(RwLock<HashMap<String, String>>);

impl fmt::Debug for HttpTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpTokens")
    }
}

impl HttpTokens {
    /// What to answer for `/.well-known/acme-challenge/TOKEN`; `None`: 404.
    #[must_use]
    pub fn answer(&self, token: &str) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<String, String>) -> T) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Where answers to TLS-ALPN-01 go: to whom port 443 belongs.
#[derive(Debug, Clone)]
pub enum TlsPlace {
    /// The agent itself.
    Resolver(Arc<Resolver>),
    /// The homeserver, which reads `NAME/certificate.pem` and `NAME/key.pem` in this folder when it is asked.
    Folder(PathBuf, Option<Owner>),
}

/// Answers by the agent's port 80 and whoever has port 443.
#[derive(Debug, Clone, Default)]
pub struct Challenges {
    /// Port 80, where the agent has it.
    pub http: Option<Arc<HttpTokens>>,
    /// Port 443.
    pub tls: Option<TlsPlace>,
}

impl ChallengeHost for Challenges {
    fn methods(&self) -> Vec<Method> {
        // Port 443 has to be open for Matrix anyway, but a wrong answer on port 80 tells more about what is amiss.
        let http = self.http.as_ref().map(|_| Method::Http01);
        http.into_iter().chain(self.tls.as_ref().map(|_| Method::TlsAlpn01)).collect()
    }

    fn put_http(&self, token: &str, answer: &str) -> Result<(), CertificateError> {
        if let Some(tokens) = &self.http {
            tokens.change(|tokens| tokens.insert(token.to_owned(), answer.to_owned()));
        }
        Ok(())
    }

    fn remove_http(&self, token: &str) {
        if let Some(tokens) = &self.http {
            tokens.change(|tokens| tokens.remove(token));
        }
    }

    fn put_tls(&self, name: &str, pair: &Pair) -> Result<(), CertificateError> {
        match &self.tls {
            Some(TlsPlace::Resolver(resolver)) => resolver.put_challenge(name, pair),
            Some(TlsPlace::Folder(folder, owner)) => {
                files::folder(folder, *owner)?;
                pair.write(&folder.join(name.to_ascii_lowercase()), *owner)?;
            }
            None => {}
        }
        Ok(())
    }

    fn remove_tls(&self, name: &str) {
        match &self.tls {
            Some(TlsPlace::Resolver(resolver)) => resolver.remove_challenge(name),
            Some(TlsPlace::Folder(folder, _)) => {
                // What stays is good for this one challenge only, and is replaced by the next.
                if let Err(error) = files::remove_folder(&folder.join(name.to_ascii_lowercase())) {
                    tracing::warn!(%error, "an answer to a challenge stays behind");
                }
            }
            None => {}
        }
    }
}
