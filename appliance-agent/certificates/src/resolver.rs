//! Which certificate the agent shows to whom.

use crate::{CertificateError, Pair, pair::covers};
use rustls::{
    ServerConfig,
    crypto::ring,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// The protocol by which an authority asks whether this machine has a name (TLS-ALPN-01, RFC 8737). A connection for
/// which it was agreed is closed after the handshake.
pub const ACME_TLS: &[u8] = b"acme-tls/1";

/// The certificates that the agent serves. What is put in is shown from the next handshake on; connections that are
/// open stay open.
#[derive(Default)]
pub struct Resolver {
    now: RwLock<Shown>,
}

#[derive(Default)]
struct Shown {
    public: Option<Arc<CertifiedKey>>,
    local: Option<Arc<CertifiedKey>>,
    /// By name, while an order waits for its challenge.
    challenges: HashMap<String, Arc<CertifiedKey>>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// With nothing to show yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Shows this to whoever asks for one of its names.
    pub fn set_public(&self, pair: Option<&Pair>) {
        self.change(|shown| shown.public = pair.map(Pair::served));
    }

    /// Shows this to everybody else.
    pub fn set_local(&self, pair: &Pair) {
        self.change(|shown| shown.local = Some(pair.served()));
    }

    /// Answers challenges for this name.
    pub fn put_challenge(&self, name: &str, pair: &Pair) {
        self.change(|shown| shown.challenges.insert(name.to_ascii_lowercase(), pair.served()));
    }

    /// No longer does.
    pub fn remove_challenge(&self, name: &str) {
        self.change(|shown| shown.challenges.remove(&name.to_ascii_lowercase()));
    }

    /// What a listener accepts TLS with: HTTP/2, HTTP/1.1 and challenges.
    ///
    /// # Errors
    /// [`CertificateError::Making`], should rustls and ring not fit together.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, CertificateError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| CertificateError::Making(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), ACME_TLS.to_vec()];
        Ok(Arc::new(config))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Shown) -> T) {
        // Whoever panicked in here had only moved pointers; what is there is whole.
        change(&mut self.now.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.now.read().unwrap_or_else(PoisonError::into_inner);
        let name = hello.server_name();
        // An authority offers this protocol alone. Whoever offers others too gets one of those.
        if hello.alpn().is_some_and(|mut offered| offered.all(|protocol| protocol == ACME_TLS)) {
            return shown.challenges.get(&name?.to_ascii_lowercase()).cloned();
        }
        let public = shown.public.as_ref().filter(|public| name.is_some_and(|name| covers(public, name)));
        public.or(shown.local.as_ref()).or(shown.public.as_ref()).cloned()
    }
}
