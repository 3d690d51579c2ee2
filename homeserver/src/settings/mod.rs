//! What the owner sets while the server runs: who may sign up, and how mail is sent.
//!
//! Kept in the database and in force at once; what is set here goes before the configuration file.
//! [`Settings`] holds the values in force, for whoever has to ask at every request.

mod mail;

pub use mail::{Mail, MailChange, MailSecurity};

use crate::config::Registration;
use hearth_store::{Change, Read, Store, StoreError, tables::SECRETS};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError, RwLock};

/// Name of the row that holds who may sign up.
const REGISTRATION: &str = "setting registration";
/// Name of the row that holds how mail is sent, password included.
const MAIL: &str = "setting mail";

/// Why settings can't be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// What was asked for can't be; the words say why.
    #[error("{0}")]
    Invalid(String),
    /// A row holds JSON that is none.
    #[error("a stored setting can't be read: {0}")]
    Corrupt(#[from] serde_json::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The values in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// Who may sign up.
    pub registration: Registration,
    /// How mail is sent; none where it is not.
    pub mail: Option<Mail>,
}

/// What is to change; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    /// Who may sign up.
    #[serde(default)]
    pub registration: Option<Registration>,
    /// How mail is sent; `null` for not at all.
    #[serde(default, deserialize_with = "present")]
    pub mail: Option<Option<MailChange>>,
}

/// Tells `null` from what was left out.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What the owner may see: everything but the mail password.
#[derive(Debug, Serialize)]
pub struct Shown<'v> {
    registration: Registration,
    mail: Option<mail::Shown<'v>>,
}

impl Values {
    /// For showing.
    #[must_use]
    pub fn shown(&self) -> Shown<'_> {
        Shown { registration: self.registration, mail: self.mail.as_ref().map(Mail::shown) }
    }
}

/// The settings in force. Clones are the same.
#[derive(Debug, Clone)]
pub struct Settings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Who may sign up as long as nobody has set it here.
    registration: Registration,
    values: RwLock<Arc<Values>>,
}

impl Settings {
    /// Reads what is stored; `registration` is what the configuration file says.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn load(store: &Store, registration: Registration) -> Result<Self, SettingsError> {
        let values = read(&store.snapshot()?, registration)?;
        Ok(Self(Arc::new(Inner { registration, values: RwLock::new(Arc::new(values)) })))
    }

    /// The values in force. Costs no more than cloning an `Arc`.
    #[must_use]
    pub fn now(&self) -> Arc<Values> {
        Arc::clone(&self.0.values.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes settings. They are in force once the change is durable, and before whoever made it learns of that.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] for values that can't be together, or are no such values.
    pub fn set(&self, change: &mut Change<'_>, wanted: SettingsChange) -> Result<Arc<Values>, SettingsError> {
        let mut values = read(change, self.0.registration)?;
        if let Some(mail) = wanted.mail {
            values.mail = mail.map(|mail| mail.over(values.mail.as_ref())).transpose()?;
            match &values.mail {
                Some(mail) => change.put(SECRETS, MAIL, &serde_json::to_vec(mail)?)?,
                None => drop(change.delete(SECRETS, MAIL)?),
            }
        }
        if let Some(registration) = wanted.registration {
            values.registration = registration;
            change.put(SECRETS, REGISTRATION, &serde_json::to_vec(&registration)?)?;
        }
        if values.registration == Registration::Email && values.mail.is_none() {
            return Err(SettingsError::Invalid(
                "Signing up by mail address needs a mail account to send from: set `mail` first.".to_owned(),
            ));
        }
        let values = Arc::new(values);
        let (inner, new) = (Arc::clone(&self.0), Arc::clone(&values));
        // Hooks run in the order of the changes, so the newest change is what stays.
        change.on_commit(move || *inner.values.write().unwrap_or_else(PoisonError::into_inner) = new);
        Ok(values)
    }
}

