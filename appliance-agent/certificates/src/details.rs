//! What is in a certificate.

use crate::{Authority, CertificateError};
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _, time::ASN1Time};

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// From the box's own authority.
    Local,
    /// From one outside.
    Acme,
}

/// What a page shows of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Details {
    /// DNS names and IP addresses.
    pub names: Vec<String>,
    /// Who signed it, in words.
    pub issuer: String,
    /// First moment, milliseconds since 1970.
    pub not_before_ms: u64,
    /// Last moment.
    pub not_after_ms: u64,
    #[serde(skip)]
    leaf: Vec<u8>,
}

impl Details {
    pub(crate) fn of(leaf: Option<&CertificateDer<'_>>) -> Result<Self, CertificateError> {
        let leaf = leaf.ok_or_else(|| damaged(&"there is no certificate"))?;
        let parsed = parse(leaf)?;
        let issuer = parsed.issuer();
        let word = |mut values: std::vec::IntoIter<&str>| values.next().map(str::to_owned);
        let organization = word(texts(issuer.iter_organization()));
        let common_name = word(texts(issuer.iter_common_name()));
        let issuer = match (organization, common_name) {
            (Some(organization), Some(name)) if organization != name => format!("{organization} {name}"),
            (Some(word), _) | (None, Some(word)) => word,
            (None, None) => issuer.to_string(),
        };
        Ok(Self {
            names: names(&parsed),
            issuer,
            not_before_ms: milliseconds(parsed.validity().not_before),
            not_after_ms: milliseconds(parsed.validity().not_after),
            leaf: leaf.to_vec(),
        })
    }

    /// Local where this authority signed it.
    #[must_use]
    pub fn kind(&self, authority: &Authority) -> Kind {
        let signed = || {
            let authority = parse(authority.der()).ok()?;
            let (_, leaf) = X509Certificate::from_der(&self.leaf).ok()?;
            leaf.verify_signature(Some(authority.public_key())).ok()
        };
        if signed().is_some() { Kind::Local } else { Kind::Acme }
    }
}

/// Whether each certificate is signed by the next.
pub(crate) fn signed_in_order(chain: &[CertificateDer<'_>]) -> Result<(), CertificateError> {
    let parsed = chain.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    for (position, (certificate, signer)) in parsed.iter().zip(parsed.iter().skip(1)).enumerate() {
        let in_order = certificate.issuer().as_raw() == signer.subject().as_raw()
            && certificate.verify_signature(Some(signer.public_key())).is_ok();
        if !in_order {
            return Err(CertificateError::ChainOrder { position: position.saturating_add(1) });
        }
    }
    Ok(())
}

/// Reads DER.
pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(damaged(&"something follows its end")),
        Err(error) => Err(damaged(&error)),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(|bytes| Ipv4Addr::from(bytes).into())
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into()))
        .ok()
}

fn texts<'a>(
    values: impl Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
) -> std::vec::IntoIter<&'a str> {
    values.filter_map(|value| value.as_str().ok()).collect::<Vec<_>>().into_iter()
}

fn milliseconds(time: ASN1Time) -> u64 {
    u64::try_from(time.timestamp()).unwrap_or(0).saturating_mul(1000)
}

fn damaged(detail: &dyn std::fmt::Display) -> CertificateError {
    CertificateError::Damaged { what: "certificate", detail: detail.to_string() }
}
