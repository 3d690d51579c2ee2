//! Renewal, long before the end.

use super::order::{chosen, due_ms, renew};
use crate::{app::App, state::Phase};
use hearth_certificates::renewal::Window;
use std::{sync::Arc, time::Duration};

/// How often is looked whether it is time.
const LOOK: Duration = Duration::from_secs(10 * 60);
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
        if due_ms(&app, window).is_none_or(|due| due > app.now_ms()) {
            continue;
        }
        match renew(&app) {
            Ok(_) => window = None,
            Err(problem) => tracing::debug!(%problem, "the certificate can't be renewed just now"),
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
