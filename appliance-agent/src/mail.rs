//! The mail relay: its form, its password's file, and the test message.

use crate::{
    app::{App, blocking},
    homeserver::{MailSettings, SettingsChange},
    jobs::{Kind, Progress},
    problem::Problem,
    setup,
    state::Relay,
};
use hearth_system::atomic;
use http::StatusCode;
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc};

const TEST: Kind = Kind { name: "mail", group: "mail", steps: &["connect", "send"], joins: false, once: false };

fn password_file(app: &App) -> PathBuf {
    app.paths.agent.join("mail-password")
}

/// The relay's password, if there is one.
///
/// # Errors
/// The file's.
pub fn password(app: &App) -> Result<Option<String>, Problem> {
    Ok(atomic::read(&password_file(app))?)
}

/// Keeps the relay's password, or forgets it.
///
/// # Errors
/// The file's.
pub fn keep_password(app: &App, password: Option<&str>) -> Result<(), Problem> {
    match password {
        Some(password) => atomic::write(&password_file(app), password.as_bytes(), 0o600, None)?,
        None => atomic::remove(&password_file(app))?,
    }
    Ok(())
}

/// What the dashboard changed in the homeserver: the password is kept here too, for test messages.
///
/// # Errors
/// The file's.
pub fn follow(app: &App, change: &SettingsChange) -> Result<(), Problem> {
    match &change.mail {
        None => Ok(()),
        Some(None) => keep_password(app, None),
        Some(Some(mail)) => match &mail.password {
            None => Ok(()),
            Some(password) => keep_password(app, Some(password)),
        },
    }
}

/// Judges a form.
///
/// # Errors
/// `invalid_value`
pub fn check(mail: &MailSettings) -> Result<Relay, Problem> {
    let host = setup::domain_name("host", &mail.host).or_else(|problem| {
        // A relay in the home may have an address or a bare name only.
        let host = mail.host.trim();
        let bare = !host.is_empty()
            && host.len() <= 63
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if bare || host.parse::<std::net::IpAddr>().is_ok() { Ok(host.to_owned()) } else { Err(problem) }
    })?;
    if mail.port == 0 {
        return Err(Problem::invalid("port", "This is not a port.", "Usual are 465 with TLS and 587 with STARTTLS."));
    }
    let user = mail.user.trim().to_owned();
    let long = |text: &str| text.len() > 512 || text.contains(['\r', '\n', '\0']);
    if long(&user) {
        return Err(Problem::invalid("user", "This can't be an account's name.", "Copy it from your mail provider."));
    }
    if mail.password.as_deref().is_some_and(long) {
        return Err(Problem::invalid("password", "This can't be a password.", "Copy it from your mail provider."));
    }
    let from = setup::email_address("from", &mail.from)?;
    Ok(Relay { host, port: mail.port, security: mail.security, user, from })
}

/// A relay in the homeserver's form, without its password.
#[must_use]
pub fn settings(relay: &Relay) -> MailSettings {
    MailSettings {
        host: relay.host.clone(),
        port: relay.port,
        security: relay.security,
        user: relay.user.clone(),
        password: None,
        from: relay.from.clone(),
    }
}

/// Starts a job that sends one message.
///
/// # Errors
/// `no_mail`, `invalid_value`, `busy`
pub fn start_test(app: &Arc<App>, mail: Option<MailSettings>, to: &str) -> Result<String, Problem> {
    let to = setup::email_address("to", to)?;
    let Some(mut mail) = mail else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "no_mail",
            "No mail relay is set.",
            "Fill in the form and save it first.",
        ));
    };
    if mail.password.is_none() {
        mail.password = password(app)?;
    }
    let worker = Arc::clone(app);
    app.jobs.start(TEST, move |progress| test(worker, progress, mail, to))
}

async fn test(app: Arc<App>, progress: Progress, mail: MailSettings, to: String) -> Result<Value, Problem> {
    progress.begin("connect");
    progress.detail("connect", format!("{}:{}", mail.host, mail.port));
    let input = serde_json::to_vec(&mail).map_err(|error| Problem::internal(&error))?;
    let system = Arc::clone(&app.system);
    let address = to.clone();
    let output = blocking(move || {
        // The address is no secret; the password goes by standard input.
        let arguments = ["send-test-mail", "--to", &address];
        system.run_homeserver(&arguments, &mut input.as_slice()).map_err(Problem::from)
    })
    .await?;
    if output.success {
        progress.begin("send");
        return Ok(json!({ "to": to }));
    }
    let words = output.stderr.trim();
    Err(Problem::new(
        StatusCode::BAD_GATEWAY,
        "mail_failed",
        if words.is_empty() { "The message could not be sent." } else { words },
        "Compare host, port, protection, account and password with what your mail provider says.",
    )
    .with("detail", words))
}
