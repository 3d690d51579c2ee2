//! What kind of address it is, and whether the house has one that the world can reach.

use crate::{
    Config,
    finding::{Check, Finding, Level},
    router::{Router, Wan},
};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who can reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    /// The world.
    World,
    /// The house (RFC 1918, RFC 4193).
    House,
    /// The provider's network (RFC 6598; RFC 7335, behind DS-Lite): the address is shared by many customers.
    Provider,
    /// Nobody from elsewhere: loopback, link-local, documentation and the like.
    Nobody,
}

pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| reach_v6(v6), reach_v4),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [100, second, ..] if second & 0xc0 == 64 => Reach::Provider,
        [192, 0, 0, last] if last < 8 => Reach::Provider,
        [0, ..] | [192, 0, 0, _] | [240..=255, ..] => Reach::Nobody,
        // Benchmarks (RFC 2544).
        [198, 18..=19, ..] => Reach::Nobody,
        _ if address.is_private() => Reach::House,
        _ if address.is_loopback()
            || address.is_link_local()
            || address.is_multicast()
            || address.is_documentation()
            || address.is_unspecified() =>
        {
            Reach::Nobody
        }
        _ => Reach::World,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    match address.segments() {
        // Unique local.
        [first, ..] if first & 0xfe00 == 0xfc00 => Reach::House,
        // Documentation.
        [0x2001, 0x0db8, ..] => Reach::Nobody,
        // What is given out to the world begins with 001.
        [first, ..] if first & 0xe000 == 0x2000 => Reach::World,
        _ => Reach::Nobody,
    }
}

/// The addresses by which the world reaches the house, as far as can be known from inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Public {
    /// The box's own, or the router's.
    pub(crate) v4: Option<Ipv4Addr>,
    /// The box's own.
    pub(crate) v6: Vec<Ipv6Addr>,
    /// It is certain that there is no IPv4 address of the house's own.
    pub(crate) no_v4: bool,
}

impl Public {
    pub(crate) fn list(&self) -> Vec<IpAddr> {
        self.v4.map(IpAddr::V4).into_iter().chain(self.v6.iter().copied().map(IpAddr::V6)).collect()
    }
}

/// Judges the house's addresses.
pub(crate) fn judge(config: &Config, router: Option<&Router>) -> (Public, Finding) {
    let own_v4 = config.addresses.iter().find_map(|address| match address {
        IpAddr::V4(v4) if reach_v4(*v4) == Reach::World => Some(*v4),
        _ => None,
    });
    let shared_own = config.addresses.iter().find(|address| address.is_ipv4() && reach(**address) == Reach::Provider);
    let has_v4 = config.private_v4().is_some();
    let v6 = config
        .addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V6(v6) if reach_v6(*v6) == Reach::World => Some(*v6),
            _ => None,
        })
        .collect::<Vec<_>>();
    let said = router.map_or(Wan::Unsaid, Router::wan);
    let wan = if let Wan::Is(address) = said { Some(address) } else { None };
    let wan_reach = wan.map(reach_v4);
    let v4 = own_v4.or(wan.filter(|_| wan_reach == Some(Reach::World)));
    let denied = matches!(wan_reach, Some(Reach::Provider | Reach::House)) || said == Wan::NoPublic;
    let no_v4 = v4.is_none() && (denied || shared_own.is_some() || !has_v4);
    let public = Public { v4, v6, no_v4 };
    let finding = words(&public, own_v4, shared_own.copied().or(wan.map(IpAddr::V4)), has_v4, said);
    (public, finding.with("addresses", public_list(config, wan)))
}

fn public_list(config: &Config, wan: Option<Ipv4Addr>) -> Vec<IpAddr> {
    let own = config.addresses.iter().copied().filter(|address| reach(*address) == Reach::World);
    wan.map(IpAddr::V4).into_iter().chain(own).collect()
}

