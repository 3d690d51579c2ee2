//! `apply`: what the wizard was told takes force. Each step may have been done already: after a power cut in the middle it goes on at the next
//! start, and a second press does no harm.

use crate::{
    app::{App, blocking},
    certificates,
    homeserver::{self, Invitation, Invitations, SettingsChange, part},
    jobs::{Kind, Progress},
    mail, ports,
    problem::Problem,
    replicas,
    state::{Administrator, Mail, Phase, Setup, SignUp},
};
use hearth_system::VolumeId;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const APPLY: Kind = Kind {
    name: "apply",
    group: "volume",
    steps: &["certificate", "homeserver", "administrator", "settings", "replica"],
    joins: true,
    once: false,
};

/// How long the homeserver may take to answer after its start; on a small board a new database takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts it.
///
/// # Errors
/// `setup_incomplete` with `params.steps`, `mail_needed`, `busy`
pub fn start(app: &Arc<App>) -> Result<String, Problem> {
    app.store.read(|state| complete(&state.setup))?;
    app.store.change(|state| state.setup.applying = true)?;
    let worker = Arc::clone(app);
    app.jobs.start(APPLY, |job| async move {
        let result = run(&worker, &job).await;
        if result.is_err() && worker.store.phase() == Phase::Setup {
            // Whoever looks for the page by the box's name finds it again.
            stand_back(&worker).await;
        }
        result
    })
}

/// What is missing.
fn complete(setup: &Setup) -> Result<(), Problem> {
    let steps = [
        ("name", setup.server_name.is_some() && setup.host.is_some()),
        ("administrator", setup.administrator.is_some()),
        ("registration", setup.registration.is_some()),
        ("mail", setup.mail.is_some()),
        ("certificate", setup.certificate.is_some()),
        ("backup", setup.backup.is_some()),
    ];
    let missing: Vec<&str> = steps.iter().filter(|(_, done)| !done).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "setup_incomplete",
            format!("Some steps are not done yet: {}.", missing.join(", ")),
            "Go back to them, or skip those that can be skipped.",
        )
        .with("steps", missing));
    }
    if setup.registration == Some(SignUp::Email) && setup.mail == Some(Mail::Skipped) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "mail_needed",
            "Signing up by e-mail needs a mail relay.",
            "Fill in the mail step, or let people sign up in another way.",
        ));
    }
    Ok(())
}

/// The names may be changed until there is a database that bears them.
///
/// # Errors
/// `already_applied`
pub fn not_begun(app: &App) -> Result<(), Problem> {
    if app.jobs.is_running("volume") && app.store.read(|state| state.setup.applying) {
        return Err(Problem::busy("apply"));
    }
    if app.paths.homeserver.join("hearth.redb").exists() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "already_applied",
            "The server was made already and keeps its name and first administrator.",
            "Finish the setup. To begin anew, reset the box on the dashboard afterwards.",
        ));
    }
    Ok(())
}

async fn run(app: &Arc<App>, job: &Progress) -> Result<Value, Problem> {
    let setup = app.store.read(|state| state.setup.clone());
    job.begin("certificate");
    // The one of the wizard's step is in its place already; should a failing card have lost it, the box's own goes there.
    let worker = Arc::clone(app);
    blocking(move || certificates::place_local_if_chosen(&worker)).await?;
    job.begin("homeserver");
    homeserver(app, &setup).await?;
    job.begin("administrator");
    if let Some(who) = &setup.administrator {
        administrator(app, who).await?;
    }
    job.begin("settings");
    let invitation = settings(app, &setup).await?;
    app.store.change(|state| {
        state.phase = Phase::Ready;
        state.setup.applying = false;
    })?;
    if let Err(problem) = app.machine(|system| system.withdraw()).await {
        tracing::warn!(%problem, "the setup code can't be taken from the boot partition");
    }
    tracing::info!(server_name = setup.server_name, "the box is set up");
    job.begin("replica");
    if let Some(volume) = app.store.read(|state| state.volume.clone()) {
        job.detail("replica", "The first replica is written.");
        // The box is in use whether this one comes about or not; the dashboard tells, and it is tried again.
        match replicas::replicate(app, &VolumeId(volume), &Progress::unwatched()).await {
            Ok(_) => job.done("replica"),
            Err(problem) => job.warn("replica", problem),
        }
    }
    // The draft can't be asked for any more; what the welcome has to say of it goes with the result.
    Ok(json!({
        "server_name": setup.server_name,
        "base_url": app.base_url(),
        "invitation": invitation,
        "administrator": setup.administrator.map(|who| who.name),
        "certificate": setup.certificate.map(|choice| choice.kind),
    }))
}

