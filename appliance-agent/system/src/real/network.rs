//! systemd-networkd and what the kernel says.
//!
//! The image's own `.network` file asks for DHCP on every wired interface. A static plan is a file that goes before it; in
//! `/run`, so that a plan that was only tried is gone after a restart. What is kept is `/data/etc/network/plan.toml`.

use super::{Real, lock};
use crate::command::{SHORT, ask, call};
use crate::network::{is_link_local, split_address};
use crate::plan_file::{self, Kept, Wired};
use crate::{Error, Interface, Network, NetworkNow, Plan, Result, atomic};
use serde::Deserialize;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Before the image's file, whose number is 80.
const STATIC: &str = "/run/systemd/network/10-hearth.network";
/// The servers that resolved asks, not its own stub.
const SERVERS: &str = "/run/systemd/resolve/resolv.conf";

impl Network for Real {
    fn network(&self) -> Result<NetworkNow> {
        let answers = [
            ip(&["address", "show"])?,
            ip(&["-4", "route", "show", "default"])?,
            ip(&["-6", "route", "show", "default"])?,
        ];
        // No file: nobody has told of a server yet.
        let servers = atomic::read(Path::new(SERVERS))?.unwrap_or_default();
        let [addresses, v4, v6] = &answers;
        parse(addresses, v4, v6, &servers)
    }

    fn network_plan(&self) -> Result<Plan> {
        Ok(plan_file::kept(&self.plan()).plan)
    }

    fn try_network(&self, plan: &Plan) -> Result<()> {
        plan.check()?;
        let mut tried = lock(&self.tried);
        let interface = match plan {
            Plan::Auto => None,
            Plan::Static { .. } => Some(wired(&self.network()?)?),
        };
        let wanted = Kept { plan: plan.clone(), interface };
        self.apply(&wanted)?;
        *tried = Some(wanted);
        Ok(())
    }

    fn keep_network(&self) -> Result<()> {
        let mut tried = lock(&self.tried);
        let Some(plan) = tried.as_ref() else { return Ok(()) };
        plan_file::write(&self.plan(), plan)?;
        *tried = None;
        Ok(())
    }

    fn revert_network(&self) -> Result<()> {
        let mut tried = lock(&self.tried);
        self.apply(&plan_file::kept(&self.plan()))?;
        *tried = None;
        Ok(())
    }
}

impl Real {
    fn plan(&self) -> PathBuf {
        self.paths.etc.join("network/plan.toml")
    }

    fn apply(&self, wanted: &Kept) -> Result<()> {
        let path = Path::new(STATIC);
        let wanted = match &wanted.plan {
            Plan::Auto => None,
            Plan::Static { address, gateway, dns } => {
                let now = self.network()?;
                let interface = match &wanted.interface {
                    Some(interface) => interface.name_now(&now.interfaces),
                    // Kept by a version that did not note it.
                    None => wired(&now)?.name,
                };
                Some(network_file(&interface, address, *gateway, dns))
            }
        };
        // Reconfiguring cuts connections for a moment, so only where something changes.
        if atomic::read(path)? == wanted {
            return Ok(());
        }
        match &wanted {
            Some(text) => {
                if let Some(folder) = path.parent() {
                    atomic::folder(folder, 0o755, None)?;
                }
                atomic::write(path, text.as_bytes(), 0o644, None)?;
            }
            None => atomic::remove(path)?,
        }
        let answer = call("networkctl", &["reload"], None, SHORT)?;
        if answer.status == Some(0) { Ok(()) } else { Err(Error::NetworkFailed { detail: answer.detail() }) }
    }
}

/// What networkd makes of a static plan. Addresses are printed from their parsed form: nothing that was typed gets into
/// the file.
fn network_file(interface: &str, address: &str, gateway: IpAddr, dns: &[IpAddr]) -> String {
    let mut text =
        format!("# Written by hearth-agent from the owner's settings.\n[Match]\nName={interface}\n\n[Network]\n");
    let mut put = |key: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{key}={value}");
    };
    if let Some((host, prefix)) = split_address(address) {
        put("Address", format!("{host}/{prefix}"));
    }
    put("Gateway", gateway.to_string());
    for server in dns {
        put("DNS", server.to_string());
    }
    put("IPv6AcceptRA", "yes".to_owned());
    put("MulticastDNS", "yes".to_owned());
    text
}

