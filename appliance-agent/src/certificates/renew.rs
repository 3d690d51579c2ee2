//! Renewal, long before the end.

use super::order::{chosen, due_ms, renew};
use crate::{app::App, state::Phase};
use hearth_certificates::renewal::{Attempts, Window};
use std::{sync::Arc, time::Duration};

/// How often is looked whether it is time.
const LOOK: Duration = Duration::from_secs(10 * 60);
/// How soon again where the homeserver is still starting.
const SOON: Duration = Duration::from_secs(5);
/// Of every so many looks one asks the authority when it would like to be asked.
const ASK_EVERY: u32 = 6 * 12;

/// Renews for as long as the agent runs.
pub async fn keep_renewing(app: Arc<App>) {
    let mut tick = tokio::time::interval(LOOK);
    let mut looks = 0_u32;
    let mut window = None;
    loop {
        tick.tick().await;
        if app.store.phase() != Phase::Ready || !app.system.time_trusted() {
            continue;
        }
        if looks.is_multiple_of(ASK_EVERY) {
            window = ask(&app).await;
        }
        looks = looks.wrapping_add(1);
        if next_ms(&app, window) > app.now_ms() {
            continue;
        }
        // Nobody would take the new certificate up, and it would be counted as one that does not serve.
        if let Err(error) = app.homeserver.health().await {
            tracing::debug!(%error, "a certificate is due, and the homeserver does not answer yet");
            tick.reset_after(SOON);
            continue;
        }
        match renew(&app) {
            Ok(_) => window = None,
            Err(problem) => tracing::debug!(%problem, "the certificate can't be renewed just now"),
        }
    }
}

/// When to ask for the next certificate, in milliseconds since the epoch.
fn next_ms(app: &App, window: Option<Window>) -> u64 {
    let stands_in = matches!(chosen(app), super::order::Choice::Acme { .. }) && !app.certificates.is_from_outside();
    match due_ms(app, window) {
        Some(due) if !stands_in => due,
        // None, or the box's own in place of one from outside: now, as soon as earlier failures allow it.
        _ => {
            let attempts = app.store.read(|state| Attempts {
                failures: state.certificate.failures,
                not_before_ms: state.certificate.not_before_ms,
            });
            attempts.next_ms(0, app.now_ms())
        }
    }
}

async fn ask(app: &Arc<App>) -> Option<Window> {
    if !matches!(chosen(app), super::order::Choice::Acme { .. }) {
        return None;
    }
    let pair = app.certificates.public.current().ok().flatten()?;
    match app.certificates.acme.renewal_window(&pair).await {
        Ok(window) => window,
        Err(error) => {
            tracing::debug!(%error, "the authority does not say when to renew");
            None
        }
    }
}