async fn homeserver(app: &Arc<App>, setup: &Setup) -> Result<(), Problem> {
    let (worker, server_name, host) = (Arc::clone(app), setup.server_name.clone(), setup.host.clone());
    blocking(move || {
        let folder = &worker.paths.homeserver;
        hearth_system::atomic::folder(folder, 0o700, Some(worker.system.homeserver_owner()))?;
        homeserver::write(&worker, folder, server_name.as_deref(), host.as_deref())?;
        certificates::look_at_local(&worker)
    })
    .await?;
    ports::release_https(app).await;
    app.machine(|system| system.start_homeserver()).await?;
    let answers = async {
        loop {
            match app.homeserver.health().await {
                Ok(health) => return health,
                Err(error) => tracing::debug!(%error, "the homeserver does not answer yet"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let health = tokio::time::timeout(PATIENCE, answers)
        .await
        .map_err(|_| Problem::homeserver_unavailable(&"it was started and stays silent"))?;
    if setup.server_name.as_ref() != Some(&health.server_name) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "other_server_name",
            format!("There is a database of another server here: {}.", health.server_name),
            "Use that name, or reset the box to begin anew.",
        )
        .with("server_name", health.server_name));
    }
    Ok(())
}

async fn administrator(app: &Arc<App>, who: &Administrator) -> Result<(), Problem> {
    // No hash: an earlier attempt has made the account.
    let Some(hash) = &who.password_hash else { return Ok(()) };
    let body = json!({ "name": who.name, "password_hash": hash, "admin": true });
    match app.homeserver.send::<Value>(Method::POST, "/v1/users", &body).await {
        Ok(_) => {}
        // Made by an attempt that was cut off before it could say so. Nobody else can have made it: nobody can sign up yet.
        Err(error) if error.is("M_USER_IN_USE") => {
            let path = format!("/v1/users/{}/admin", part(&who.name));
            app.homeserver.send::<Value>(Method::PUT, &path, &json!({ "admin": true })).await?;
        }
        Err(error) => return Err(error.into()),
    }
    app.store.change(|state| {
        if let Some(who) = &mut state.setup.administrator {
            who.password_hash = None;
        }
    })?;
    Ok(())
}

/// Who may sign up, mail, and the first invitation.
async fn settings(app: &Arc<App>, setup: &Setup) -> Result<Option<String>, Problem> {
    let mail = match &setup.mail {
        Some(Mail::Relay(relay)) => {
            let mut settings = mail::settings(relay);
            settings.password = mail::password(app)?;
            Some(settings)
        }
        _ => None,
    };
    let change = SettingsChange { registration: setup.registration, mail: Some(mail) };
    app.homeserver.send::<Value>(Method::PUT, "/v1/settings", &change).await?;
    if setup.registration != Some(SignUp::Token) {
        return Ok(None);
    }
    let Invitations { invitations } = app.homeserver.get("/v1/invitations").await?;
    let token = match invitations.into_iter().next() {
        Some(invitation) => invitation.token,
        None => {
            let body = json!({ "uses_allowed": null, "expires_at": null });
            let made: Invitation = app.homeserver.send(Method::POST, "/v1/invitations", &body).await?;
            made.token
        }
    };
    app.store.change(|state| state.invitation = Some(token.clone()))?;
    Ok(Some(token))
}

/// Gives port 443 back to the agent.
async fn stand_back(app: &Arc<App>) {
    if let Err(problem) = app.machine(|system| system.stop_homeserver()).await {
        tracing::warn!(%problem, "the homeserver could not be stopped");
    }
    if let Err(problem) = ports::take_https(app).await {
        tracing::warn!(%problem, "port 443 could not be taken back");
    }
}
