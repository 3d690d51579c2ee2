//! The account that this server sends mail by.

use super::SettingsError;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a mail server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// TLS from the first byte, mostly port 465.
    Tls,
    /// TLS after `STARTTLS`, mostly port 587.
    StartTls,
    /// In the clear.
    None,
}

/// How mail is sent. Its password is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Name or address of the mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is reached.
    pub security: MailSecurity,
    /// Name to log in by; empty where no login is wanted.
    pub user: String,
    /// Password to log in with.
    pub password: Option<String>,
    /// The sender: `hearth@example.org`, or `Hearth <hearth@example.org>`.
    pub from: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// A new account; a password that is left out stays the one before.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailChange {
    host: String,
    port: u16,
    security: MailSecurity,
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: Option<String>,
    from: String,
}

impl fmt::Debug for MailChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailChange({}:{})", self.host, self.port)
    }
}

/// A mail account without its password.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'m> {
    host: &'m str,
    port: u16,
    security: MailSecurity,
    user: &'m str,
    from: &'m str,
}

impl MailChange {
    /// The account as it is to be stored.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`]
    pub fn over(self, before: Option<&Mail>) -> Result<Mail, SettingsError> {
        let password = self.password.or_else(|| before.and_then(|before| before.password.clone()));
        let Self { host, port, security, user, from, .. } = self;
        let mail = Mail { host, port, security, user, password, from };
        mail.check()?;
        Ok(mail)
    }
}

impl Mail {
    /// What can be seen from here; whether the server takes it shows when it is tried.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`]
    pub fn check(&self) -> Result<(), SettingsError> {
        let invalid = |words: &str| Err(SettingsError::Invalid(words.to_owned()));
        if self.host.is_empty()
            || self.host.len() > 253
            || self.host.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '/')
        {
            return invalid("The mail server's name must be one as in mail.example.org.");
        }
        if self.port == 0 {
            return invalid("The mail server's port is a number from 1 to 65535; mostly 465 or 587.");
        }
        // A line break would let a header of its own in.
        let wrong = |text: &str, longest: usize| text.len() > longest || text.contains(char::is_control);
        if wrong(&self.from, 320) || self.from.parse::<Mailbox>().is_err() {
            return invalid("The sender must be a mail address as in hearth@example.org.");
        }
        if wrong(&self.user, 320) {
            return invalid("The name to log in to the mail server by has 320 bytes at most, on one line.");
        }
        if self.password.as_ref().is_some_and(|password| password.len() > 1024) {
            return invalid("The password for the mail server has 1024 bytes at most.");
        }
        Ok(())
    }

    pub(super) fn shown(&self) -> Shown<'_> {
        Shown { host: &self.host, port: self.port, security: self.security, user: &self.user, from: &self.from }
    }
}
