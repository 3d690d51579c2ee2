//! What the checks need to know of the box.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name in users' addresses, `example.org`; may carry a port.
    pub server_name: String,
    /// Where the server is reached, `matrix.example.org`; may be the same.
    pub host: String,
}

/// Whom to ask for names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    /// What `/etc/resolv.conf` names.
    System,
    /// These.
    Servers(Vec<SocketAddr>),
}

/// The ports that have to be reachable from outside; on the box they are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// 80: HTTP-01, and the redirect.
    pub http: u16,
    /// 443: clients, and TLS-ALPN-01.
    pub https: u16,
    /// 8448: other servers.
    pub federation: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { http: 80, https: 443, federation: 8448 }
    }
}

impl Ports {
    pub(crate) fn all(self) -> [u16; 3] {
        [self.http, self.https, self.federation]
    }
}

/// The box and its surroundings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whom to ask for names.
    pub dns: Dns,
    /// The router of the default route.
    pub gateway: Option<Ipv4Addr>,
    /// The box's own addresses, loopback left out.
    pub addresses: Vec<IpAddr>,
    /// The ports.
    pub ports: Ports,
    /// Whether the router may be asked to forward the ports, where it can be asked.
    pub map_ports: bool,
    /// By which a router that speaks PCP knows the box again. Random, and the same after a restart: a router may refuse to
    /// renew for another one until the lease is over.
    pub pcp_nonce: [u32; 3],
    /// Somebody outside who looks whether a server can be reached, as `https://…` with `{server_name}` in it; answers
    /// like the Matrix federation tester. It learns the name and the box's address, so there is none by default.
    pub outside_checker_url: Option<String>,
    /// Roots in PEM that are trusted beside the system's.
    pub extra_roots_pem: Option<String>,
    /// How long one connection or answer may take.
    pub patience: Duration,
}

impl Config {
    /// A box with these addresses behind this router; everything else as usual.
    #[must_use]
    pub fn new(addresses: Vec<IpAddr>, gateway: Option<Ipv4Addr>) -> Self {
        Self {
            dns: Dns::System,
            gateway,
            addresses,
            ports: Ports::default(),
            map_ports: true,
            // Whoever is in the house could ask the router as well.
            pcp_nonce: [0x6865_6172, 0x7468_626f, 0x7870_6370],
            outside_checker_url: None,
            extra_roots_pem: None,
            patience: Duration::from_secs(5),
        }
    }

    /// The address that the router knows the box by.
    pub(crate) fn private_v4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|address| match address {
            IpAddr::V4(v4) if !v4.is_loopback() && !v4.is_link_local() => Some(*v4),
            _ => None,
        })
    }
}
