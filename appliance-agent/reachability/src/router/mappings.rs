//! Ports kept open, by asking again before the router forgets.

use super::{Lease, MapError, Router, Wan};
use crate::Config;
use std::{collections::BTreeMap, time::Duration};

/// After a failure, and when no router answers: one may come back.
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// A router that gives leases of seconds is not asked more often.
const SHORTEST: Duration = Duration::from_secs(60);
/// Even mappings that stay are gone when the router restarts.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What a round of [`Mappings::renew`] came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// How each port went; empty where no router answers.
    pub ports: BTreeMap<u16, Result<Lease, MapError>>,
    /// The router's public address, where it says so. The agent compares it with DNS when it changes.
    pub wan: Option<std::net::Ipv4Addr>,
    /// When to renew next.
    pub next: Duration,
}

/// The ports that are kept open. The agent calls [`renew`](Self::renew) in a task, waiting [`Kept::next`] between.
#[derive(Debug)]
pub struct Mappings {
    ports: Vec<u16>,
    router: Option<Router>,
}

impl Mappings {
    /// None is open yet.
    #[must_use]
    pub fn new(ports: Vec<u16>) -> Self {
        Self { ports, router: None }
    }

    /// Opens the ports, or renews them. A router that no longer answers is looked for anew.
    pub async fn renew(&mut self, config: &Config) -> Kept {
        if self.router.is_none() {
            self.router = Router::find(config).await;
        }
        let Some(router) = &mut self.router else { return Kept { next: AGAIN, ..Kept::default() } };
        let mut kept = Kept { next: LONGEST, ..Kept::default() };
        for port in &self.ports {
            let result = router.map(*port).await;
            let next = match &result {
                Ok(Lease { lasts: Some(lasts), .. }) => (*lasts / 2).max(SHORTEST),
                Ok(Lease { lasts: None, .. }) => LONGEST,
                Err(_) => AGAIN,
            };
            kept.next = kept.next.min(next);
            kept.ports.insert(*port, result);
        }
        kept.wan = if let Wan::Is(address) = router.wan() { Some(address) } else { None };
        if kept.ports.values().any(|result| *result == Err(MapError::Silent)) {
            self.router = None;
        }
        kept
    }

    /// Closes them, when the box goes out of service.
    pub async fn close(&mut self) {
        let Some(mut router) = self.router.take() else { return };
        for port in &self.ports {
            if let Err(error) = router.unmap(*port).await {
                tracing::warn!(port, %error, "a port stays forwarded until the router forgets it");
            }
        }
    }
}
