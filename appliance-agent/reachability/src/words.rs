//! Advice that several checks give.

use std::net::Ipv4Addr;

/// How to forward a port by hand.
pub(crate) fn forward(port: u16, box_address: Option<Ipv4Addr>) -> String {
    let target = box_address.map_or_else(|| "the box".to_owned(), |address| format!("the box ({address})"));
    format!(
        "In your router, look for \u{201c}port forwarding\u{201d}, \u{201c}port sharing\u{201d} or \u{201c}virtual server\u{201d}, and forward TCP port {port} to port {port} of {target}. \
         Let the router give the box always the same address."
    )
}

/// A list of ports.
pub(crate) fn ports(ports: &[u16]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
