//! Whether other servers find the host by the server name.
//! <https://spec.matrix.org/latest/server-server-api/#resolving-server-names>

use crate::{
    Config, Question,
    dns::{NoAnswer, Resolver},
    fetch::{FetchError, Fetcher},
    finding::{Check, Finding, Level},
};
use serde::Serialize;
use std::net::IpAddr;

/// Where other servers go, and why there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Target {
    host: String,
    port: u16,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum By {
    /// The server name is an address, or names a port.
    Name,
    /// `.well-known/matrix/server`.
    WellKnown,
    /// An SRV record.
    Srv,
    /// Nothing else was found.
    Default,
}

/// What `.well-known` came to.
#[derive(Debug)]
enum WellKnown {
    Says(String),
    Absent(String),
    Broken(String),
    Certificate(String),
}

/// Walks the specification's steps and judges where they lead.
pub(crate) async fn judge(config: &Config, question: &Question, resolver: &Resolver) -> Finding {
    let server_name = &question.server_name;
    let (name, explicit_port) = split(server_name);
    // 1. and 2.: an address, or a port: nothing is delegated.
    if name.parse::<IpAddr>().is_ok() || explicit_port.is_some() {
        let target = Target { host: name, port: explicit_port.unwrap_or(8448), by: By::Name };
        return verdict(question, &target, None, config);
    }
    // 3.: `.well-known`.
    let well_known = match Fetcher::new(config, resolver) {
        Ok(fetcher) => ask(&fetcher, server_name).await,
        Err(error) => WellKnown::Absent(error.to_string()),
    };
    let found = match &well_known {
        WellKnown::Says(delegated) => by_delegated(delegated, resolver).await,
        // 4. and 5.: SRV, or the name itself.
        _ => by_srv(&name, resolver)
            .await
            .map(|found| found.unwrap_or(Target { host: name.clone(), port: 8448, by: By::Default })),
    };
    match found {
        Ok(target) => verdict(question, &target, Some(&well_known), config),
        Err(NoAnswer(detail)) => unknown(question, &detail),
    }
}

/// Without DNS nothing can be said.
pub(crate) fn unknown(question: &Question, detail: &str) -> Finding {
    Finding::new(Check::Delegation, Level::Unknown, "delegation_unknown", format!("DNS does not answer: {detail}."))
        .help("Check that the box is connected to the internet, then check again.")
        .with("server_name", &question.server_name)
        .with("host", &question.host)
}

async fn ask(fetcher: &Fetcher<'_>, server_name: &str) -> WellKnown {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(rename = "m.server")]
        server: String,
    }
    match fetcher.get(&format!("https://{server_name}/.well-known/matrix/server")).await {
        Ok(body) => match serde_json::from_slice::<Body>(&body) {
            Ok(body) if is_server_name(&body.server) => WellKnown::Says(body.server),
            Ok(body) => {
                WellKnown::Broken(format!("{:?} is no server name", body.server.chars().take(80).collect::<String>()))
            }
            Err(error) => WellKnown::Broken(error.to_string()),
        },
        Err(FetchError::Certificate(detail)) => WellKnown::Certificate(detail),
        Err(error) => WellKnown::Absent(error.to_string()),
    }
}

/// The rest of step 3.
async fn by_delegated(delegated: &str, resolver: &Resolver) -> Result<Target, NoAnswer> {
    let (host, port) = split(delegated);
    if host.parse::<IpAddr>().is_ok() || port.is_some() {
        return Ok(Target { host, port: port.unwrap_or(8448), by: By::WellKnown });
    }
    let by_srv = by_srv(&host, resolver).await?;
    Ok(by_srv.unwrap_or(Target { host, port: 8448, by: By::WellKnown }))
}

async fn by_srv(name: &str, resolver: &Resolver) -> Result<Option<Target>, NoAnswer> {
    // The second is the older name of the same record.
    for service in ["_matrix-fed._tcp", "_matrix._tcp"] {
        if let Some((host, port)) = resolver.services(&format!("{service}.{name}")).await?.into_iter().next() {
            return Ok(Some(Target { host, port, by: By::Srv }));
        }
    }
    Ok(None)
}

