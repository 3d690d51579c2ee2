//! The authority that the box makes for itself at first boot, so that everything is HTTPS from the start.
//!
//! It can sign only for names at home and private addresses (name constraints), and for hosts that it was told of by
//! [`Authority::permit`]: whoever trusts it on a phone lends the box those names and no bank's.

use crate::{
    CertificateError, Pair,
    details::parse,
    files,
    pair::{CERTIFICATE, KEY, chain},
};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use std::{
    fmt::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const YEARS: u64 = 10;
/// The box has no clock chip: at first boot its clock may be late, and later a phone's may be. So everything that the
/// authority signs has been valid for a year already.
pub(crate) const BACK_MS: u64 = 365 * DAY_MS;
/// Together with [`BACK_MS`] below the 825 days that Apple's systems allow.
pub(crate) const LEAF_MS: u64 = 400 * DAY_MS;

/// Names that can't belong to anybody else.
const HOME: [&str; 5] = ["local", "localhost", "home.arpa", "internal", "lan"];
/// Private, link-local and loopback addresses.
const PRIVATE: [(&str, u8); 8] = [
    ("10.0.0.0", 8),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("169.254.0.0", 16),
    ("127.0.0.0", 8),
    ("fc00::", 7),
    ("fe80::", 10),
    ("::1", 128),
];

/// The box's own authority: a certificate, its key, and what it may sign for.
pub struct Authority {
    folder: PathBuf,
    key: KeyPair,
    der: CertificateDer<'static>,
    pem: String,
    not_after_ms: u64,
    /// Hosts beside those at home.
    hosts: Vec<String>,
}

/// What [`Authority::open`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The one that was there.
    Kept,
    /// There was none, or it has run out.
    Made,
    /// What was there was unreadable and has been put aside. Whoever trusted it has to trust the new one.
    Replaced,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("fingerprint", &self.fingerprint_text()).finish_non_exhaustive()
    }
}

impl Authority {
    /// Takes the authority in `folder`, or makes one there (`certificate.pem`, and `key.pem` of mode 0600). The box has
    /// to come up whatever a failing card made of the files, so what can't be read is put aside as `damaged-certificate.pem`
    /// and `damaged-key.pem`.
    ///
    /// # Errors
    /// [`CertificateError::File`] and [`Making`](CertificateError::Making).
    pub fn open(folder: &Path, now_ms: u64) -> Result<(Self, Opened), CertificateError> {
        files::folder(folder, None)?;
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        let Some(key_pem) = files::read(&key)? else {
            let authority = Self::make(folder, KeyPair::generate().map_err(making)?, Vec::new(), now_ms)?;
            return Ok((authority, Opened::Made));
        };
        // The key is written first. A power cut between the two leaves a key that nobody has trusted yet.
        let certificate_pem = files::read(&certificate)?;
        let read = KeyPair::from_pem(&key_pem)
            .map_err(|error| CertificateError::Damaged { what: "key", detail: error.to_string() })
            .and_then(|key| match certificate_pem {
                Some(pem) => Self::read(folder, key, pem),
                None => Self::make(folder, key, Vec::new(), now_ms),
            });
        match read {
            Ok(authority) if now_ms < authority.not_after_ms => Ok((authority, Opened::Kept)),
            Ok(old) => {
                let authority = Self::make(folder, KeyPair::generate().map_err(making)?, old.hosts, now_ms)?;
                Ok((authority, Opened::Made))
            }
            Err(error @ (CertificateError::File { .. } | CertificateError::Making(_))) => Err(error),
            Err(error) => {
                tracing::error!(%error, "the box's authority can't be read; making a new one");
                for path in [&certificate, &key] {
                    put_aside(path)?;
                }
                let authority = Self::make(folder, KeyPair::generate().map_err(making)?, Vec::new(), now_ms)?;
                Ok((authority, Opened::Replaced))
            }
        }
    }

