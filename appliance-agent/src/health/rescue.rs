//! The way in while the homeserver, which alone knows the administrators, stays silent: the setup code once more, for the little that mends it.

use crate::{
    app::{App, blocking},
    state::Phase,
    welcome,
};
use std::{sync::Arc, time::Duration};

/// Whether the setup code lets in now.
pub fn is_open(app: &App) -> bool {
    let patience = Duration::from_secs(app.config.rescue.after_s);
    app.store.phase() == Phase::Ready && app.watch.seen().silent_since.is_some_and(|since| since.elapsed() >= patience)
}

/// Shows the code where it was shown before the box was set up, or takes it away again.
pub(super) async fn tell(app: &Arc<App>, open: bool) {
    if open {
        tracing::warn!("the homeserver has been silent for long: the setup code lets in to see to it");
    } else {
        tracing::info!("the setup code lets nobody in any more");
    }
    let worker = Arc::clone(app);
    if let Err(problem) = blocking(move || Ok(welcome::show(&worker)?)).await {
        tracing::warn!(%problem, "the setup code can't be shown, or taken away");
    }
}