fn read(read: &impl Read, registration: Registration) -> Result<Values, SettingsError> {
    let registration = match read.get(SECRETS, REGISTRATION)? {
        Some(stored) => serde_json::from_slice(&stored)?,
        None => registration,
    };
    let mail = read.get(SECRETS, MAIL)?.map(|stored| serde_json::from_slice(&stored)).transpose()?;
    Ok(Values { registration, mail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_store::Options;
    use serde_json::json;

    fn set(settings: &Settings, store: &Store, wanted: serde_json::Value) -> Result<Arc<Values>, SettingsError> {
        let (settings, wanted) = (settings.clone(), serde_json::from_value(wanted).unwrap());
        store.change_blocking(move |change| settings.set(change, wanted))
    }

    #[test]
    fn what_is_set_is_in_force_at_once_goes_before_the_file_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hearth.redb");
        let store = Store::open(&path, Options::default()).unwrap();
        let settings = Settings::load(&store, Registration::Closed).unwrap();
        assert_eq!(*settings.now(), Values { registration: Registration::Closed, mail: None });
        let mail = json!({
            "host": "mail.example.org", "port": 465, "security": "tls", "user": "hearth", "from": "hearth@example.org",
        });
        let refused = set(&settings, &store, json!({ "registration": "email" })).unwrap_err();
        assert!(matches!(refused, SettingsError::Invalid(_)), "{refused}");
        assert_eq!(settings.now().registration, Registration::Closed, "a refused change changes nothing");

        let mut with_password = mail.clone();
        with_password["password"] = json!("a secret");
        set(&settings, &store, json!({ "registration": "email", "mail": with_password })).unwrap();
        assert_eq!(settings.now().mail.as_ref().unwrap().password.as_deref(), Some("a secret"));
        assert!(set(&settings, &store, json!({ "mail": null })).is_err(), "mail is needed for signing up");
        // Without a password the one before stays.
        let mut other = mail.clone();
        other["port"] = json!(587);
        other["security"] = json!("starttls");
        set(&settings, &store, json!({ "mail": other })).unwrap();
        let now = settings.now();
        let shown = serde_json::to_string(&now.shown()).unwrap();
        assert!(shown.contains("starttls") && !shown.contains("a secret"), "{shown}");
        assert!(!format!("{now:?}").contains("a secret"));

        drop(settings);
        store.close();
        let store = Store::open(&path, Options::default()).unwrap();
        let settings = Settings::load(&store, Registration::Open).unwrap();
        assert_eq!(settings.now(), now);
        assert_eq!(now.mail.as_ref().unwrap().password.as_deref(), Some("a secret"));
        set(&settings, &store, json!({ "registration": "token", "mail": null })).unwrap();
        assert_eq!(*settings.now(), Values { registration: Registration::Token, mail: None });
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("hearth.redb"), Options::default()).unwrap();
        let settings = Settings::load(&store, Registration::Closed).unwrap();
        for wrong in
            [json!({ "registration": "sometimes" }), json!({ "colour": "blue" }), json!({ "mail": { "host": "x" } })]
        {
            serde_json::from_value::<SettingsChange>(wrong).unwrap_err();
        }
        let good = json!({ "host": "h", "port": 25, "security": "none", "user": "", "from": "a@b" });
        for (field, wrong) in [
            ("host", json!("")),
            ("host", json!("a b")),
            ("host", json!("x".repeat(254))),
            ("port", json!(0)),
            ("from", json!("nobody")),
            ("from", json!("a@b\r\nBcc: c@d")),
            ("user", json!("a\nb")),
            ("password", json!("x".repeat(1025))),
        ] {
            let mut mail = good.clone();
            mail[field] = wrong;
            let refused = set(&settings, &store, json!({ "mail": mail })).unwrap_err();
            assert!(matches!(refused, SettingsError::Invalid(_)), "{field}: {refused}");
        }
        set(&settings, &store, json!({ "mail": good })).unwrap();
    }
}
