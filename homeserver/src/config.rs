//! What the server is told at its start: a TOML file, and options of the command line over it.

use ruma::OwnedServerName;
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// The part after the colon of every user id. Can't be changed later.
    pub server_name: OwnedServerName,
    /// Folder of the database and everything else that must be kept.
    pub data: PathBuf,
    /// Address and port to serve on.
    pub listen: SocketAddr,
    /// HTTP instead of HTTPS: behind a proxy, or for a measurement.
    pub plain: bool,
    /// The address that clients reach the server by, for `.well-known` and the printed line.
    pub base_url: Option<String>,
    /// Who may sign up, as long as nothing else is set while the server runs.
    pub registration: Registration,
    /// A registration token that is always good; made and kept in `data` where none is given.
    pub registration_token: Option<String>,
    /// Rate limits are on.
    pub rate_limits: bool,
    /// Bytes of the database's page cache.
    pub cache_bytes: usize,
    /// Room version of new rooms.
    pub default_room_version: ruma::RoomVersionId,
}

/// Who may sign up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody.
    Closed,
    /// Who has a registration token.
    Token,
    /// Who has a mail address that can be reached.
    Email,
    /// Everybody: `m.login.dummy`.
    Open,
}

/// The settings as they stand in a file; every one may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// See [`Config::server_name`].
    pub server_name: Option<OwnedServerName>,
    /// See [`Config::data`].
    pub data: Option<PathBuf>,
    /// See [`Config::listen`].
    pub listen: Option<SocketAddr>,
    /// See [`Config::plain`].
    pub plain: Option<bool>,
    /// See [`Config::base_url`].
    pub base_url: Option<String>,
    /// See [`Config::registration`].
    pub registration: Option<Registration>,
    /// See [`Config::rate_limits`].
    pub rate_limits: Option<bool>,
    /// See [`Config::cache_bytes`], in MiB.
    pub cache_mib: Option<usize>,
    /// See [`Config::default_room_version`].
    pub default_room_version: Option<ruma::RoomVersionId>,
}

/// A configuration that can't be used; its words are for the owner.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigFile {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file, the line and the remedy.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError(format!(
                "The configuration file {} can't be read: {error}. Check its name and that the server's user may read it.",
                path.display()
            ))
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses the text of a configuration file; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`ConfigFile::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |before| before.matches('\n').count() + 1);
            ConfigError(format!(
                "{name}, line {line}: {}. Correct the line or take it out; docs/configuration.md lists every setting.",
                error.message()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_line_and_remedy() {
        let error = ConfigFile::parse("plain = true\nlisten = \"nowhere\"\n", "hearth.toml").unwrap_err().0;
        assert!(error.starts_with("hearth.toml, line 2: "), "{error}");
        assert!(error.contains("Correct the line"), "{error}");
        let error = ConfigFile::parse("\n\ncolour = \"blue\"\n", "hearth.toml").unwrap_err().0;
        assert!(error.starts_with("hearth.toml, line 3: ") && error.contains("colour"), "{error}");
    }
}
