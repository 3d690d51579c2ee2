//! All checks of a public name, in the order of the page.

use crate::{
    Config, NonceHost, Question, addresses, delegation,
    dns::{self, NoAnswer, Resolver},
    fetch::Fetcher,
    finding::{Check, Finding},
    outside, ports,
    router::{self, Router},
};
use std::{collections::BTreeMap, fmt::Write as _};

/// What happens, as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A check is under way.
    Started(Check),
    /// A check is over.
    Found(Finding),
}

/// Checks whether the world can reach the box by that name. Takes some ten seconds where a router is silent; each check
/// ends, whatever the others find. `random` makes the nonce by which the box knows itself again.
pub async fn check(
    config: &Config,
    question: &Question,
    nonces: &dyn NonceHost,
    random: [u8; 16],
    progress: &(dyn Fn(Event) + Send + Sync),
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |finding: Finding| {
        progress(Event::Found(finding.clone()));
        findings.push(finding);
    };
    for check in [Check::Dns, Check::PublicAddress, Check::Router] {
        progress(Event::Started(check));
    }
    let resolver = Resolver::new(config);
    let ask = async {
        match &resolver {
            Ok(resolver) => resolver.addresses(&question.host).await,
            Err(error) => Err(error.clone()),
        }
    };
    let (addresses, router) = tokio::join!(ask, Router::find(config));
    let mut router = router;
    let mut mapped = BTreeMap::new();
    if let (Some(router), true) = (&mut router, config.map_ports) {
        for port in config.ports.all() {
            mapped.insert(port, router.map(port).await);
        }
    }
    let (public, public_finding) = addresses::judge(config, router.as_ref());
    found(dns::judge(&question.host, &addresses, &public));
    found(public_finding);
    found(router::judge(config, router.as_ref().map(Router::protocol), &mapped, &public));

    let outside = match (&config.outside_checker_url, &resolver) {
        (Some(url), Ok(resolver)) => match Fetcher::new(config, resolver) {
            Ok(fetcher) => outside::ask(&fetcher, url, &question.server_name).await,
            Err(error) => Err(error),
        }
        .inspect_err(|error| tracing::warn!(%error, "nobody looked from outside"))
        .ok(),
        _ => None,
    };
    let known = ports::Known {
        addresses: addresses.as_deref().unwrap_or_default(),
        public: &public,
        mapped: &mapped,
        outside: outside.as_ref(),
    };
    let nonce = random.iter().fold(String::new(), |mut text, byte| {
        // A string takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let all = [
        (Check::Port80, config.ports.http),
        (Check::Port443, config.ports.https),
        (Check::Port8448, config.ports.federation),
    ];
    for (check, port) in all {
        progress(Event::Started(check));
        found(ports::judge(config, question, check, port, &known, nonces, &nonce).await);
    }

    progress(Event::Started(Check::Delegation));
    found(match &resolver {
        Ok(resolver) => delegation::judge(config, question, resolver).await,
        Err(NoAnswer(detail)) => delegation::unknown(question, detail),
    });
    findings
}
