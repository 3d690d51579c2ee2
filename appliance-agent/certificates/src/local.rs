//! What the box's own authority signs: the certificate for its names and addresses at home.

use crate::{
    Authority, CertificateError, Folder, Kind, Pair,
    authority::{BACK_MS, LEAF_MS},
};
use std::{collections::BTreeSet, net::IpAddr};

/// What a certificate is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    /// DNS names, such as `hearth.local`.
    pub names: Vec<String>,
    /// Addresses that people may type.
    pub addresses: Vec<IpAddr>,
}

impl Hosts {
    pub(crate) fn words(&self) -> Vec<String> {
        let names = self.names.iter().map(|name| name.to_ascii_lowercase());
        names.chain(self.addresses.iter().map(ToString::to_string)).collect()
    }
}

/// Keeps the certificate of the authority in `folder`: made where there is none, where it is damaged or another
/// authority's, where `hosts` differ from what it is for, or at two thirds of its life. Hosts that the authority may not
/// sign for (public addresses) are left out. Gives the certificate, and whether it is new.
///
/// To be called at start, when addresses change, when the clock has been set, and daily.
///
/// # Errors
/// [`CertificateError::File`] and [`Making`](CertificateError::Making).
pub fn keep_local(
    folder: &Folder,
    authority: &Authority,
    hosts: &Hosts,
    now_ms: u64,
) -> Result<(Pair, bool), CertificateError> {
    let hosts = Hosts {
        names: hosts.names.iter().filter(|name| authority.permits_name(name)).cloned().collect(),
        addresses: hosts.addresses.iter().copied().filter(|address| authority.permits_address(*address)).collect(),
    };
    match folder.current() {
        Ok(Some(pair)) if still_good(&pair, authority, &hosts, now_ms) => return Ok((pair, false)),
        Ok(_) => {}
        Err(error @ CertificateError::File { .. }) => return Err(error),
        Err(error) => tracing::warn!(%error, "the local certificate can't be used; making a new one"),
    }
    let pair = authority.issue(&hosts, now_ms)?;
    // Nothing is kept of the old one: the authority can always sign again.
    folder.replace(&pair)?;
    Ok((pair, true))
}

fn still_good(pair: &Pair, authority: &Authority, hosts: &Hosts, now_ms: u64) -> bool {
    let Ok(details) = pair.details() else { return false };
    let wanted: BTreeSet<_> = hosts.words().into_iter().collect();
    let there: BTreeSet<_> = details.names.iter().cloned().collect();
    // Its life began when it was signed, not at its first moment a year before.
    let signed_ms = details.not_before_ms.saturating_add(BACK_MS);
    let due_ms = signed_ms.saturating_add(LEAF_MS / 3 * 2);
    details.kind(authority) == Kind::Local
        // The chain carries the authority, which may have been made again with more names.
        && pair.served().cert.get(1) == Some(authority.der())
        && wanted == there
        && now_ms < due_ms.min(details.not_after_ms)
        && now_ms >= details.not_before_ms
}
