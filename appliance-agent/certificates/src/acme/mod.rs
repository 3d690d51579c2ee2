//! A certificate for the public name from an authority outside (ACME, RFC 8555).
//!
//! [`Acme::plan`] says what will be done and refuses what can't work, [`Acme::execute`] does it and reports each
//! [`Step`], [`install`] puts the result in place and takes it back where it does not serve.
//!
//! What is kept in the folder (mode 0700, each file 0600):
//!
//! | file | what |
//! | --- | --- |
//! | `account.json` | the account with its key |
//! | `order.json`, `order-key.pem` | the order under way, so that one survives a power cut; gone when it ends |
//! | `method` | which challenge worked last, to be tried first |

mod account;
mod client;
mod error;
mod host;
mod install;
mod order;
mod pending;
mod plan;
mod problem;

pub use error::{AcmeError, Refusal, Why};
pub use host::{ChallengeHost, Challenges, HttpTokens, Method, TlsPlace};
pub use install::{Server, install};
pub use plan::{Plan, Progress, Request, Step, StepState};

use crate::{CertificateError, Pair, renewal::Window};
use client::Client;
use instant_acme::CertificateIdentifier;
use std::{path::PathBuf, time::Duration};

/// Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Which authority is asked, and what is kept where.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The authority's directory, `https://…`.
    pub directory: String,
    /// Roots in PEM that are trusted beside the system's, for an authority in a test or a company.
    pub extra_roots_pem: Option<String>,
    /// The folder of the account and the order.
    pub folder: PathBuf,
    /// How long one answer may take.
    pub answer_patience: Duration,
    /// How long the authority may take to look at the challenges, and again to sign.
    pub order_patience: Duration,
}

impl Settings {
    /// Let's Encrypt with this folder.
    #[must_use]
    pub fn lets_encrypt(folder: PathBuf) -> Self {
        Self {
            directory: LETS_ENCRYPT.to_owned(),
            extra_roots_pem: None,
            folder,
            answer_patience: Duration::from_secs(30),
            order_patience: Duration::from_secs(150),
        }
    }
}

/// A client of one authority.
#[derive(Debug)]
pub struct Acme {
    settings: Settings,
    client: Client,
}

impl Acme {
    /// Reads the roots; asks nobody yet.
    ///
    /// # Errors
    /// [`AcmeError::Settings`].
    pub fn new(settings: Settings) -> Result<Self, AcmeError> {
        let client = Client::new(&settings)?;
        Ok(Self { settings, client })
    }

    /// Where the terms of service are to be read, if the authority has some.
    ///
    /// # Errors
    /// [`AcmeError::Unreachable`] and the other troubles of a question.
    pub async fn terms(&self) -> Result<Option<String>, AcmeError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Directory {
            meta: Option<Meta>,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Meta {
            terms_of_service: Option<String>,
        }
        let body = self.client.get(&self.settings.directory).await?;
        let directory: Directory =
            serde_json::from_slice(&body).map_err(|error| AcmeError::Answer { detail: error.to_string() })?;
        Ok(directory.meta.and_then(|meta| meta.terms_of_service))
    }

    /// When the authority would like this certificate to be renewed. `None` where it doesn't say.
    ///
    /// # Errors
    /// [`AcmeError::Unreachable`] and the other troubles of a question; [`AcmeError::Account`] where there is no account yet.
    pub async fn renewal_window(&self, pair: &Pair) -> Result<Option<Window>, AcmeError> {
        let Some(account) = self.known_account().await? else {
            return Err(AcmeError::Account { detail: "there is none".to_owned() });
        };
        let served = pair.served();
        let Some(identifier) = served.cert.first().and_then(|leaf| CertificateIdentifier::try_from(leaf).ok()) else {
            return Ok(None);
        };
        match account.renewal_info(&identifier).await {
            Ok((info, _)) => {
                let ms =
                    |time: time::OffsetDateTime| u64::try_from(time.unix_timestamp()).unwrap_or(0).saturating_mul(1000);
                Ok(Some(Window { start_ms: ms(info.suggested_window.start), end_ms: ms(info.suggested_window.end) }))
            }
            Err(instant_acme::Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(self.client.explain(error)),
        }
    }

    /// Says what [`execute`](Self::execute) will do, and refuses what can't work. `clock_trusted`: the clock has been set
    /// from the network since the box started.
    ///
    /// # Errors
    /// [`AcmeError::ClockUntrusted`], [`Terms`](AcmeError::Terms), [`Name`](AcmeError::Name), [`Email`](AcmeError::Email).
    pub fn plan(&self, request: Request, now_ms: u64, clock_trusted: bool) -> Result<Plan, AcmeError> {
        plan::plan(&self.settings, request, now_ms, clock_trusted)
    }

    /// Asks for the certificate: account, order, challenge, issue. `host` answers the challenges; each method it has is
    /// tried, the one that worked last first.
    ///
    /// # Errors
    /// [`AcmeError`]; nothing that serves has been touched.
    pub async fn execute(
        &self,
        plan: &Plan,
        host: &dyn ChallengeHost,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pair, AcmeError> {
        order::execute(self, plan, host, progress).await
    }
}

/// Files of the folder are the box's own secrets.
fn keep(folder: &std::path::Path, name: &str, bytes: &[u8]) -> Result<(), CertificateError> {
    crate::files::folder(folder, None)?;
    crate::files::replace(&folder.join(name), bytes, 0o600, None)
}
