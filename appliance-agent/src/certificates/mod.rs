//! Which certificate is in use, how it comes, and when it is renewed.

mod local;
mod order;
mod problem;
mod renew;
mod servers;
mod view;

pub use local::{keep_local, look_at_local};
pub use order::{choose, place_local_if_chosen, renew};
pub use renew::keep_renewing;
pub use view::{View, view};

use crate::{config::Config, problem::Problem};
use hearth_certificates::{
    Authority, Details, Folder, Kind, Owner, Resolver,
    acme::{Acme, HttpTokens, Settings},
};
use hearth_system::{Paths, atomic};
use std::sync::{Arc, Mutex, PoisonError};

/// Authority, certificates and challenges.
#[derive(Debug)]
pub struct Certificates {
    authority: Mutex<Authority>,
    resolver: Arc<Resolver>,
    tokens: Arc<HttpTokens>,
    acme: Acme,
    /// The public name's, which the homeserver serves.
    public: Folder,
    /// The box's own names', which the agent serves.
    local: Folder,
    /// The same for the homeserver.
    homeserver_local: Folder,
    /// Challenges that the homeserver answers.
    challenge: std::path::PathBuf,
    owner: Owner,
    details: Mutex<Option<Details>>,
}

impl Certificates {
    /// Opens or makes the authority, and takes up what certificates there are. Blocks.
    ///
    /// # Errors
    /// The files' and, for the root of a test's authority, the configuration's.
    pub fn open(config: &Config, paths: &Paths, owner: hearth_system::Owner, now_ms: u64) -> Result<Self, Problem> {
        let owner = Owner { uid: owner.uid, gid: owner.gid };
        let (authority, _) = Authority::open(&paths.agent.join("authority"), now_ms)?;
        let extra_roots_pem = match &config.acme.root {
            None => None,
            Some(path) => Some(atomic::read(path)?.ok_or_else(|| {
                Problem::bad_request(format!(
                    "{} is not there: correct [acme] root in the configuration",
                    path.display()
                ))
            })?),
        };
        let mut settings = Settings::lets_encrypt(paths.agent.join("acme"));
        settings.directory.clone_from(&config.acme.directory);
        settings.extra_roots_pem = extra_roots_pem;
        let tls = paths.homeserver.join("tls");
        let certificates = Self {
            authority: Mutex::new(authority),
            resolver: Resolver::new(),
            tokens: Arc::default(),
            acme: Acme::new(settings)?,
            public: Folder::new(&tls, Some(owner)),
            local: Folder::new(paths.agent.join("tls"), None),
            homeserver_local: Folder::new(tls.join("local"), Some(owner)),
            challenge: tls.join("challenge"),
            owner,
            details: Mutex::new(None),
        };
        certificates.public.recover()?;
        certificates.look_at_public();
        Ok(certificates)
    }

    /// What the agent's listeners show.
    pub fn resolver(&self) -> &Arc<Resolver> {
        &self.resolver
    }

    /// The answer to an ACME HTTP-01 challenge.
    pub fn challenge(&self, token: &str) -> Option<String> {
        self.tokens.answer(token)
    }

    /// The public name's certificate, if there is one.
    pub fn public(&self) -> Option<Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the public name's certificate comes from outside.
    pub fn is_from_outside(&self) -> bool {
        self.public().is_some_and(|details| self.with_authority(|authority| details.kind(authority)) == Kind::Acme)
    }

    /// The authority's certificate in PEM.
    pub fn authority_pem(&self) -> String {
        self.with_authority(|authority| authority.certificate_pem().to_owned())
    }

    fn with_authority<T>(&self, look: impl FnOnce(&mut Authority) -> T) -> T {
        look(&mut self.authority.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up what is in the public name's folder now. Blocks.
    pub fn look_at_public(&self) {
        let pair = self.public.current().unwrap_or_else(|error| {
            tracing::error!(%error, "the certificate of the public name can't be read");
            None
        });
        self.resolver.set_public(pair.as_ref());
        let details = pair.and_then(|pair| pair.details().ok());
        *self.details.lock().unwrap_or_else(PoisonError::into_inner) = details;
    }
}
