//! Routers that can be asked for their public address and to forward ports: PCP (RFC 6887), NAT-PMP (RFC 6886), UPnP.

mod judge;
mod mappings;
mod pcp;
mod upnp;

pub use mappings::{Kept, Mappings};

pub(crate) use judge::judge;

use crate::Config;
use serde::Serialize;
use std::{fmt, net::Ipv4Addr, time::Duration};

/// What is asked for; shorter than a day, so that a port closes again when the box is taken away.
pub const LEASE: Duration = Duration::from_secs(2 * 60 * 60);

/// How a router is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// Port Control Protocol.
    #[serde(rename = "PCP")]
    Pcp,
    /// Its older sister.
    #[serde(rename = "NAT-PMP")]
    NatPmp,
    /// UPnP's internet gateway device.
    #[serde(rename = "UPnP")]
    Upnp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcp => "PCP",
            Self::NatPmp => "NAT-PMP",
            Self::Upnp => "UPnP",
        })
    }
}

/// A router that answered.
pub struct Router {
    speaker: Speaker,
    wan: Wan,
}

/// What a router says of its address on the internet side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wan {
    /// This one.
    Is(Ipv4Addr),
    /// None that the world could reach. Some hide an address of the provider's network behind this.
    NoPublic,
    /// Nothing.
    Unsaid,
}

impl Wan {
    fn of(address: Ipv4Addr) -> Self {
        if address.is_unspecified() { Self::NoPublic } else { Self::Is(address) }
    }

    /// The clearer of two answers.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Is(_), _) | (_, Self::Unsaid) => self,
            _ => other,
        }
    }
}

enum Speaker {
    Pcp(pcp::Pcp),
    Upnp(Box<upnp::Upnp>),
    #[cfg(test)]
    Silent,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("protocol", &self.protocol()).field("wan", &self.wan).finish()
    }
}

/// A port that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// Outside and inside.
    pub port: u16,
    /// How long it lasts without being asked for again; `None`: until the router forgets it.
    pub lasts: Option<Duration>,
    /// The router's public address, where it says so with the lease.
    pub wan: Option<Ipv4Addr>,
}

/// Why a router does not forward a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// Its owner has switched it off for this, or for the port.
    #[error("the router refuses to")]
    Refused,
    /// The port is forwarded to another machine.
    #[error("the router forwards that port to another machine")]
    Taken,
    /// No answer.
    #[error("the router does not answer")]
    Silent,
    /// Something else.
    #[error("the router answers: {0}")]
    Other(String),
}

impl Router {
    /// Asks the router of the default route by PCP and NAT-PMP, and the house by UPnP. `None`: nobody answers.
    pub async fn find(config: &Config) -> Option<Self> {
        // UPnP tells the public address without a port being mapped, and more routers have it switched on; PCP tells
        // whether it really forwards. Both are asked at once, since silence takes its time.
        let (pcp, upnp) = tokio::join!(pcp::Pcp::find(config), upnp::Upnp::find(config));
        match (pcp, upnp) {
            (Some((pcp, wan)), upnp) => {
                let wan = wan.or(upnp.map_or(Wan::Unsaid, |(_, wan)| wan));
                Some(Self { speaker: Speaker::Pcp(pcp), wan })
            }
            (None, Some((upnp, wan))) => Some(Self { speaker: Speaker::Upnp(Box::new(upnp)), wan }),
            (None, None) => None,
        }
    }

    /// How it is spoken to.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match &self.speaker {
            Speaker::Pcp(pcp) => pcp.protocol(),
            Speaker::Upnp(_) => Protocol::Upnp,
            #[cfg(test)]
            Speaker::Silent => Protocol::Upnp,
        }
    }

    /// What it says of its address on the internet side.
    #[must_use]
    pub fn wan(&self) -> Wan {
        self.wan
    }

    /// Forwards a TCP port to the same port of the box, or renews that for [`LEASE`].
    ///
    /// # Errors
    /// [`MapError`]
    pub async fn map(&mut self, port: u16) -> Result<Lease, MapError> {
        let lease = match &mut self.speaker {
            Speaker::Pcp(pcp) => pcp.map(port).await?,
            Speaker::Upnp(upnp) => upnp.map(port).await?,
            #[cfg(test)]
            Speaker::Silent => return Err(MapError::Silent),
        };
        self.wan = lease.wan.map_or(Wan::Unsaid, Wan::of).or(self.wan);
        Ok(lease)
    }

    /// Forwards it no longer.
    ///
    /// # Errors
    /// [`MapError`]
    pub async fn unmap(&mut self, port: u16) -> Result<(), MapError> {
        match &mut self.speaker {
            Speaker::Pcp(pcp) => pcp.unmap(port).await,
            Speaker::Upnp(upnp) => upnp.unmap(port).await,
            #[cfg(test)]
            Speaker::Silent => Err(MapError::Silent),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(wan: Wan) -> Self {
        Self { speaker: Speaker::Silent, wan }
    }
}
