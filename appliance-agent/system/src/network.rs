//! Addresses of the box.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How the box gets its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", try_from = "Fields")]
pub enum Plan {
    /// By DHCP and router advertisements.
    #[default]
    Auto,
    /// A fixed address on the wired interface; IPv6 addresses by router advertisements stay.
    Static {
        /// With its prefix: `192.168.1.9/24`.
        address: String,
        /// The router, inside the address's network.
        gateway: IpAddr,
        /// Name servers, one at least.
        dns: Vec<IpAddr>,
    },
}

/// A plan as it is written down. An enum alone would let fields pass that its mode does not have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    mode: Mode,
    address: Option<String>,
    gateway: Option<IpAddr>,
    dns: Option<Vec<IpAddr>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Auto,
    Static,
}

impl TryFrom<Fields> for Plan {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        match (fields.mode, fields.address, fields.gateway, fields.dns) {
            (Mode::Auto, None, None, None) => Ok(Self::Auto),
            (Mode::Auto, ..) => Err("an automatic network has no addresses of its own"),
            (Mode::Static, Some(address), Some(gateway), Some(dns)) => Ok(Self::Static { address, gateway, dns }),
            (Mode::Static, ..) => Err("a fixed address needs address, gateway and dns"),
        }
    }
}

impl Plan {
    /// Refuses what could not work or would cut the box off: `Error::InvalidNetwork` with the field.
    pub fn check(&self) -> Result<()> {
        let Self::Static { address, gateway, dns } = self else { return Ok(()) };
        let wrong = |field, reason| Err(Error::InvalidNetwork { field, reason });
        let Some((host, prefix)) = split_address(address) else {
            return wrong("address", "it must look like 192.168.1.9/24");
        };
        if !usable(host) {
            return wrong("address", "it is not an address for a device at home");
        }
        match (host, gateway) {
            (IpAddr::V4(host), IpAddr::V4(gateway)) => {
                if !(8..=30).contains(&prefix) {
                    return wrong("address", "the number after the slash must be from 8 to 30");
                }
                let mask = u32::MAX << (32 - u32::from(prefix));
                let [host, router] = [host, *gateway].map(u32::from);
                if host & !mask == 0 || host & !mask == !mask {
                    return wrong("address", "the first and the last address of a network belong to no device");
                }
                if host & mask != router & mask || router & !mask == 0 || router & !mask == !mask {
                    return wrong("gateway", "it is not in the same network as the address");
                }
                if host == router {
                    return wrong("gateway", "it must be the router's address, not the box's own");
                }
            }
            (IpAddr::V6(host), IpAddr::V6(gateway)) => {
                if !(16..=126).contains(&prefix) {
                    return wrong("address", "the number after the slash must be from 16 to 126");
                }
                let mask = u128::MAX << (128 - u32::from(prefix));
                let [host, router] = [host, *gateway].map(u128::from);
                let local = is_link_local(*gateway);
                if !local && host & mask != router & mask {
                    return wrong("gateway", "it is not in the same network as the address");
                }
                if host == router {
                    return wrong("gateway", "it must be the router's address, not the box's own");
                }
            }
            _ => return wrong("gateway", "it must be of the same kind (IPv4 or IPv6) as the address"),
        }
        if dns.is_empty() {
            return wrong("dns", "at least one name server is needed; usually it is the router");
        }
        if dns.len() > 4 {
            return wrong("dns", "four name servers are enough");
        }
        if dns.iter().any(|server| server.is_unspecified() || server.is_multicast()) {
            return wrong("dns", "this is no name server's address");
        }
        Ok(())
    }
}

/// `192.168.1.9/24` as its two halves.
pub(crate) fn split_address(text: &str) -> Option<(IpAddr, u8)> {
    let (host, prefix) = text.split_once('/')?;
    // Only digits: `parse` would also take a sign.
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((host.parse().ok()?, prefix.parse().ok()?))
}

/// Whether a device may have it for its own.
fn usable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            first != 0 && first < 224 && !v4.is_loopback() && !v4.is_link_local() && v4 != Ipv4Addr::BROADCAST
        }
        IpAddr::V6(v6) => {
            !v6.is_unspecified()
                && !v6.is_loopback()
                && !v6.is_multicast()
                && !is_link_local(v6)
                && v6.to_ipv4_mapped().is_none()
        }
    }
}

pub(crate) fn is_link_local(address: Ipv6Addr) -> bool {
    let [first, ..] = address.segments();
    first & 0xffc0 == 0xfe80
}

