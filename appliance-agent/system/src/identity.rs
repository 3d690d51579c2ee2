//! What this box is, and where its things lie.

use crate::{Error, Result};
use serde::Serialize;
use std::path::PathBuf;

/// The board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Board {
    /// As in `board-configs/`: `rpi4`; `unknown` on a machine whose image does not say.
    pub name: String,
    /// As the machine calls itself: `Raspberry Pi 4 Model B Rev 1.4`.
    pub model: String,
}

/// The image that is running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// `0.1.0`
    pub version: String,
    /// When it was built, milliseconds since 1970; 0 where it does not say.
    pub built_ms: u64,
}

/// Who a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Where things lie; `docs/appliance.md` says what in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The data partition: `/data`.
    pub data: PathBuf,
    /// The agent's own: `/data/agent`.
    pub agent: PathBuf,
    /// The homeserver's own: `/data/homeserver`.
    pub homeserver: PathBuf,
    /// What is kept of `/etc`: `/data/etc`.
    pub etc: PathBuf,
    /// Sockets: `/run/hearth`.
    pub run: PathBuf,
    /// Where volumes are mounted: `/run/hearth-volumes`.
    pub volumes: PathBuf,
}

/// What this box is, and where its things lie.
pub trait Identity {
    /// The board.
    fn board(&self) -> Board;

    /// The running image.
    fn image(&self) -> Image;

    /// 32 hexadecimal digits, made on this box at its first start and tied to no serial number.
    fn machine_id(&self) -> Result<String>;

    /// Without a domain: `hearth`.
    fn hostname(&self) -> Result<String>;

    /// Sets it at once and for good. `Error::InvalidHostname`.
    fn set_hostname(&self, name: &str) -> Result<()>;

    /// Puts the name that was set last in force again; to be called when the agent starts. Nothing set is no error.
    fn restore_hostname(&self) -> Result<()>;

    /// Where things lie.
    fn paths(&self) -> Paths;

    /// Who the homeserver runs as, and its files must belong to.
    fn homeserver_owner(&self) -> Owner;
}

/// A host's name by RFC 1123: one label of letters, digits and inner dashes. Everything else is refused before it can get
/// into a file or onto the network.
pub fn check_hostname(name: &str) -> Result<()> {
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits { Ok(()) } else { Err(Error::InvalidHostname) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostnames() {
        for good in ["hearth", "a", "box-2", "7"] {
            assert!(check_hostname(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "Hearth", "a.b", "a b", "ä", &"a".repeat(64)] {
            assert!(check_hostname(bad).is_err(), "{bad}");
        }
    }
}
