//! The supervisor of processes hears that the agent lives, as long as it really does.

use crate::app::{App, blocking};
use hearth_system::Notify;
use std::{sync::Arc, time::Duration};

/// How long the agent's own parts may take to answer before it is called stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells of life at half the time that the supervisor wants, after a look at the agent's own parts; returns at once where nobody wants to
/// hear.
pub async fn keep_alive(app: Arc<App>) {
    let Some(within) = app.system.watchdog() else { return };
    let mut tick = tokio::time::interval(within / 2);
    loop {
        tick.tick().await;
        if tokio::time::timeout(PATIENCE.min(within / 2), lives(&app)).await.is_ok_and(|lives| lives) {
            if let Err(error) = app.system.notify(&Notify::Alive) {
                tracing::warn!(%error, "the supervisor can't be told that the agent lives");
            }
        } else {
            tracing::error!("the agent's own parts do not answer; the supervisor will start it again");
        }
    }
}

/// The state can be read, a blocking thread is to be had, and the page's port is answered.
async fn lives(app: &Arc<App>) -> bool {
    let state = Arc::clone(app);
    let threads = blocking(move || {
        state.store.read(|_| ());
        Ok(())
    });
    let mut address = app.config.listen;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv6() {
            std::net::Ipv6Addr::LOCALHOST.into()
        } else {
            std::net::Ipv4Addr::LOCALHOST.into()
        });
    }
    threads.await.is_ok() && tokio::net::TcpStream::connect(address).await.is_ok()
}
