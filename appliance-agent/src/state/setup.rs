//! What the wizard was told so far. No secret in clear: the mail relay's password has a file of its own.

use hearth_system::Plan;
use serde::{Deserialize, Serialize};

/// The wizard's steps; a step that holds something is done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Setup {
    /// Language and time zone.
    pub locale: Option<Locale>,
    /// Addresses: by DHCP and SLAAC, or static.
    pub network: Option<Plan>,
    /// The server's name: the part after the colon of every user id.
    pub server_name: Option<String>,
    /// Where the server is reached.
    pub host: Option<String>,
    /// The first administrator.
    pub administrator: Option<Administrator>,
    /// Who may sign up.
    pub registration: Option<SignUp>,
    /// The mail relay, or that there shall be none.
    pub mail: Option<Mail>,
    /// The certificate.
    pub certificate: Option<CertificateChoice>,
    /// The backup volume, or that there shall be none.
    pub backup: Option<Backup>,
    /// `apply` was pressed: after a power cut it goes on by itself.
    pub applying: bool,
}

/// Language and time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locale {
    /// A language tag, `en`.
    pub language: String,
    /// A name of the time zone database, `Europe/Berlin`.
    pub time_zone: String,
}

/// The first administrator.
#[derive(Clone, Serialize, Deserialize)]
pub struct Administrator {
    /// The localpart.
    pub name: String,
    /// The password's argon2id hash; gone once the account is made.
    pub password_hash: Option<String>,
}

impl std::fmt::Debug for Administrator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Administrator").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who may sign up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignUp {
    /// Nobody.
    Closed,
    /// Who has an invitation.
    Token,
    /// Who has an e-mail address.
    Email,
    /// Everybody.
    Open,
}

/// The mail relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "snake_case")]
pub enum Mail {
    /// No mail.
    Skipped,
    /// By this relay.
    Relay(Relay),
}

/// A mail relay without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The account there; empty where none is needed.
    pub user: String,
    /// The sender's address.
    pub from: String,
}

/// How the connection to a relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS.
    Starttls,
    /// Not at all.
    None,
}

/// The certificate of the public name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateChoice {
    /// Whose.
    pub kind: CertificateKind,
    /// Where the authority writes to.
    pub email: Option<String>,
    /// The names it was made for.
    pub names: Vec<String>,
}

/// Who signs the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateKind {
    /// The box's own authority.
    Local,
    /// An authority that everybody trusts, by ACME.
    Acme,
}

/// The backup volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "snake_case")]
pub enum Backup {
    /// No backup yet; the dashboard reminds of it.
    Skipped,
    /// This volume, whose recovery key was typed back.
    Volume {
        /// The volume's name.
        name: String,
        /// The disk's id.
        disk: String,
    },
}
