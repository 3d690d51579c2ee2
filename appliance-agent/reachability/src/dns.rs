//! Names asked of DNS, and whether the host's addresses are this house's.

use crate::{
    Config, Dns,
    addresses::{Public, Reach, reach},
    finding::{Check, Finding, Level},
};
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};
use std::net::{IpAddr, SocketAddr};

/// The servers that are asked.
pub(crate) struct Resolver(TokioResolver);

/// No answer; as opposed to the answer that there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoAnswer(pub(crate) String);

impl Resolver {
    pub(crate) fn new(config: &Config) -> Result<Self, NoAnswer> {
        let no = |error: NetError| NoAnswer(error.to_string());
        let mut builder = match &config.dns {
            Dns::System => TokioResolver::builder_tokio().map_err(no)?,
            Dns::Servers(servers) => {
                let servers = servers.iter().map(server).collect();
                let settings = ResolverConfig::from_parts(None, Vec::new(), servers);
                TokioResolver::builder_with_config(settings, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = config.patience;
        options.attempts = 1;
        // What the box itself calls a name is no answer to what the world finds by it.
        options.use_hosts_file = ResolveHosts::Never;
        // Somebody who just changed a record looks again.
        options.cache_size = 0;
        builder.build().map(Self).map_err(no)
    }

    /// The addresses of a name, IPv4 first. An address stands for itself.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        if let Ok(address) = name.trim_matches(['[', ']']).parse() {
            return Ok(vec![address]);
        }
        let (v4, v6) = tokio::join!(self.ask(name, RecordType::A), self.ask(name, RecordType::AAAA));
        // A house without IPv6 may have a resolver that answers for A alone.
        let v6 = if v4.is_ok() { v6.unwrap_or_default() } else { v6? };
        let found = v4?.into_iter().chain(v6).filter_map(|data| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        });
        Ok(found.collect())
    }