/// The interface that a static address goes to: the one with the router, or the first with a cable, or the first.
fn wired(now: &NetworkNow) -> Result<Wired> {
    let is_wired = |interface: &&Interface| {
        let folder = Path::new("/sys/class/net").join(&interface.name);
        folder.join("device").exists() && !folder.join("wireless").exists()
    };
    let wired: Vec<&Interface> = now.interfaces.iter().filter(is_wired).collect();
    let best = wired.iter().find(|interface| interface.gateway.is_some());
    let best = best.or_else(|| wired.iter().find(|interface| interface.carrier)).or_else(|| wired.first());
    best.map(|interface| Wired::of(interface))
        .ok_or_else(|| Error::NetworkFailed { detail: "there is no wired network interface".to_owned() })
}

fn ip(arguments: &[&str]) -> Result<String> {
    let arguments: Vec<&str> = std::iter::once("-json").chain(arguments.iter().copied()).collect();
    ask("ip", &arguments, None, SHORT)
}

#[derive(Deserialize)]
struct IpInterface {
    ifname: String,
    #[serde(default)]
    flags: Vec<String>,
    link_type: Option<String>,
    address: Option<String>,
    #[serde(default)]
    addr_info: Vec<IpAddress>,
}

/// `ip` prints an empty object for an address that a filter left out, hence the options.
#[derive(Deserialize)]
struct IpAddress {
    local: Option<IpAddr>,
    prefixlen: Option<u8>,
    #[serde(default)]
    temporary: bool,
    #[serde(default)]
    deprecated: bool,
    #[serde(default)]
    tentative: bool,
}

#[derive(Deserialize)]
struct IpRoute {
    dev: String,
    gateway: Option<IpAddr>,
    #[serde(default)]
    metric: u32,
}

/// What `ip -json address show`, its two default routes and a `resolv.conf` say together.
fn parse(addresses: &str, v4: &str, v6: &str, resolv: &str) -> Result<NetworkNow> {
    let found: Vec<IpInterface> = read_ip(addresses)?;
    let mut routes: Vec<IpRoute> = read_ip(v4)?;
    routes.sort_by_key(|route| route.metric);
    let mut routes_v6: Vec<IpRoute> = read_ip(v6)?;
    routes_v6.sort_by_key(|route| route.metric);
    // IPv4 first, for that is the one the owner sees at the router.
    routes.append(&mut routes_v6);

    let mut interfaces: Vec<Interface> = Vec::new();
    for interface in found.into_iter().filter(|interface| interface.link_type.as_deref() != Some("loopback")) {
        let mut usable: Vec<(IpAddr, u8)> = interface
            .addr_info
            .iter()
            // A temporary address is gone tomorrow, a deprecated one soon, a tentative one may be somebody else's.
            .filter(|address| !address.temporary && !address.deprecated && !address.tentative)
            .filter_map(|address| Some((address.local?, address.prefixlen?)))
            .collect();
        usable.sort_by_key(|(address, _)| (is_local(*address), address.is_ipv6()));
        interfaces.push(Interface {
            gateway: routes.iter().find(|route| route.dev == interface.ifname).and_then(|route| route.gateway),
            carrier: interface.flags.iter().any(|flag| flag == "LOWER_UP"),
            addresses: usable.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect(),
            mac: interface.address,
            name: interface.ifname,
        });
    }

    let main = routes.first().map(|route| route.dev.as_str());
    let on_main = interfaces.iter().filter(|interface| main.is_none_or(|main| interface.name == main));
    let addresses = on_main.flat_map(|interface| &interface.addresses).filter(|text| !text_is_local(text)).cloned();
    Ok(NetworkNow {
        addresses: addresses.collect(),
        gateway: routes.iter().find_map(|route| route.gateway),
        dns: parse_servers(resolv),
        interfaces,
    })
}

