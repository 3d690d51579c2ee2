//! `homeserver.toml`.

use crate::{config::Config, problem::Problem};
use hearth_system::{Owner, Paths, atomic};
use std::path::Path;

/// Writes the homeserver's configuration. What the owner changes later goes over the socket and into its database.
///
/// # Errors
/// What the file system says.
pub fn write(
    config: &Config,
    paths: &Paths,
    socket: &Path,
    owner: Owner,
    server_name: &str,
    host: &str,
    dashboard_url: &str,
) -> Result<(), Problem> {
    let listen = [config.https, config.federation].map(|address| toml::Value::String(address.to_string()));
    let base_url = match config.https.port() {
        443 => format!("https://{host}"),
        port => format!("https://{host}:{port}"),
    };
    let text = |value: &str| toml::Value::String(value.to_owned());
    let path = |path: &Path| {
        path.to_str().map(text).ok_or_else(|| Problem::internal(&format!("{} is no UTF-8", path.display())))
    };
    let table = toml::Table::from_iter([
        ("server_name".to_owned(), text(server_name)),
        ("data".to_owned(), path(&paths.homeserver)?),
        ("listen".to_owned(), toml::Value::Array(listen.to_vec())),
        ("base_url".to_owned(), text(&base_url)),
        ("dashboard_url".to_owned(), text(dashboard_url)),
        ("admin_socket".to_owned(), path(socket)?),
        ("registration".to_owned(), text("closed")),
    ]);
    let words = format!(
        "# Written by the agent when the box is set up; the dashboard changes what can be changed.\n{}",
        toml::to_string(&table).map_err(|error| Problem::internal(&error))?
    );
    atomic::write(&paths.homeserver.join("homeserver.toml"), words.as_bytes(), 0o600, Some(owner))?;
    Ok(())
}
