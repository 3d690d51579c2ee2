//! Whether a port of the host leads to this box.

use crate::{
    Config, NonceHost, Question,
    addresses::Public,
    finding::{Check, Finding, Level},
    outside::Outside,
    probe::{self, Seen, Sign, StandIn},
    router::{Lease, MapError},
    words,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::time::timeout;

/// What the other checks found.
pub(crate) struct Known<'a> {
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) public: &'a Public,
    pub(crate) mapped: &'a BTreeMap<u16, Result<Lease, MapError>>,
    pub(crate) outside: Option<&'a Outside>,
}

/// Judges one port.
pub(crate) async fn judge(
    config: &Config,
    question: &Question,
    check: Check,
    port: u16,
    known: &Known<'_>,
    nonces: &dyn NonceHost,
    nonce: &str,
) -> Finding {
    let finding = |level, code, message: String| {
        Finding::new(check, level, code, message).with("port", port).with("host", &question.host)
    };
    match known.outside.map(|outside| outside.port(port)) {
        Some(Some(true)) => {
            return finding(Level::Good, "port_open_outside", format!("Port {port} was reached from outside."));
        }
        Some(Some(false)) => {
            return finding(
                Level::Bad,
                "port_closed_outside",
                format!("Port {port} could not be reached from outside."),
            )
            .help(words::forward(port, config.private_v4()));
        }
        _ => {}
    }
    if known.addresses.is_empty() {
        return finding(
            Level::Unknown,
            "port_no_address",
            format!("Port {port} can be tried once {} has an address.", question.host),
        )
        .help("First make the record in DNS, then check again.");
    }
    let (sign, stand_in) = match sign(check, port, &question.host, nonce, config.patience).await {
        Ok(found) => found,
        Err(error) => {
            return finding(
                Level::Unknown,
                "port_not_served",
                format!("The box itself does not answer on port {port}: {error}."),
            )
            .help("Restart the box, then check again.")
            .with("detail", error.to_string());
        }
    };
    nonces.put(nonce);
    let mut seen = Vec::new();
    for address in known.addresses {
        seen.push((
            *address,
            probe::look(SocketAddr::new(*address, port), &question.host, &sign, config.patience).await,
        ));
    }
    nonces.remove(nonce);
    drop(stand_in);
    verdict(config, port, known, &seen, finding)
}

fn verdict(
    config: &Config,
    port: u16,
    known: &Known<'_>,
    seen: &[(IpAddr, Seen)],
    finding: impl Fn(Level, &'static str, String) -> Finding,
) -> Finding {
    let forward = || words::forward(port, config.private_v4());
    if let Some((address, _)) = seen.iter().find(|(_, seen)| *seen == Seen::Other) {
        return finding(Level::Bad, "port_elsewhere", format!("At {address}, port {port}, something else answers than this box."))
            .help(format!("Check that the address in DNS is yours. If it is, your router answers itself: switch off its page from outside. {}", forward()))
            .with("address", address);
    }
    // Through the router and back: the way that the world takes. An address of the box's own shows nothing of what is
    // between it and the world.
    let through = seen.iter().find(|(address, seen)| *seen == Seen::Ours && !config.addresses.contains(address));
    if let Some((address, _)) = through {
        return finding(Level::Good, "port_open", format!("Port {port} leads through {address} to this box."))
            .with("address", address);
    }
    let is_mapped = matches!(known.mapped.get(&port), Some(Ok(_)))
        && known.public.v4.is_some_and(|own| seen.iter().any(|(address, _)| *address == IpAddr::V4(own)));
    if is_mapped {
        return finding(
            Level::Unknown,
            "port_forwarded",
            format!("Your router says that it forwards port {port}, but it does not lead from inside to its own public address."),
        )
        .help("Many routers can't do that, and it works from outside all the same. Try it with a phone that is not in your wireless network. At home, the name may not work then: your router's own DNS can lead it to the box.");
    }
    if seen.iter().any(|(_, seen)| *seen == Seen::Ours) {
        return finding(
            Level::Unknown,
            "port_own_address",
            format!("The box answers on port {port} of its own public address. Whether a router or your provider blocks it can't be seen from inside."),
        )
        .help("Try it with a phone that is not in your wireless network. For IPv6, allow incoming connections to the box in your router's firewall.");
    }
    let detail =
        seen.iter().find_map(|(_, seen)| if let Seen::Nobody(detail) = seen { Some(detail.clone()) } else { None });
    finding(Level::Warning, "port_unseen", format!("Port {port} does not answer at the public name, as seen from inside."))
        .help(format!("If you have forwarded it already, try it with a phone that is not in your wireless network: some routers don't lead from inside to their own public address. Otherwise: {}", forward()))
        .with("detail", detail)
}

/// By what the box is known on that port. Where nobody listens yet, somebody stands in.
async fn sign(
    check: Check,
    port: u16,
    host: &str,
    nonce: &str,
    patience: Duration,
) -> std::io::Result<(Sign, Option<StandIn>)> {
    let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let stand_in = match StandIn::listen(port, nonce.to_owned()).await {
        Ok(stand_in) => Some(stand_in),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => None,
        Err(error) => return Err(error),
    };
    if stand_in.is_some() || check == Check::Port80 {
        return Ok((Sign::Nonce(nonce.to_owned()), stand_in));
    }
    let leaf = timeout(patience, probe::leaf(local, host)).await.map_err(|_| std::io::ErrorKind::TimedOut)??;
    Ok((Sign::Leaf(leaf), None))
}