    fn read(folder: &Path, key: KeyPair, pem: String) -> Result<Self, CertificateError> {
        let damaged = |detail: &str| CertificateError::Damaged { what: "certificate", detail: detail.to_owned() };
        let der = chain(&pem)?.into_iter().next().ok_or_else(|| damaged("there is none"))?;
        let parsed = parse(&der)?;
        if !parsed.is_ca() {
            return Err(damaged("it is no authority's"));
        }
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(CertificateError::OtherKey);
        }
        let not_after_ms = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0).saturating_mul(1000);
        let constraints =
            parsed.name_constraints().ok().flatten().and_then(|found| found.value.permitted_subtrees.as_ref());
        let hosts = constraints
            .into_iter()
            .flatten()
            .filter_map(|subtree| match subtree.base {
                GeneralName::DNSName(name) if !HOME.contains(&name) => Some(name.to_owned()),
                _ => None,
            })
            .collect();
        Ok(Self { folder: folder.to_owned(), key, not_after_ms, hosts, pem, der: der.clone() })
    }

    fn make(folder: &Path, key: KeyPair, hosts: Vec<String>, now_ms: u64) -> Result<Self, CertificateError> {
        let not_after_ms = now_ms.saturating_add(YEARS.saturating_mul(365 * DAY_MS));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = moment(now_ms.saturating_sub(BACK_MS))?;
        params.not_after = moment(not_after_ms)?;
        params.distinguished_name = subject(&key);
        params.serial_number = Some(serial(&key, now_ms, &hosts.join(" ")));
        let names = HOME.iter().copied().chain(hosts.iter().map(String::as_str));
        let mut permitted: Vec<_> = names.map(|name| GeneralSubtree::DnsName(name.to_owned())).collect();
        for (address, prefix) in PRIVATE {
            let address: IpAddr = address.parse().map_err(|error: std::net::AddrParseError| making(error))?;
            permitted.push(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix)));
        }
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
        let certificate = params.self_signed(&key).map_err(making)?;
        let pem = certificate.pem();
        files::replace(&folder.join(KEY), key.serialize_pem().as_bytes(), 0o600, None)?;
        files::replace(&folder.join(CERTIFICATE), pem.as_bytes(), 0o644, None)?;
        Ok(Self { folder: folder.to_owned(), key, der: certificate.der().clone(), pem, not_after_ms, hosts })
    }

    /// Lets the authority sign for one more host, such as the public name of a box without ACME. Its certificate is
    /// made again with the same key; who trusted it before has to download it again for that name. Whether it was
    /// changed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn permit(&mut self, host: &str, now_ms: u64) -> Result<bool, CertificateError> {
        let host = host.to_ascii_lowercase();
        if self.permits_name(&host) || host.parse::<IpAddr>().is_ok() {
            return Ok(false);
        }
        let mut hosts = self.hosts.clone();
        hosts.push(host);
        let key = KeyPair::from_pem(&self.key.serialize_pem()).map_err(making)?;
        *self = Self::make(&self.folder.clone(), key, hosts, now_ms)?;
        Ok(true)
    }

    /// The certificate, for those who want to trust it.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }

    /// The fingerprint as browsers show it: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint_text(&self) -> String {
        self.fingerprint().iter().fold(String::new(), |mut text, byte| {
            let separator = if text.is_empty() { "" } else { ":" };
            // A string takes all that is written to it.
            let _ = write!(text, "{separator}{byte:02X}");
            text
        })
    }

    /// Its last moment, milliseconds since 1970.
    #[must_use]
    pub fn not_after_ms(&self) -> u64 {
        self.not_after_ms
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Whether it may sign for this DNS name.
    #[must_use]
    pub fn permits_name(&self, name: &str) -> bool {
        let below = |parent: &str| name == parent || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
        HOME.iter().copied().chain(self.hosts.iter().map(String::as_str)).any(below)
    }

    /// Whether it may sign for this address.
    #[must_use]
    pub fn permits_address(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
        }
    }

    /// Signs a certificate for these names and addresses, which must be permitted; valid from a year ago for the next
    /// 400 days.
    ///
    /// # Errors
    /// [`CertificateError::Making`] and [`OtherName`](CertificateError::OtherName).
    pub fn issue(&self, hosts: &crate::Hosts, now_ms: u64) -> Result<Pair, CertificateError> {
        let words = hosts.words();
        let refused = hosts.names.iter().find(|name| !self.permits_name(name)).cloned().or_else(|| {
            hosts.addresses.iter().find(|address| !self.permits_address(**address)).map(ToString::to_string)
        });
        if let Some(host) = refused {
            let names = HOME.iter().map(|name| format!("*.{name}")).chain(self.hosts.iter().cloned()).collect();
            return Err(CertificateError::OtherName { host, names });
        }
        let key = KeyPair::generate().map_err(making)?;
        let mut params = CertificateParams::new(words.clone()).map_err(making)?;
        params.not_before = moment(now_ms.saturating_sub(BACK_MS))?;
        params.not_after = moment(now_ms.saturating_add(LEAF_MS).min(self.not_after_ms))?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial(&key, now_ms, &words.join(" ")));
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, words.first().map_or("hearth.local", String::as_str));
        params.distinguished_name = name;
        let issuer = Issuer::from_ca_cert_der(&self.der, &self.key).map_err(making)?;
        let certificate = params.signed_by(&key, &issuer).map_err(making)?;
        Pair::from_pem(&format!("{}{}", certificate.pem(), self.pem), &key.serialize_pem())
    }
}

/// So that the authorities of two boxes are told apart in a list.
fn subject(key: &KeyPair) -> DistinguishedName {
    let mut short = String::new();
    for byte in Sha256::digest(key.subject_public_key_info()).iter().take(4) {
        let _ = write!(short, "{byte:02X}");
    }
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Hearth");
    name.push(DnType::CommonName, format!("authority of the box {short}"));
    name
}

/// No two certificates of one issuer may share a serial number, or browsers refuse the second.
fn serial(key: &KeyPair, now_ms: u64, words: &str) -> SerialNumber {
    let digest = Sha256::new()
        .chain_update(key.subject_public_key_info())
        .chain_update(now_ms.to_be_bytes())
        .chain_update(words)
        .finalize();
    // At most 20 bytes, and positive.
    let mut bytes: Vec<u8> = digest.iter().take(16).copied().collect();
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    SerialNumber::from(bytes)
}

fn put_aside(path: &Path) -> Result<(), CertificateError> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let mut aside = std::ffi::OsString::from("damaged-");
    aside.push(name);
    match std::fs::rename(path, path.with_file_name(aside)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(files::at(path)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn moment(ms: u64) -> Result<OffsetDateTime, CertificateError> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(ms / 1000).unwrap_or(i64::MAX)).map_err(making)
}

pub(crate) fn making(error: impl fmt::Display) -> CertificateError {
    CertificateError::Making(error.to_string())
}
