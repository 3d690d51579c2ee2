//! `hearth.local`: the box answers for its name in the home's network.

use crate::app::App;
use mdns_sd::{DaemonEvent, ServiceDaemon, ServiceInfo};
use std::sync::Arc;

/// What browsers of services show.
const SERVICE: &str = "_https._tcp.local.";

/// Announces the box for as long as the returned daemon lives. Another box of that name already there makes this one `hearth-2.local`.
///
/// # Errors
/// The words of what is wrong; the box can be reached by its address still.
pub fn announce(app: &Arc<App>) -> Result<ServiceDaemon, mdns_sd::Error> {
    let daemon = ServiceDaemon::new()?;
    let name = app.watch.hostname();
    let host = format!("{name}.local.");
    let service = ServiceInfo::new(SERVICE, &name, &host, "", app.config.listen.port(), [("path", "/")].as_slice())?;
    let events = daemon.monitor()?;
    daemon.register(service.enable_addr_auto())?;
    let app = Arc::clone(app);
    tokio::spawn(async move {
        while let Ok(event) = events.recv_async().await {
            match event {
                DaemonEvent::NameChange(change) => {
                    if let Some(name) = change.new_name.strip_suffix(".local.").filter(|name| !name.contains('.')) {
                        tracing::warn!(name, "another device has the box's name: it takes another one");
                        app.watch.set_hostname(name);
                        app.watch.names_changed.notify_one();
                    }
                }
                DaemonEvent::IpAdd(address) | DaemonEvent::IpDel(address) => {
                    tracing::debug!(%address, "the box's addresses changed");
                    app.watch.names_changed.notify_one();
                }
                DaemonEvent::Error(error) => tracing::warn!(%error, "mDNS"),
                _ => {}
            }
        }
    });
    Ok(daemon)
}
