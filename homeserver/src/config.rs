//! What the server is told at its start: a TOML file, and options of the command line over it.

use ruma::OwnedServerName;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Name of the database within the data folder.
pub const DATABASE: &str = "hearth.redb";

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// The part after the colon of every user id. Can't be changed later.
    pub server_name: OwnedServerName,
    /// Folder of the database and everything else that must be kept.
    pub data: PathBuf,
    /// Addresses and ports to serve on.
    pub listen: Vec<SocketAddr>,
    /// HTTP instead of HTTPS: behind a proxy, or for a measurement.
    pub plain: bool,
    /// The address that clients reach the server by, for `.well-known` and the printed line.
    pub base_url: Option<String>,
    /// Where a browser is sent that asks for `/` by another name than the public one.
    pub dashboard_url: Option<String>,
    /// Path of the socket by which this machine's owner administers the server.
    pub admin_socket: Option<PathBuf>,
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
    /// See [`Config::listen`]; one address, or a list of them.
    #[serde(default, deserialize_with = "addresses")]
    pub listen: Option<Vec<SocketAddr>>,
    /// See [`Config::plain`].
    pub plain: Option<bool>,
    /// See [`Config::base_url`].
    pub base_url: Option<String>,
    /// See [`Config::dashboard_url`].
    pub dashboard_url: Option<String>,
    /// See [`Config::admin_socket`].
    pub admin_socket: Option<PathBuf>,
    /// See [`Config::registration`].
    pub registration: Option<Registration>,
    /// See [`Config::rate_limits`].
    pub rate_limits: Option<bool>,
    /// See [`Config::cache_bytes`], in MiB.
    pub cache_mib: Option<usize>,
    /// See [`Config::default_room_version`].
    pub default_room_version: Option<ruma::RoomVersionId>,
}

impl Config {
    /// The file of the database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.join(DATABASE)
    }

    /// The address that people reach the server by, without a slash at its end; made of the server's name where none is
    /// set.
    #[must_use]
    pub fn public_url(&self) -> String {
        let scheme = if self.plain { "http" } else { "https" };
        let made = || format!("{scheme}://{}", self.server_name);
        self.base_url.clone().unwrap_or_else(made).trim_end_matches('/').to_owned()
    }

    /// Whether a name is one by which the public reaches this server: the server's own, or that of its address.
    #[must_use]
    pub fn is_public_name(&self, host: &str) -> bool {
        let of_url = self.base_url.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            host_of(authority)
        });
        let own = self.server_name.host();
        host.eq_ignore_ascii_case(own) || of_url.is_some_and(|public| public.eq_ignore_ascii_case(host))
    }
}

/// The host in `host:port`, `[::1]:port` or `host`.
#[must_use]
pub fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// One address or several.
fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<SocketAddr>>, D::Error> {
    #[derive(Clone, Copy)]
    struct OneOrMore;
    impl<'de> Visitor<'de> for OneOrMore {
        type Value = Vec<SocketAddr>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address with its port as in \"0.0.0.0:8448\", or a list of them")
        }
        fn visit_str<E: de::Error>(self, address: &str) -> Result<Self::Value, E> {
            let wrong = || de::Error::invalid_value(de::Unexpected::Str(address), &self);
            Ok(vec![address.parse().map_err(|_| wrong())?])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut addresses = Vec::new();
            while let Some(address) = list.next_element::<String>()? {
                addresses.extend(self.visit_str::<A::Error>(&address)?);
            }
            if addresses.is_empty() { Err(de::Error::invalid_length(0, &self)) } else { Ok(addresses) }
        }
    }
    deserializer.deserialize_any(OneOrMore).map(Some)
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
        let error = ConfigFile::parse("listen = []\n", "hearth.toml").unwrap_err().0;
        assert!(error.contains("0.0.0.0:8448"), "{error}");
        let error = ConfigFile::parse("\n\ncolour = \"blue\"\n", "hearth.toml").unwrap_err().0;
        assert!(error.starts_with("hearth.toml, line 3: ") && error.contains("colour"), "{error}");
    }

    #[test]
    fn one_listens_on_one_address_or_on_several() {
        let listen = |text: &str| ConfigFile::parse(text, "hearth.toml").unwrap().listen;
        let one: SocketAddr = "127.0.0.1:8448".parse().unwrap();
        assert_eq!(listen("listen = \"127.0.0.1:8448\""), Some(vec![one]));
        let two = listen("listen = [\"127.0.0.1:8448\", \"[::]:443\"]");
        assert_eq!(two, Some(vec![one, "[::]:443".parse().unwrap()]));
        assert_eq!(listen(""), None);
    }

    #[test]
    fn the_host_of_an_authority_is_what_stands_before_the_port() {
        for (authority, host) in [
            ("example.org", "example.org"),
            ("example.org:8448", "example.org"),
            ("[::1]:8448", "[::1]"),
            ("[::1]", "[::1]"),
            ("example.org:", "example.org:"),
        ] {
            assert_eq!(host_of(authority), host);
        }
    }
}
