//! What goes over the admin socket. `docs/appliance.md` has the table.

use crate::state::{Security, SignUp};
use serde::{Deserialize, Serialize};

/// `GET /v1/health`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Health {
    /// The part after the colon of every user id.
    pub server_name: String,
    /// The server's version.
    pub version: String,
    /// The database's schema.
    pub schema: u32,
    /// The newest position of the change log.
    pub position: u64,
    /// Accounts.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Who may sign up.
    pub registration: SignUp,
    /// Whether there is a mail relay.
    pub mail: bool,
    /// The time of the newest event, in milliseconds since the epoch.
    pub newest_event_ts: Option<u64>,
    /// Bytes of the database file.
    pub database_bytes: u64,
}

/// `GET /v1/settings`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Who may sign up.
    pub registration: SignUp,
    /// The mail relay without its password.
    pub mail: Option<MailSettings>,
}

/// A mail relay; the password is only ever sent, never received.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The account there; empty where none is needed.
    #[serde(default)]
    pub user: String,
    /// Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The sender's address.
    pub from: String,
}

impl std::fmt::Debug for MailSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("MailSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// `PUT /v1/settings`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    /// Left out: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<SignUp>,
    /// Left out: unchanged; null: no mail.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub mail: Option<Option<MailSettings>>,
}

/// Tells null from what is left out.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<MailSettings>>, D::Error> {
    Option::<MailSettings>::deserialize(value).map(Some)
}

/// `POST /v1/login`
#[derive(Debug, Clone, Deserialize)]
pub struct Login {
    /// The user's id.
    pub user_id: String,
    /// Whether the user is an administrator.
    pub admin: bool,
}

/// An invitation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// What is typed when signing up.
    pub token: String,
    /// How many may sign up by it; none: any number.
    pub uses_allowed: Option<u64>,
    /// How many have.
    pub completed: u64,
    /// When it ends, in milliseconds since the epoch.
    pub expires_at: Option<u64>,
}

/// `GET /v1/invitations`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitations {
    /// All of them.
    pub invitations: Vec<Invitation>,
}

/// `POST /v1/invitations`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// As [`Invitation::uses_allowed`].
    #[serde(default)]
    pub uses_allowed: Option<u64>,
    /// As [`Invitation::expires_at`].
    #[serde(default)]
    pub expires_at: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_left_out_is_not_mail_taken_away() {
        let change: SettingsChange = serde_json::from_str("{}").unwrap();
        assert!(change.mail.is_none());
        assert_eq!(serde_json::to_string(&change).unwrap(), "{}");
        let change: SettingsChange = serde_json::from_str(r#"{"mail": null}"#).unwrap();
        assert!(matches!(change.mail, Some(None)));
        assert_eq!(serde_json::to_string(&change).unwrap(), r#"{"mail":null}"#);
    }

    #[test]
    fn a_password_never_shows_itself() {
        let mail: MailSettings = serde_json::from_str(
            r#"{"host": "h", "port": 25, "security": "tls", "user": "u", "password": "secret", "from": "a@b"}"#,
        )
        .unwrap();
        assert!(!format!("{mail:?}").contains("secret"));
    }
}
