//! What `GET /api/setup` shows.

use crate::{
    app::App,
    mail,
    problem::Problem,
    state::{Backup, CertificateKind, Mail, Phase, Security, SignUp},
};
use hearth_system::Plan;
use serde::Serialize;
use std::net::IpAddr;

/// The wizard's steps, and what may be chosen.
#[derive(Debug, Serialize)]
pub struct View {
    steps: Steps,
    time_zones: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Steps {
    locale: Locale,
    network: Network,
    name: Name,
    administrator: Administrator,
    registration: Registration,
    mail: MailStep,
    certificate: Certificate,
    backup: BackupStep,
    apply: Apply,
}

#[derive(Debug, Serialize)]
struct Locale {
    done: bool,
    language: Option<String>,
    time_zone: Option<String>,
}

/// The network: what was chosen, and what is in force.
#[derive(Debug, Serialize)]
pub struct Network {
    done: bool,
    mode: &'static str,
    address: Option<String>,
    gateway: Option<IpAddr>,
    dns: Vec<IpAddr>,
    current: Current,
    trial_ends_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Current {
    addresses: Vec<String>,
    gateway: Option<IpAddr>,
    dns: Vec<IpAddr>,
}

#[derive(Debug, Serialize)]
struct Name {
    done: bool,
    server_name: Option<String>,
    host: Option<String>,
}

#[derive(Debug, Serialize)]
struct Administrator {
    done: bool,
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Registration {
    done: bool,
    mode: Option<SignUp>,
}

#[derive(Debug, Serialize)]
struct MailStep {
    done: bool,
    skipped: bool,
    host: Option<String>,
    port: Option<u16>,
    security: Option<Security>,
    user: Option<String>,
    from: Option<String>,
    has_password: bool,
}

#[derive(Debug, Serialize)]
struct Certificate {
    done: bool,
    kind: Option<CertificateKind>,
    email: Option<String>,
    expires_at: Option<u64>,
}

#[derive(Debug, Serialize)]
struct BackupStep {
    done: bool,
    skipped: bool,
    disk: Option<String>,
    confirmed: bool,
}

#[derive(Debug, Serialize)]
struct Apply {
    done: bool,
}

/// All of it.
///
/// # Errors
/// The machine's.
pub async fn view(app: &App) -> Result<View, Problem> {
    let time_zones = app.machine(|system| system.time_zones()).await?;
    let network = network(app).await?;
    let has_password = mail::password(app)?.is_some();
    let expires_at = app.certificates.public().map(|certificate| certificate.not_after_ms);
    let steps = app.store.read(|state| {
        let setup = &state.setup;
        let relay = match &setup.mail {
            Some(Mail::Relay(relay)) => Some(relay),
            _ => None,
        };
        let backup_disk = match &setup.backup {
            Some(Backup::Volume { disk, .. }) => Some(disk.clone()),
            _ => state.unconfirmed.as_ref().map(|fresh| fresh.disk.clone()),
        };
        Steps {
            locale: Locale {
                done: setup.locale.is_some(),
                language: setup.locale.as_ref().map(|locale| locale.language.clone()),
                time_zone: setup.locale.as_ref().map(|locale| locale.time_zone.clone()),
            },
            network,
            name: Name {
                done: setup.server_name.is_some(),
                server_name: setup.server_name.clone(),
                host: setup.host.clone(),
            },
            administrator: Administrator {
                done: setup.administrator.is_some(),
                name: setup.administrator.as_ref().map(|administrator| administrator.name.clone()),
            },
            registration: Registration { done: setup.registration.is_some(), mode: setup.registration },
            mail: MailStep {
                done: setup.mail.is_some(),
                skipped: setup.mail == Some(Mail::Skipped),
                host: relay.map(|relay| relay.host.clone()),
                port: relay.map(|relay| relay.port),
                security: relay.map(|relay| relay.security),
                user: relay.map(|relay| relay.user.clone()),
                from: relay.map(|relay| relay.from.clone()),
                has_password: has_password && relay.is_some(),
            },
            certificate: Certificate {
                done: setup.certificate.is_some(),
                kind: setup.certificate.as_ref().map(|choice| choice.kind),
                email: setup.certificate.as_ref().and_then(|choice| choice.email.clone()),
                expires_at: expires_at.filter(|_| setup.certificate.is_some()),
            },
            backup: BackupStep {
                done: setup.backup.is_some(),
                skipped: setup.backup == Some(Backup::Skipped),
                disk: backup_disk,
                confirmed: matches!(setup.backup, Some(Backup::Volume { .. })),
            },
            apply: Apply { done: state.phase == Phase::Ready },
        }
    });
    Ok(View { steps, time_zones })
}

/// The network's step alone; the dashboard shows it too.
///
/// # Errors
/// The machine's.
pub async fn network(app: &App) -> Result<Network, Problem> {
    let now = app.machine(|system| system.network()).await?;
    let kept = app.machine(|system| system.network_plan()).await?;
    let done = app.store.read(|state| state.setup.network.is_some());
    let current = Current { addresses: now.addresses, gateway: now.gateway, dns: now.dns };
    let trial = app.trial.running();
    let trial_ends_ms = trial.as_ref().map(|(_, ends_ms)| *ends_ms);
    Ok(match trial.map_or(kept, |(plan, _)| plan) {
        Plan::Auto => {
            Network { done, mode: "auto", address: None, gateway: None, dns: Vec::new(), current, trial_ends_ms }
        }
        Plan::Static { address, gateway, dns } => Network {
            done,
            mode: "static",
            address: Some(address),
            gateway: Some(gateway),
            dns,
            current,
            trial_ends_ms,
        },
    })
}
