//! Settings as the owner's programs send them, and what is made of a mail account.

use hearth_homeserver::settings::{MailChange, SettingsChange};

/// Tries one input.
pub fn run(data: &[u8]) {
    drop(serde_json::from_slice::<SettingsChange>(data));
    let Ok(change) = serde_json::from_slice::<MailChange>(data) else { return };
    let Ok(mail) = change.over(None) else { return };
    assert!(!mail.from.contains(char::is_control) && !mail.user.contains(char::is_control), "a line of its own: {mail:?}");
    assert!(mail.port > 0 && !mail.host.is_empty());
    if let Some(password) = mail.password.as_ref().filter(|password| password.len() > 8) {
        assert!(!format!("{mail:?}").contains(password.as_str()) || format!("{}{}", mail.host, mail.from).contains(password.as_str()));
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"{"host":"mail.example.org","port":465,"security":"tls","user":"hearth","password":"a long secret","from":"Hearth <hearth@example.org>"}"#,
        r#"{"host":"10.0.0.1","port":25,"security":"none","from":"a@b"}"#,
        r#"{"registration":"email","mail":null}"#,
        r#"{"registration":"open","mail":{"host":"a","port":0,"security":"starttls","user":"","from":"a@b\r\nBcc: c@d"}}"#,
    ])
}
