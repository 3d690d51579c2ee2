//! A certificate for the public name: from the box's own authority, or by ACME.

use super::servers::{Agent, Behind};
use crate::{
    app::{App, blocking},
    jobs::{Kind, Progress},
    problem::Problem,
    setup,
    state::{CertificateChoice, CertificateKind, Phase},
};
use hearth_certificates::{
    Hosts,
    acme::{self, Challenges, Request, Server, StepState, TlsPlace},
    renewal::{self, Attempts},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

const CERTIFICATE: Kind = Kind {
    name: "certificate",
    group: "certificate",
    steps: &["account", "order", "challenge", "issue", "install"],
    joins: false,
    once: false,
};

/// What was chosen, in the wizard or on the dashboard.
#[derive(Debug, Clone)]
pub enum Choice {
    /// The box's own authority.
    Local,
    /// ACME, with the address that the authority may write to.
    Acme {
        /// Empty: none.
        email: Option<String>,
    },
}

/// Starts getting the certificate that was chosen.
///
/// # Errors
/// `name_missing`, `invalid_value`, `busy`
pub fn choose(app: &Arc<App>, kind: CertificateKind, email: Option<&str>) -> Result<String, Problem> {
    let host = host(app)?;
    let choice = match kind {
        CertificateKind::Local => Choice::Local,
        CertificateKind::Acme => Choice::Acme {
            email: email
                .filter(|email| !email.trim().is_empty())
                .map(|email| setup::email_address("email", email))
                .transpose()?,
        },
    };
    start(app, choice, host)
}

/// Starts getting the same kind of certificate anew.
///
/// # Errors
/// As [`choose`].
pub fn renew(app: &Arc<App>) -> Result<String, Problem> {
    let host = host(app)?;
    start(app, chosen(app), host)
}

fn start(app: &Arc<App>, choice: Choice, host: String) -> Result<String, Problem> {
    let worker = Arc::clone(app);
    app.jobs.start(CERTIFICATE, |job| async move { get(&worker, choice, &host, &job).await })
}

/// What was chosen last and came about: a choice that failed leaves the one before in force.
pub(super) fn chosen(app: &App) -> Choice {
    app.store.read(|state| match &state.setup.certificate {
        Some(CertificateChoice { kind: CertificateKind::Acme, email, .. }) => Choice::Acme { email: email.clone() },
        _ => Choice::Local,
    })
}

/// The public name.
pub(super) fn host(app: &App) -> Result<String, Problem> {
    app.store.read(|state| state.setup.host.clone()).ok_or_else(|| {
        Problem::new(StatusCode::CONFLICT, "name_missing", "The box has no public name yet.", "Choose the name first.")
    })
}

/// Gets a certificate and puts it in place, and notes how that went.
pub(super) async fn get(app: &Arc<App>, choice: Choice, host: &str, job: &Progress) -> Result<Value, Problem> {
    let (kind, email, result) = match choice {
        Choice::Local => (CertificateKind::Local, None, local(app, host, job).await),
        Choice::Acme { email } => {
            let result = from_outside(app, host, email.clone(), job).await;
            (CertificateKind::Acme, email, result)
        }
    };
    let worker = Arc::clone(app);
    blocking(move || {
        worker.certificates.look_at_public();
        Ok(())
    })
    .await?;
    let now = app.now_ms();
    let random = u64::from_le_bytes(app.random.bytes());
    let choice = CertificateChoice { kind, email, names: vec![host.to_owned()] };
    app.store.change(|state| {
        let certificate = &mut state.certificate;
        match &result {
            Ok(()) => {
                *certificate = Default::default();
                state.setup.certificate = Some(choice);
            }
            Err((problem, retry_at_ms)) => {
                let attempts = Attempts { failures: certificate.failures, not_before_ms: certificate.not_before_ms };
                let attempts = attempts.failed(now, *retry_at_ms, random);
                certificate.failures = attempts.failures;
                certificate.not_before_ms = attempts.not_before_ms;
                certificate.last_error = Some(problem.message.clone());
            }
        }
    })?;
    result.map_err(|(problem, _)| problem)?;
    let details = app.certificates.public();
    tracing::info!(host, ?kind, "the public name has a new certificate");
    Ok(json!({ "not_after_ms": details.map(|details| details.not_after_ms) }))
}

/// A failure, and when the authority wants to be asked again.
type Failure = (Problem, Option<u64>);

async fn local(app: &Arc<App>, host: &str, job: &Progress) -> Result<(), Failure> {
    for step in ["account", "order", "challenge"] {
        job.done(step);
    }
    job.begin("issue");
    let (worker, name) = (Arc::clone(app), host.to_owned());
    let pair = blocking(move || sign(&worker, &name)).await.map_err(|problem| (problem, None))?;
    install(app, &pair, host, job).await
}

/// Has the box's own authority sign for the public name where that was chosen, or where there is no certificate for it at all: after a restore
/// the one of the former box's authority is worth nothing. For a homeserver that is not running. Blocks.
///
/// # Errors
/// The files'.
pub fn place_local_if_chosen(app: &App) -> Result<(), Problem> {
    let host = host(app)?;
    let certificates = &app.certificates;
    certificates.look_at_public();
    let covers = certificates.public().is_some_and(|details| details.names.contains(&host));
    let local = matches!(chosen(app), Choice::Local);
    let is_ours = certificates.public().is_some_and(|details| {
        certificates.with_authority(|authority| details.kind(authority)) == hearth_certificates::Kind::Local
    });
    if covers && (is_ours || !local) {
        return Ok(());
    }
    let pair = sign(app, &host)?;
    certificates.public.replace(&pair)?;
    certificates.look_at_public();
    tracing::info!(host, "the box's own certificate is in place for the public name");
    Ok(())
}

fn sign(app: &App, host: &str) -> Result<hearth_certificates::Pair, Problem> {
    let now = app.now_ms();
    let hosts = Hosts { names: vec![host.to_owned()], addresses: Vec::new() };
    app.certificates.with_authority(|authority| {
        authority.permit(host, now)?;
        authority.issue(&hosts, now).map_err(Problem::from)
    })
}

async fn from_outside(app: &Arc<App>, host: &str, email: Option<String>, job: &Progress) -> Result<(), Failure> {
    let certificates = &app.certificates;
    let failed = |error: acme::AcmeError| {
        let retry_at_ms = error.retry_at_ms();
        (Problem::from(error), retry_at_ms)
    };
    // A renewal says so, which authorities count more kindly.
    let replaces = certificates.public.current().ok().flatten().filter(|pair| {
        pair.details().is_ok_and(|details| {
            certificates.with_authority(|authority| details.kind(authority)) == hearth_certificates::Kind::Acme
        })
    });
    let request = Request { names: vec![host.to_owned()], email, agreed: true, replaces };
    let plan = certificates.acme.plan(request, app.now_ms(), app.system.time_trusted()).map_err(failed)?;
    let tls = if app.store.phase() == Phase::Ready {
        TlsPlace::Folder(certificates.challenge.clone(), Some(certificates.owner))
    } else {
        TlsPlace::Resolver(Arc::clone(&certificates.resolver))
    };
    let challenges = Challenges { http: Some(Arc::clone(&certificates.tokens)), tls: Some(tls) };
    let pair = certificates.acme.execute(&plan, &challenges, &report(job)).await.map_err(failed)?;
    install(app, &pair, host, job).await
}

async fn install(app: &Arc<App>, pair: &hearth_certificates::Pair, host: &str, job: &Progress) -> Result<(), Failure> {
    let server: Box<dyn Server> = if app.store.phase() == Phase::Ready {
        Box::new(Behind { homeserver: app.homeserver.clone(), https: app.config.https })
    } else {
        Box::new(Agent(Arc::clone(app)))
    };
    // A stopped homeserver finds the new certificate when it starts.
    let report = report(job);
    let done = acme::install(&app.certificates.public, pair, host, app.now_ms(), &*server, &report).await;
    done.map_err(|error| (error.into(), None))
}

fn report(job: &Progress) -> impl Fn(acme::Progress) + Send + Sync + 'static {
    let job = job.clone();
    move |acme::Progress { step, state, detail }| {
        let name = step.name();
        match state {
            StepState::Running => job.begin(name),
            StepState::Done => job.done(name),
            StepState::Warning => {}
        }
        if let Some(detail) = detail {
            job.detail(name, detail);
        }
    }
}

/// When the certificate in use is to be renewed, in milliseconds since the epoch.
pub(super) fn due_ms(app: &App, window: Option<renewal::Window>) -> Option<u64> {
    let details = app.certificates.public()?;
    // From the certificate itself, so that the moment stays the same with each question.
    let random = details.not_after_ms.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let due = renewal::due_ms(details.not_before_ms, details.not_after_ms, window, random);
    let attempts = app.store.read(|state| Attempts {
        failures: state.certificate.failures,
        not_before_ms: state.certificate.not_before_ms,
    });
    Some(attempts.next_ms(due, app.now_ms()))
}
