//! What the agent is told at its start: a TOML file, all of it optional. On the box there is none.

use serde::Deserialize;
use std::{
    net::{Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// The settings in force.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the wizard and the dashboard are served.
    pub listen: SocketAddr,
    /// Plain HTTP: redirects and ACME challenges.
    pub http: SocketAddr,
    /// HTTPS: the agent's until the homeserver has it.
    pub https: SocketAddr,
    /// The homeserver's second port, for other servers.
    pub federation: SocketAddr,
    /// Whether the box is announced by mDNS.
    pub mdns: bool,
    /// The authority that certificates come from.
    pub acme: Acme,
    /// Where the checks ask.
    pub checks: Checks,
    /// The replicas' rhythm.
    pub replicas: Replicas,
    /// How a network setting is tried.
    pub network: Network,
    /// The way in while the homeserver is silent.
    pub rescue: Rescue,
}

/// The authority that certificates come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Acme {
    /// Its directory.
    pub directory: String,
    /// A PEM file with the root that its own HTTPS is signed by, where that is none that everybody trusts.
    pub root: Option<PathBuf>,
}

/// Where the checks ask.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// A name server instead of the system's.
    pub resolver: Option<SocketAddr>,
    /// Whether the router is asked to forward the ports. Never for a faked machine: the router would be the developer's.
    pub map_ports: bool,
    /// Somebody outside who looks whether a server can be reached, as `https://…` with `{server_name}` in it.
    pub outside: Option<String>,
}

impl Default for Checks {
    fn default() -> Self {
        Self { resolver: None, map_ports: true, outside: None }
    }
}

/// The replicas' rhythm.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replicas {
    /// Hours from one replica to the next.
    pub every_hours: u32,
}

/// How a network setting is tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Seconds until it takes force: the answer has to reach the page first.
    pub delay_s: u64,
    /// Seconds until it goes back by itself.
    pub trial_s: u64,
}

/// The way in while the homeserver is silent.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rescue {
    /// Seconds of silence until the setup code lets in again: more than any start takes.
    pub after_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        let everywhere = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        Self {
            listen: everywhere(8443),
            http: everywhere(80),
            https: everywhere(443),
            federation: everywhere(8448),
            mdns: true,
            acme: Acme::default(),
            checks: Checks::default(),
            replicas: Replicas::default(),
            network: Network::default(),
            rescue: Rescue::default(),
        }
    }
}

impl Default for Acme {
    fn default() -> Self {
        Self { directory: "https://acme-v02.api.letsencrypt.org/directory".into(), root: None }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self { delay_s: 5, trial_s: 90 }
    }
}

impl Default for Rescue {
    fn default() -> Self {
        Self { after_s: 300 }
    }
}

impl Default for Replicas {
    fn default() -> Self {
        Self { every_hours: 4 }
    }
}

/// A configuration that can't be used; the words are for the owner.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file, the line and the remedy.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bad = |detail: &dyn std::fmt::Display| {
            ConfigError(format!("The configuration file {}: {detail}", path.display()))
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| bad(&format!("it can't be read: {error}. Check its name and who may read it.")))?;
        toml::from_str(&text)
            .map_err(|error: toml::de::Error| bad(&format!("{error}Correct that line or take it out.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, "mdns = false\nlisten = \"here\"\n").unwrap();
        let words = Config::read(&path).unwrap_err().to_string();
        assert!(words.contains("agent.toml") && words.contains("line 2"), "{words}");
        std::fs::write(&path, "mdns = false\n[acme]\ndirectory = \"https://127.0.0.1:14000/dir\"\n").unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!((config.mdns, config.listen.port()), (false, 8443));
    }
}