fn verdict(question: &Question, target: &Target, well_known: Option<&WellKnown>, config: &Config) -> Finding {
    let Question { server_name, host } = question;
    let finding = |level, code, message: String| {
        Finding::new(Check::Delegation, level, code, message)
            .with("server_name", server_name)
            .with("host", host)
            .with("target", format!("{}:{}", target.host, target.port))
            .with("by", target.by)
    };
    let wanted = format!("{{\"m.server\": \"{host}:{}\"}}", config.ports.https);
    let publish = format!(
        "Put a file at https://{server_name}/.well-known/matrix/server that holds {wanted} \u{2014} or let that address redirect to the same path at https://{host}."
    );
    let leads_here =
        target.host.eq_ignore_ascii_case(host) && [config.ports.https, config.ports.federation].contains(&target.port);
    match (leads_here, well_known) {
        (true, _) => {
            let Target { host, port, .. } = target;
            finding(Level::Good, "delegation_good", format!("Other servers find {server_name} at {host}, port {port}."))
        }
        // The box answers for its own name as soon as the homeserver runs.
        (false, Some(WellKnown::Says(_)) | None) | (false, Some(WellKnown::Absent(_))) if target.by != By::Default => finding(
            Level::Bad,
            "delegation_elsewhere",
            format!("Other servers are sent to {}, port {}, and not to {host}.", target.host, target.port),
        )
        .help(match target.by {
            By::Name => format!("A server name with a port or an address can't be delegated: use {host} as the server name, or one without."),
            By::Srv => format!("Change the SRV record of {server_name} so that it names {host} and port {}, or remove it. {publish}", config.ports.federation),
            By::WellKnown | By::Default => publish.clone(),
        }),
        (false, Some(WellKnown::Certificate(detail))) => finding(
            Level::Bad,
            "delegation_certificate",
            format!("The web server of {server_name} shows a certificate that other servers don't trust: {detail}."),
        )
        .help(format!("Give {server_name} a valid certificate. {publish}"))
        .with("detail", detail),
        (false, Some(WellKnown::Broken(detail))) => finding(
            Level::Bad,
            "delegation_broken",
            format!("What stands at https://{server_name}/.well-known/matrix/server makes no sense: {detail}."),
        )
        .help(format!("It has to be {wanted} and nothing else."))
        .with("detail", detail),
        (false, absent) => {
            let detail = if let Some(WellKnown::Absent(detail)) = absent { detail.as_str() } else { "" };
            finding(
                Level::Bad,
                "delegation_missing",
                format!("Other servers don't learn that {server_name} is served by {host}."),
            )
            .help(publish)
            .with("wanted", wanted)
            .with("detail", detail)
        }
    }
}

/// Host and port of a server name; brackets of an IPv6 address are taken off.
fn split(name: &str) -> (String, Option<u16>) {
    if let Some((host, rest)) = name.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host.to_ascii_lowercase(), rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match name.rsplit_once(':') {
        Some((host, port)) => (host.to_ascii_lowercase(), port.parse().ok()),
        None => (name.to_ascii_lowercase(), None),
    }
}

fn is_server_name(name: &str) -> bool {
    let (host, _) = split(name);
    !host.is_empty()
        && name.len() <= 255
        && (host.parse::<IpAddr>().is_ok()
            || host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.'))
        && name.strip_prefix(&*host).is_none_or(|rest| {
            rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names_are_taken_apart() {
        assert_eq!(split("Example.org"), ("example.org".to_owned(), None));
        assert_eq!(split("example.org:443"), ("example.org".to_owned(), Some(443)));
        assert_eq!(split("[2a01::1]:8448"), ("2a01::1".to_owned(), Some(8448)));
        assert_eq!(split("[2a01::1]"), ("2a01::1".to_owned(), None));
        for good in ["a.org", "a.org:1", "[::1]:5", "10.0.0.1"] {
            assert!(is_server_name(good), "{good}");
        }
        for bad in ["", ":443", "a.org:x", "a.org:70000", "a b", "https://a.org", "a.org/"] {
            assert!(!is_server_name(bad), "{bad}");
        }
    }
}
