//! PCP, and NAT-PMP where the router knows only that.

use super::{LEASE, Lease, MapError, Protocol, Wan};
use crate::Config;
use crab_nat::{
    InternetProtocol, MappingFailure, PortMapping, PortMappingOptions, PortMappingType, TimeoutConfig, natpmp, pcp,
};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
    time::Duration,
};

/// A port that no one uses (discard), mapped for a moment to see whether the router speaks PCP: the protocol has no
/// question of its own for the public address. Its answer tells it.
const TRIAL_PORT: NonZeroU16 = NonZeroU16::MIN.saturating_add(8);
const TRIAL_LEASE_S: u32 = 120;

pub(super) struct Pcp {
    asked: Asked,
    protocol: Protocol,
    mapped: HashMap<u16, PortMapping>,
}

/// Who asks whom.
#[derive(Clone, Copy)]
struct Asked {
    gateway: Ipv4Addr,
    client: Ipv4Addr,
    /// PCP gives a mapping only to who knows its nonce, so it is the same for every one who asks for the box, also after a
    /// restart.
    nonce: pcp::Nonce,
}

impl Pcp {
    /// The router and its public address, if it speaks either protocol.
    pub(super) async fn find(config: &Config) -> Option<(Self, Wan)> {
        let asked = Asked { gateway: config.gateway?, client: config.private_v4()?, nonce: config.pcp_nonce };
        let found = |protocol| Self { asked, protocol, mapped: HashMap::new() };
        match natpmp::external_address(asked.gateway.into(), Some(TIMES)).await {
            Ok(wan) => return Some((found(Protocol::NatPmp), Wan::of(wan))),
            // It has no address that it would call public.
            Err(natpmp::Failure::NetworkFailure) => return Some((found(Protocol::NatPmp), Wan::NoPublic)),
            // Nobody is there. One that speaks PCP alone answers this older question with its own version (RFC 6887, 9).
            Err(natpmp::Failure::Timeout | natpmp::Failure::Socket(_)) => return None,
            Err(_) => {}
        }
        match request(asked, TRIAL_PORT, None, TRIAL_LEASE_S).await {
            Ok(trial) => {
                let (protocol, wan) = (protocol(&trial), wan(&trial));
                // It runs out by itself, should this fail.
                let _ = trial.try_drop().await;
                Some((found(protocol), wan.map_or(Wan::Unsaid, Wan::of)))
            }
            Err(MapError::Silent) => None,
            Err(_) => Some((found(Protocol::Pcp), Wan::Unsaid)),
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) async fn map(&mut self, port: u16) -> Result<Lease, MapError> {
        let number = NonZeroU16::new(port).ok_or_else(|| MapError::Other("port 0".to_owned()))?;
        let mapping = match self.mapped.remove(&port) {
            Some(mut mapping) => match mapping.renew().await {
                Ok(()) => mapping,
                // It may have lost its table; then it is a new one.
                Err(_) => self.request(number).await?,
            },
            None => self.request(number).await?,
        };
        if mapping.external_port() != number {
            let _ = mapping.try_drop().await;
            return Err(MapError::Taken);
        }
        self.protocol = protocol(&mapping);
        let lasts = Duration::from_secs(mapping.lifetime().into());
        let lease = Lease { port, lasts: Some(lasts), wan: wan(&mapping) };
        self.mapped.insert(port, mapping);
        Ok(lease)
    }

    pub(super) async fn unmap(&mut self, port: u16) -> Result<(), MapError> {
        let Some(mapping) = self.mapped.remove(&port) else { return Ok(()) };
        mapping.try_drop().await.map_err(|(error, _)| explain(&error))
    }

    async fn request(&self, port: NonZeroU16) -> Result<PortMapping, MapError> {
        let seconds = u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX);
        request(self.asked, port, Some(port), seconds).await
    }
}

/// Routers answer within milliseconds; the first packet may be lost on a wireless link.
const TIMES: TimeoutConfig =
    TimeoutConfig { initial_timeout: Duration::from_millis(500), max_retries: 2, max_retry_timeout: None };

async fn request(
    asked: Asked,
    internal: NonZeroU16,
    external: Option<NonZeroU16>,
    lifetime_s: u32,
) -> Result<PortMapping, MapError> {
    let options =
        PortMappingOptions { external_port: external, lifetime_seconds: Some(lifetime_s), timeout_config: Some(TIMES) };
    let gateway = asked.gateway.into();
    let base = pcp::BaseMapRequest::new(gateway, IpAddr::V4(asked.client), InternetProtocol::Tcp, internal);
    match pcp::port_mapping(base, Some(asked.nonce), None, options).await {
        Ok(mapping) => Ok(mapping),
        Err(error @ (pcp::Failure::NotAuthorized(_) | pcp::Failure::CannotProvideExternal(_))) => {
            Err(explain(&MappingFailure::Pcp(error)))
        }
        // A router of NAT-PMP's time may not answer PCP at all, not even by saying so.
        Err(_) => natpmp::port_mapping(gateway, InternetProtocol::Tcp, internal, options)
            .await
            .map_err(|error| explain(&MappingFailure::NatPmp(error))),
    }
}

fn protocol(mapping: &PortMapping) -> Protocol {
    match mapping.mapping_type() {
        PortMappingType::NatPmp => Protocol::NatPmp,
        PortMappingType::Pcp { .. } => Protocol::Pcp,
    }
}

fn wan(mapping: &PortMapping) -> Option<Ipv4Addr> {
    match mapping.mapping_type() {
        PortMappingType::Pcp { external_ip: IpAddr::V4(v4), .. } => Some(v4),
        PortMappingType::Pcp { external_ip: IpAddr::V6(v6), .. } => v6.to_ipv4_mapped(),
        PortMappingType::NatPmp => None,
    }
}

fn explain(error: &MappingFailure) -> MapError {
    let text = error.to_string();
    match error {
        MappingFailure::Pcp(pcp::Failure::NotAuthorized(_) | pcp::Failure::AddressMismatch)
        | MappingFailure::NatPmp(natpmp::Failure::NotAuthorized) => MapError::Refused,
        MappingFailure::Pcp(pcp::Failure::CannotProvideExternal(_)) => MapError::Taken,
        // Refused connections are how a machine answers on which nothing listens.
        MappingFailure::Pcp(pcp::Failure::Timeout | pcp::Failure::Socket(_))
        | MappingFailure::NatPmp(natpmp::Failure::Timeout | natpmp::Failure::Socket(_)) => MapError::Silent,
        _ => MapError::Other(text),
    }
}