fn words(public: &Public, own_v4: Option<Ipv4Addr>, seen: Option<IpAddr>, has_v4: bool, said: Wan) -> Finding {
    let finding = |level, code, message: String| Finding::new(Check::PublicAddress, level, code, message);
    let v6_level = if public.v6.is_empty() { Level::Bad } else { Level::Warning };
    match (public.v4, seen) {
        (Some(address), _) if own_v4.is_some() => {
            finding(Level::Good, "public_address_own", format!("The box itself has the public address {address}."))
                .with("address", address)
        }
        (Some(address), _) => {
            finding(Level::Good, "public_address_router", format!("Your router has the public address {address}."))
                .with("address", address)
        }
        (None, Some(address)) if reach(address) == Reach::Provider => finding(
            v6_level,
            "cgnat",
            format!("Your provider gives you no IPv4 address of your own: {address} is shared with other customers."),
        )
        .help(concat!(
            "Ask your provider for a public IPv4 address (often called \u{201c}dual stack\u{201d} or \u{201c}no CGNAT\u{201d}); many give one for free. ",
            "With IPv6 alone, people whose connection has no IPv6 can't reach the box."
        ))
        .with("address", address)
        .with("ipv6", &public.v6),
        (None, Some(address)) if reach(address) == Reach::House => finding(
            v6_level,
            "double_nat",
            format!("There is a second router before yours: it knows itself only by the address {address}."),
        )
        .help(concat!(
            "Set the provider's box to \u{201c}bridge\u{201d}, connect the box to that one directly, or forward the ports 80, 443 and 8448 ",
            "in both routers: from the first to the second, and from the second to the box."
        ))
        .with("address", address)
        .with("ipv6", &public.v6),
        (None, None) if said == Wan::NoPublic => finding(
            v6_level,
            "no_public_address",
            "Your router says that it has no public IPv4 address.".to_owned(),
        )
        .help(concat!(
            "Either your provider shares one among many customers (CGNAT): ask for one of your own, many give it for free. Or there is a ",
            "second router before yours: set that one to \u{201c}bridge\u{201d}, or forward the ports in both."
        ))
        .with("ipv6", &public.v6),
        (None, None) if !has_v4 && !public.v6.is_empty() => finding(
            Level::Warning,
            "ipv6_only",
            "The box has only IPv6 addresses.".to_owned(),
        )
        .help("People and servers without IPv6 can't reach it. Ask your provider for IPv4 as well.")
        .with("ipv6", &public.v6),
        (None, None) if !has_v4 => {
            finding(Level::Bad, "no_address", "The box has no address that leads to the internet.".to_owned())
                .help("Check the network cable, and that your router gives the box an address.")
        }
        _ => finding(
            Level::Unknown,
            "public_address_unknown",
            "Your router does not say which public address it has.".to_owned(),
        )
        .help(concat!(
            "Look at your router's page for the address on the internet side. If it begins with 100.64 to 100.127, 10, 192.168 or ",
            "172.16 to 172.31, it is not a public one: ask your provider for one."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_reach_what() {
        for (address, expected) in [
            ("8.8.8.8", Reach::World),
            ("100.63.255.255", Reach::World),
            ("100.64.0.1", Reach::Provider),
            ("100.127.255.255", Reach::Provider),
            ("100.128.0.1", Reach::World),
            ("192.0.0.2", Reach::Provider),
            ("10.1.2.3", Reach::House),
            ("172.31.0.1", Reach::House),
            ("172.32.0.1", Reach::World),
            ("192.168.178.20", Reach::House),
            ("169.254.1.1", Reach::Nobody),
            ("127.0.0.1", Reach::Nobody),
            ("203.0.113.9", Reach::Nobody),
            ("255.255.255.255", Reach::Nobody),
            ("2a01:4f8::1", Reach::World),
            ("fd12::1", Reach::House),
            ("fe80::1", Reach::Nobody),
            ("::1", Reach::Nobody),
            ("2001:db8::1", Reach::Nobody),
            ("::ffff:10.0.0.1", Reach::House),
        ] {
            assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn what_the_box_sees_is_judged() {
        let config =
            |addresses: &[&str]| Config::new(addresses.iter().map(|text| text.parse().unwrap()).collect(), None);
        let judged = |addresses: &[&str], wan: Option<&str>| {
            let router = wan.map(|wan| Router::for_tests(wan.parse().map_or(Wan::NoPublic, Wan::Is)));
            let (public, finding) = judge(&config(addresses), router.as_ref());
            (finding.code, finding.level, public.no_v4)
        };
        let house = "192.168.1.9";
        assert_eq!(judged(&[house], Some("9.1.2.3")), ("public_address_router", Level::Good, false));
        assert_eq!(judged(&["9.9.1.1"], None), ("public_address_own", Level::Good, false));
        assert_eq!(judged(&[house], Some("100.72.1.1")), ("cgnat", Level::Bad, true));
        assert_eq!(judged(&[house, "2a01::5"], Some("100.72.1.1")), ("cgnat", Level::Warning, true));
        assert_eq!(judged(&["100.72.1.9"], None), ("cgnat", Level::Bad, true));
        assert_eq!(judged(&[house], Some("10.0.0.4")), ("double_nat", Level::Bad, true));
        assert_eq!(judged(&[house], Some("none")), ("no_public_address", Level::Bad, true));
        assert_eq!(judged(&["2a01::5"], None), ("ipv6_only", Level::Warning, true));
        assert_eq!(judged(&[house], None), ("public_address_unknown", Level::Unknown, false));
        assert_eq!(judged(&["fe80::1"], None), ("no_address", Level::Bad, true));
    }
}