    /// Hosts and ports that an SRV record names, best first.
    pub(crate) async fn services(&self, name: &str) -> Result<Vec<(String, u16)>, NoAnswer> {
        let mut found: Vec<_> = self
            .ask(name, RecordType::SRV)
            .await?
            .into_iter()
            .filter_map(|data| match data {
                RData::SRV(record) => {
                    let target = record.target.to_utf8().trim_end_matches('.').to_ascii_lowercase();
                    Some((record.priority, target, record.port))
                }
                _ => None,
            })
            .collect();
        found.sort();
        Ok(found.into_iter().map(|(_, target, port)| (target, port)).collect())
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, NoAnswer> {
        // With a full stop, or the house's own domain would be tried as well.
        let name = format!("{}.", name.trim_end_matches('.'));
        match self.0.lookup(name, kind).await {
            Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(NoAnswer(error.to_string())),
        }
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

/// Judges the host's addresses.
pub(crate) fn judge(host: &str, found: &Result<Vec<IpAddr>, NoAnswer>, public: &Public) -> Finding {
    let finding = |level, code, message: String| {
        Finding::new(Check::Dns, level, code, message)
            .with("host", host)
            .with("found", found.as_deref().unwrap_or_default())
            .with("public", public.list())
    };
    let advice = match (public.v4, public.v6.first()) {
        (Some(v4), _) => format!("At the provider of your domain, make an A record for {host} with the address {v4}."),
        (None, Some(v6)) if public.no_v4 => {
            format!("At the provider of your domain, make an AAAA record for {host} with the address {v6}.")
        }
        _ => format!(
            "At the provider of your domain, make an A record for {host} with the public address of your router."
        ),
    };
    let changing =
        "If your address changes from day to day, use the dynamic DNS of your domain's provider or of your router.";
    let found = match found {
        Err(NoAnswer(detail)) => {
            return finding(Level::Unknown, "dns_unreachable", format!("DNS does not answer: {detail}."))
                .help("Check that the box is connected to the internet, and the DNS servers in its network settings.")
                .with("detail", detail);
        }
        Ok(found) if found.is_empty() => {
            return finding(Level::Bad, "dns_missing", format!("{host} has no address in DNS."))
                .help(format!("{advice} It may take an hour until it is known everywhere. {changing}"));
        }
        Ok(found) => found,
    };
    if let Some(address) = found.iter().find(|address| reach(**address) != Reach::World) {
        return finding(
            Level::Bad,
            "dns_private",
            format!("{host} has the address {address} in DNS, which can't be reached from the internet."),
        )
        .help(advice)
        .with("address", address);
    }
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = found.iter().copied().partition(IpAddr::is_ipv4);
    let listed = |list: &[IpAddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Some(own) = public.v4
        && !v4.is_empty()
        && !v4.contains(&IpAddr::V4(own))
    {
        return finding(
            Level::Bad,
            "dns_elsewhere",
            format!("{host} leads to {}, but your address is {own}.", listed(&v4)),
        )
        .help(format!("{advice} {changing}"));
    }
    if v4.is_empty() && public.v4.is_some() {
        return finding(Level::Warning, "dns_no_ipv4", format!("{host} has only an IPv6 address in DNS."))
            .help(format!("{advice} People without IPv6 can't reach the box otherwise."));
    }
    if public.no_v4 && !v4.is_empty() {
        return finding(
            Level::Bad,
            "dns_not_yours",
            format!("{host} leads to {}, but your house has no IPv4 address of its own.", listed(&v4)),
        )
        .help("Remove the A record, or ask your provider for a public IPv4 address.");
    }
    let foreign = v6.iter().find(|address| !public.list().contains(address));
    if let (Some(address), false) = (foreign, v6.is_empty()) {
        return finding(
            Level::Warning,
            "dns_ipv6_elsewhere",
            format!("The IPv6 address {address} of {host} in DNS is not the box's."),
        )
        .help(match public.v6.first() {
            Some(own) => format!("Change the AAAA record of {host} to {own}, or remove it."),
            None => format!("The box has no public IPv6 address: remove the AAAA record of {host}."),
        })
        .with("address", address);
    }
    if public.v4.is_none() && !v4.is_empty() {
        return finding(
            Level::Unknown,
            "dns_found",
            format!("{host} leads to {}. Whether that is your address can't be known from here.", listed(&v4)),
        )
        .help("Compare it with the address that your router's page shows on the internet side.");
    }
    finding(Level::Good, "dns_good", format!("{host} leads to {}, which is yours.", listed(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(found: &[&str], v4: Option<&str>, v6: &[&str], no_v4: bool) -> (Level, &'static str) {
        let public = Public {
            v4: v4.map(|text| text.parse().unwrap()),
            v6: v6.iter().map(|text| text.parse().unwrap()).collect(),
            no_v4,
        };
        let found = Ok(found.iter().map(|text| text.parse().unwrap()).collect());
        let finding = judge("matrix.example.org", &found, &public);
        assert_eq!(finding.help.is_empty(), finding.level == Level::Good, "{finding:?}");
        (finding.level, finding.code)
    }

    #[test]
    fn what_dns_says_is_compared_with_the_house() {
        let own = Some("9.1.2.3");
        assert_eq!(judged(&["9.1.2.3"], own, &[], false), (Level::Good, "dns_good"));
        assert_eq!(judged(&["9.1.2.3", "2a01::5"], own, &["2a01::5"], false), (Level::Good, "dns_good"));
        assert_eq!(judged(&[], own, &[], false), (Level::Bad, "dns_missing"));
        assert_eq!(judged(&["192.168.1.4"], own, &[], false), (Level::Bad, "dns_private"));
        assert_eq!(judged(&["8.8.4.4"], own, &[], false), (Level::Bad, "dns_elsewhere"));
        assert_eq!(judged(&["2a01::5"], own, &["2a01::5"], false), (Level::Warning, "dns_no_ipv4"));
        assert_eq!(judged(&["9.1.2.3", "2a01::6"], own, &["2a01::5"], false), (Level::Warning, "dns_ipv6_elsewhere"));
        assert_eq!(judged(&["8.8.4.4"], None, &[], true), (Level::Bad, "dns_not_yours"));
        assert_eq!(judged(&["8.8.4.4"], None, &[], false), (Level::Unknown, "dns_found"));
        assert_eq!(judged(&["2a01::5"], None, &["2a01::5"], true), (Level::Good, "dns_good"));
    }
}