fn read_ip<T: serde::de::DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    // Some versions print nothing at all where there is nothing to show.
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text)
        .map_err(|error| Error::Unreadable { program: "ip".to_owned(), detail: error.to_string() })
}

fn parse_servers(resolv: &str) -> Vec<IpAddr> {
    let servers = resolv.lines().filter_map(|line| line.strip_prefix("nameserver")).map(str::trim);
    // A link-local server bears the interface's name after a percent sign.
    servers.filter_map(|server| server.split('%').next()?.parse().ok()).collect()
}

fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => is_link_local(v6),
    }
}

fn text_is_local(text: &str) -> bool {
    split_address(text).is_none_or(|(address, _)| is_local(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: &str = r#"[
        {"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"link_type":"loopback",
         "address":"00:00:00:00:00:00","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
        {"ifindex":2,"ifname":"end0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"link_type":"ether",
         "address":"dc:a6:32:01:02:03","addr_info":[
            {"family":"inet6","local":"fe80::dea6:32ff:fe01:203","prefixlen":64,"scope":"link"},
            {"family":"inet6","local":"2001:db8:5::7777","prefixlen":64,"scope":"global","temporary":true},
            {"family":"inet6","local":"2001:db8:5::203","prefixlen":64,"scope":"global","dynamic":true},
            {"family":"inet","local":"192.168.1.23","prefixlen":24,"broadcast":"192.168.1.255","scope":"global"},{}]},
        {"ifindex":3,"ifname":"end1","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"link_type":"ether",
         "address":"dc:a6:32:01:02:04","addr_info":[]}]"#;
    const V4: &str =
        r#"[{"dst":"default","gateway":"192.168.1.1","dev":"end0","protocol":"dhcp","metric":1024,"flags":[]}]"#;
    const V6: &str = r#"[{"dst":"default","gateway":"fe80::1","dev":"end0","protocol":"ra","metric":512,"flags":[],"pref":"medium"}]"#;
    const RESOLV: &str = "# resolved\nnameserver 192.168.1.1\nnameserver fe80::1%2\nsearch home\n";

    #[test]
    fn what_the_kernel_says() {
        let now = parse(ADDRESSES, V4, V6, RESOLV).unwrap();
        assert_eq!(now.addresses, ["192.168.1.23/24", "2001:db8:5::203/64"]);
        assert_eq!(now.gateway, Some("192.168.1.1".parse().unwrap()));
        assert_eq!(now.dns, ["192.168.1.1".parse::<IpAddr>().unwrap(), "fe80::1".parse().unwrap()]);
        let names: Vec<_> = now.interfaces.iter().map(|each| (each.name.as_str(), each.carrier)).collect();
        assert_eq!(names, [("end0", true), ("end1", false)]);
        let end0 = &now.interfaces[0];
        assert_eq!(end0.addresses.last().unwrap(), "fe80::dea6:32ff:fe01:203/64");
        assert_eq!(end0.mac.as_deref(), Some("dc:a6:32:01:02:03"));
        assert_eq!(end0.gateway, now.gateway);
    }

    #[test]
    fn without_any_route_all_addresses_count() {
        let now = parse(ADDRESSES, "[]", "", "").unwrap();
        assert_eq!((now.addresses.len(), now.gateway, now.dns.len()), (2, None, 0));
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(parse("{}", V4, V6, RESOLV).unwrap_err().code(), "program_unreadable");
    }

    #[test]
    fn a_static_plan_as_a_file() {
        let dns = ["192.168.1.1".parse().unwrap(), "9.9.9.9".parse().unwrap()];
        let text = network_file("end0", "192.168.1.9/24", "192.168.1.1".parse().unwrap(), &dns);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "[Match]",
                "Name=end0",
                "",
                "[Network]",
                "Address=192.168.1.9/24",
                "Gateway=192.168.1.1",
                "DNS=192.168.1.1",
                "DNS=9.9.9.9",
                "IPv6AcceptRA=yes",
                "MulticastDNS=yes"
            ]
        );
    }
}