/// One network interface, without loopback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// `end0`
    pub name: String,
    /// Hardware address, `dc:a6:32:01:02:03`.
    pub mac: Option<String>,
    /// Whether a cable with somebody at the other end is in it.
    pub carrier: bool,
    /// With prefixes, IPv4 first, link-local ones last.
    pub addresses: Vec<String>,
    /// The router of its default route.
    pub gateway: Option<IpAddr>,
}

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkNow {
    /// Every interface but loopback.
    pub interfaces: Vec<Interface>,
    /// Of the interface with the default route (of all where there is none), IPv4 first, without link-local ones.
    pub addresses: Vec<String>,
    /// The router, IPv4 if there is one.
    pub gateway: Option<IpAddr>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
}

/// Addresses of the box. A plan is first tried and then kept or dropped: what was only tried is gone after a restart.
pub trait Network {
    /// What is in force.
    fn network(&self) -> Result<NetworkNow>;

    /// The plan that was kept last; [`Plan::Auto`] where its file is damaged.
    fn network_plan(&self) -> Result<Plan>;

    /// Puts a plan into force without keeping it. `Error::InvalidNetwork` for one that could not work, which is also what
    /// [`Plan::check`] says; `Error::NetworkFailed`.
    fn try_network(&self, plan: &Plan) -> Result<()>;

    /// Keeps the plan that was tried last.
    fn keep_network(&self) -> Result<()>;

    /// Puts the kept plan back into force. Also to be called when the agent starts.
    fn revert_network(&self) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(address: &str, gateway: &str, dns: &[&str]) -> Result<()> {
        let dns = dns.iter().map(|server| server.parse().unwrap()).collect();
        Plan::Static { address: address.to_owned(), gateway: gateway.parse().unwrap(), dns }.check()
    }

    fn field(result: Result<()>) -> &'static str {
        match result {
            Err(Error::InvalidNetwork { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn plans_that_work() {
        assert!(Plan::Auto.check().is_ok());
        assert!(fixed("192.168.1.9/24", "192.168.1.1", &["192.168.1.1", "9.9.9.9"]).is_ok());
        assert!(fixed("10.1.2.3/8", "10.0.0.1", &["fd00::1"]).is_ok());
        assert!(fixed("fd12:3456::9/64", "fd12:3456::1", &["fd12:3456::1"]).is_ok());
        assert!(fixed("2001:db8::9/64", "fe80::1", &["9.9.9.9"]).is_ok());
    }

    #[test]
    fn plans_that_would_cut_the_box_off() {
        let dns = ["192.168.1.1"].as_slice();
        for (address, gateway, dns, wrong) in [
            ("192.168.1.9", "192.168.1.1", dns, "address"),
            ("192.168.1.9/", "192.168.1.1", dns, "address"),
            ("192.168.1.9/+24", "192.168.1.1", dns, "address"),
            ("192.168.1.9/31", "192.168.1.8", dns, "address"),
            ("192.168.1.9/0", "192.168.1.1", dns, "address"),
            ("192.168.1.0/24", "192.168.1.1", dns, "address"),
            ("192.168.1.255/24", "192.168.1.1", dns, "address"),
            ("127.0.0.2/8", "127.0.0.1", dns, "address"),
            ("169.254.1.2/16", "169.254.1.1", dns, "address"),
            ("224.0.0.9/24", "224.0.0.1", dns, "address"),
            ("0.0.0.9/24", "0.0.0.1", dns, "address"),
            ("fe80::9/64", "fe80::1", dns, "address"),
            ("fd00::9/128", "fe80::1", dns, "address"),
            ("192.168.1.9/24", "192.168.2.1", dns, "gateway"),
            ("192.168.1.9/24", "192.168.1.9", dns, "gateway"),
            ("192.168.1.9/24", "192.168.1.255", dns, "gateway"),
            ("192.168.1.9/24", "fe80::1", dns, "gateway"),
            ("fd00::9/64", "fd01::1", dns, "gateway"),
            ("192.168.1.9/24", "192.168.1.1", &[], "dns"),
            ("192.168.1.9/24", "192.168.1.1", &["0.0.0.0"], "dns"),
            ("192.168.1.9/24", "192.168.1.1", &["1.1.1.1"; 5], "dns"),
        ] {
            assert_eq!(field(fixed(address, gateway, dns)), wrong, "{address} {gateway} {dns:?}");
        }
    }

    #[test]
    fn a_plan_as_json_refuses_what_it_does_not_know() {
        assert_eq!(serde_json::from_str::<Plan>(r#"{"mode":"auto"}"#).unwrap(), Plan::Auto);
        assert!(serde_json::from_str::<Plan>(r#"{"mode":"auto","address":"10.0.0.2/24"}"#).is_err());
        assert!(serde_json::from_str::<Plan>(r#"{"mode":"static","address":"10.0.0.2/24"}"#).is_err());
    }
}
