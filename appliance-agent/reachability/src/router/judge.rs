//! What the router's answers mean for the owner.

use super::{Lease, MapError, Protocol};
use crate::{
    Config,
    addresses::Public,
    finding::{Check, Finding, Level},
    words,
};
use std::collections::BTreeMap;

/// Judges what the router said to each port; `None`: nobody answered.
pub(crate) fn judge(
    config: &Config,
    protocol: Option<Protocol>,
    mapped: &BTreeMap<u16, Result<Lease, MapError>>,
    public: &Public,
) -> Finding {
    let finding = |level, code, message: String| {
        Finding::new(Check::Router, level, code, message)
            .with("protocol", protocol)
            .with("ports", mapped.keys().collect::<Vec<_>>())
    };
    let by_hand = || {
        let all = config.ports.all();
        format!(
            "{} Do so for each of the ports {}.",
            words::forward(config.ports.https, config.private_v4()),
            words::ports(&all)
        )
    };
    let own = public.v4.is_some_and(|own| config.addresses.contains(&own.into()));
    let Some(protocol) = protocol else {
        return if own {
            finding(Level::Good, "router_none", "There is no router between the box and the internet.".to_owned())
        } else {
            finding(Level::Unknown, "router_silent", "Your router can't be asked to forward ports.".to_owned()).help(format!(
                "Either switch on UPnP or PCP in your router (often \u{201c}allow devices to open ports\u{201d}) and check again, or forward the ports by hand. {}",
                by_hand()
            ))
        };
    };
    if mapped.is_empty() {
        return finding(
            Level::Good,
            "router_asked",
            format!("Your router can be asked to forward ports ({protocol})."),
        );
    }
    let failed = |wanted: &dyn Fn(&MapError) -> bool| -> Vec<u16> {
        mapped.iter().filter(|(_, result)| result.as_ref().is_err_and(wanted)).map(|(port, _)| *port).collect()
    };
    let taken = failed(&|error| *error == MapError::Taken);
    if !taken.is_empty() {
        return finding(
            Level::Bad,
            "router_port_taken",
            format!("Your router forwards to another machine: port {}.", words::ports(&taken)),
        )
        .help("In your router, look who has these ports, and take them away from that machine. Some routers use port 443 for their own page from outside: switch that off.")
        .with("taken", &taken);
    }
    let refused = failed(&|_| true);
    if !refused.is_empty() {
        let why = mapped.values().find_map(|result| result.as_ref().err()).map(ToString::to_string).unwrap_or_default();
        return finding(
            Level::Warning,
            "router_refuses",
            format!("Your router was asked to forward port {}, but {why}.", words::ports(&refused)),
        )
        .help(format!("Allow the box to open ports in your router, or forward them by hand. {}", by_hand()))
        .with("refused", &refused);
    }
    let ports: Vec<u16> = mapped.keys().copied().collect();
    finding(
        Level::Good,
        "router_forwards",
        format!(
            "Your router forwards the ports {} to the box ({protocol}); the box keeps asking for it.",
            words::ports(&ports)
        ),
    )
}
