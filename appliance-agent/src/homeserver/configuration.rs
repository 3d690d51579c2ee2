//! `homeserver.toml`.

use crate::{app::App, problem::Problem};
use hearth_system::atomic;
use std::path::Path;

/// Writes the homeserver's configuration into its folder or, for a restore, into the one that will be that. What the owner changes later
/// goes over the socket and into the database. Blocks.
///
/// # Errors
/// The file's, and `name_missing`.
pub fn write(app: &App, into: &Path, server_name: Option<&str>, host: Option<&str>) -> Result<(), Problem> {
    let (Some(server_name), Some(host)) = (server_name, host) else {
        return Err(Problem::new(
            http::StatusCode::CONFLICT,
            "name_missing",
            "The box has no public name yet.",
            "Choose the name first.",
        ));
    };
    let text = |value: &str| toml::Value::String(value.to_owned());
    let path = |path: &Path| {
        path.to_str().map(text).ok_or_else(|| Problem::internal(&format!("{} is no UTF-8", path.display())))
    };
    let listen = [app.config.https, app.config.federation].map(|address| text(&address.to_string()));
    let table = toml::Table::from_iter([
        ("server_name".to_owned(), text(server_name)),
        ("data".to_owned(), path(&app.paths.homeserver)?),
        ("listen".to_owned(), toml::Value::Array(listen.to_vec())),
        ("base_url".to_owned(), text(&app.url_of(host))),
        ("dashboard_url".to_owned(), text(&app.dashboard_url())),
        ("admin_socket".to_owned(), path(&app.system.admin_socket())?),
        ("registration".to_owned(), text("closed")),
    ]);
    let words = format!(
        "# Written by the agent when the box is set up; the dashboard changes what can be changed.\n{}",
        toml::to_string(&table).map_err(|error| Problem::internal(&error))?
    );
    let owner = app.system.homeserver_owner();
    atomic::write(&into.join("homeserver.toml"), words.as_bytes(), 0o600, Some(owner))?;
    Ok(())
}

/// The server's name, and where it is reached, as its configuration has them.
#[must_use]
pub fn names(folder: &Path) -> Option<(String, String)> {
    let text = atomic::read(&folder.join("homeserver.toml")).ok()??;
    let table: toml::Table = toml::from_str(&text).ok()?;
    let text = |key: &str| table.get(key)?.as_str();
    let authority = text("base_url")?.strip_prefix("https://")?;
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    Some((text("server_name")?.to_owned(), host.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let names_of = |text: &str| {
            std::fs::write(folder.path().join("homeserver.toml"), text).unwrap();
            names(folder.path())
        };
        assert_eq!(names(folder.path()), None);
        let wanted = Some(("example.org".to_owned(), "matrix.example.org".to_owned()));
        assert_eq!(names_of("server_name = \"example.org\"\nbase_url = \"https://matrix.example.org\"\n"), wanted);
        assert_eq!(names_of("server_name = \"example.org\"\nbase_url = \"https://matrix.example.org:8448\"\n"), wanted);
        assert_eq!(names_of("server_name = \"example.org\"\n"), None);
        assert_eq!(names_of("\0\0"), None);
    }
}
