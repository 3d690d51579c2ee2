//! UPnP's internet gateway device.

use super::{LEASE, Lease, MapError, Wan};
use crate::Config;
use igd_next::{
    AddPortError, GetExternalIpError, PortMappingProtocol, RemovePortError, RequestError, SearchOptions,
    aio::{
        Gateway,
        tokio::{Tokio, search_gateway},
    },
};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::time::timeout;

/// How the router's page names the mapping.
const DESCRIPTION: &str = "Hearth";
/// What an answer by multicast may take, with what it leads to.
const SEARCH: Duration = Duration::from_secs(4);

pub(super) struct Upnp {
    gateway: Gateway<Tokio>,
    client: Ipv4Addr,
    patience: Duration,
}

impl Upnp {
    /// The router and its public address, if one answers.
    pub(super) async fn find(config: &Config) -> Option<(Self, Wan)> {
        let client = config.private_v4()?;
        let mut options = SearchOptions::default();
        // From this address, or the question leaves by whichever interface comes first.
        options.bind_addr = SocketAddr::new(IpAddr::V4(client), 0);
        options.timeout = Some(SEARCH);
        options.single_search_timeout = Some(SEARCH);
        let gateway = search_gateway(options).await.ok()?;
        let patience = config.patience;
        let wan = match timeout(patience, gateway.get_external_ip()).await {
            Ok(Ok(IpAddr::V4(v4))) => Wan::of(v4),
            // An answer without an address in it.
            Ok(Err(GetExternalIpError::RequestError(RequestError::InvalidResponse(_)))) => Wan::NoPublic,
            _ => Wan::Unsaid,
        };
        Some((Self { gateway, client, patience }, wan))
    }

    pub(super) async fn map(&self, port: u16) -> Result<Lease, MapError> {
        let seconds = u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX);
        match self.add(port, seconds).await {
            Ok(()) => Ok(Lease { port, lasts: Some(LEASE), wan: None }),
            // Some routers know only mappings that stay.
            Err(AddPortError::OnlyPermanentLeasesSupported) => match self.add(port, 0).await {
                Ok(()) => Ok(Lease { port, lasts: None, wan: None }),
                Err(error) => Err(explain(&error)),
            },
            Err(error) => Err(explain(&error)),
        }
    }

    pub(super) async fn unmap(&self, port: u16) -> Result<(), MapError> {
        match timeout(self.patience, self.gateway.remove_port(PortMappingProtocol::TCP, port)).await {
            Ok(Ok(()) | Err(RemovePortError::NoSuchPortMapping)) => Ok(()),
            Ok(Err(RemovePortError::ActionNotAuthorized)) => Err(MapError::Refused),
            Ok(Err(error)) => Err(MapError::Other(error.to_string())),
            Err(_) => Err(MapError::Silent),
        }
    }

    async fn add(&self, port: u16, seconds: u32) -> Result<(), AddPortError> {
        let local = SocketAddr::new(IpAddr::V4(self.client), port);
        let asked = self.gateway.add_port(PortMappingProtocol::TCP, port, local, seconds, DESCRIPTION);
        match timeout(self.patience, asked).await {
            Ok(result) => result,
            Err(_) => Err(AddPortError::RequestError(RequestError::IoError(std::io::ErrorKind::TimedOut.into()))),
        }
    }
}

fn explain(error: &AddPortError) -> MapError {
    match error {
        AddPortError::ActionNotAuthorized => MapError::Refused,
        AddPortError::PortInUse => MapError::Taken,
        AddPortError::RequestError(
            RequestError::IoError(_) | RequestError::HyperError(_) | RequestError::HyperClientError(_),
        ) => MapError::Silent,
        other => MapError::Other(other.to_string()),
    }
}
