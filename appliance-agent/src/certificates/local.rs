//! The certificate for the box's names and addresses at home.

use super::Certificates;
use crate::{
    app::{App, blocking},
    problem::Problem,
};
use hearth_certificates::{Hosts, keep_local as keep};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Looked at daily, beside the moments when names or addresses change.
const DAILY_MS: u64 = 24 * 60 * 60 * 1000;
/// How often is looked whether addresses changed.
const LOOK: Duration = Duration::from_secs(30);

/// Makes the local certificates where they are not as they should be. Blocks.
///
/// # Errors
/// The files' and the machine's.
pub fn look_at_local(app: &App) -> Result<(), Problem> {
    let certificates: &Certificates = &app.certificates;
    let now = app.now_ms();
    let hosts = hosts(app)?;
    let (pair, is_new) = certificates.with_authority(|authority| keep(&certificates.local, authority, &hosts, now))?;
    certificates.resolver.set_local(&pair);
    if is_new {
        tracing::info!(names = ?hosts.names, "the box's own certificate was made");
    }
    // The homeserver's folder is there once the box is set up.
    if app.paths.homeserver.join("homeserver.toml").exists() {
        certificates.with_authority(|authority| keep(&certificates.homeserver_local, authority, &hosts, now))?;
    }
    Ok(())
}

fn hosts(app: &App) -> Result<Hosts, Problem> {
    let own = app.system.hostname()?;
    let mut names =
        vec![format!("{}.local", app.watch.hostname()), format!("{own}.local"), own, "localhost".to_owned()];
    names.dedup();
    let addresses = match app.system.network() {
        Ok(now) => {
            now.interfaces.iter().flat_map(|interface| &interface.addresses).filter_map(|text| address(text)).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "the box's addresses are not known");
            Vec::new()
        }
    };
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    let mut addresses: Vec<IpAddr> = loopback.into_iter().chain(addresses).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(Hosts { names, addresses })
}

/// The address of `192.168.1.9/24`.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// Keeps the local certificates good, and the words on the console right, for as long as the agent runs.
pub async fn keep_local(app: Arc<App>) {
    let (mut looked_ms, mut addresses) = (app.system.monotonic_ms(), None);
    loop {
        let told = tokio::time::timeout(LOOK, app.watch.names_changed.notified()).await.is_ok();
        if told {
            // Several changes come together when a cable is plugged in.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let now = app.machine(|system| system.network()).await.map(|now| now.addresses).ok();
        let daily = app.system.monotonic_ms().saturating_sub(looked_ms) > DAILY_MS;
        if !told && !daily && now == addresses {
            continue;
        }
        (looked_ms, addresses) = (app.system.monotonic_ms(), now);
        let worker = Arc::clone(&app);
        let looked = blocking(move || {
            look_at_local(&worker)?;
            Ok(crate::welcome::show(&worker)?)
        });
        if let Err(problem) = looked.await {
            tracing::warn!(%problem, "the box's own certificate can't be made");
        }
    }
}
