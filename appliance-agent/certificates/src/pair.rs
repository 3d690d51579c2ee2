//! A certificate with its key.

use crate::{
    CertificateError, Details,
    files::{self, Owner},
};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};
use std::{fmt, path::Path, sync::Arc};

/// The name of the certificates' file in a folder.
pub(crate) const CERTIFICATE: &str = "certificate.pem";
/// The name of the key's file.
pub(crate) const KEY: &str = "key.pem";

/// A chain of certificates, the server's own first, and its private key. One that exists has been checked: the key
/// belongs to the first certificate, and each is signed by the next.
#[derive(Clone)]
pub struct Pair {
    certificate_pem: String,
    key_pem: String,
    served: Arc<CertifiedKey>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl Pair {
    /// Reads and checks PEM.
    ///
    /// # Errors
    /// [`CertificateError::Damaged`], [`OtherKey`](CertificateError::OtherKey) and
    /// [`ChainOrder`](CertificateError::ChainOrder).
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, CertificateError> {
        let chain = chain(certificate_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| CertificateError::Damaged { what: "key", detail: error.to_string() })?;
        let served = CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::OtherKey,
            other => CertificateError::Damaged { what: "key", detail: other.to_string() },
        })?;
        crate::details::signed_in_order(&served.cert)?;
        Ok(Self { certificate_pem: certificate_pem.to_owned(), key_pem: key_pem.to_owned(), served: Arc::new(served) })
    }

    /// An answer to a challenge. Its extension is marked critical so that no client takes it for a certificate, and so
    /// rustls's check of key and certificate doesn't either; both have just been made together.
    pub(crate) fn of_challenge(certificate_pem: String, key_pem: String) -> Result<Self, CertificateError> {
        let damaged = |error: String| CertificateError::Damaged { what: "key", detail: error };
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| damaged(error.to_string()))?;
        let key = ring::sign::any_supported_type(&key).map_err(|error| damaged(error.to_string()))?;
        let served = Arc::new(CertifiedKey::new(chain(&certificate_pem)?, key));
        Ok(Self { certificate_pem, key_pem, served })
    }

    /// Reads `certificate.pem` and `key.pem` of a folder; `None` where either is missing.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and [`CertificateError::File`].
    pub fn read(folder: &Path) -> Result<Option<Self>, CertificateError> {
        match (files::read(&folder.join(CERTIFICATE))?, files::read(&folder.join(KEY))?) {
            (Some(certificate), Some(key)) => Self::from_pem(&certificate, &key).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes both files, the key first and for its owner alone. Makes the folder.
    ///
    /// # Errors
    /// [`CertificateError::File`].
    pub fn write(&self, folder: &Path, owner: Option<Owner>) -> Result<(), CertificateError> {
        files::folder(folder, owner)?;
        files::replace(&folder.join(KEY), self.key_pem.as_bytes(), 0o600, owner)?;
        files::replace(&folder.join(CERTIFICATE), self.certificate_pem.as_bytes(), 0o644, owner)
    }

    /// The certificates, the server's own first.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key. A secret.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// What rustls serves.
    #[must_use]
    pub fn served(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.served)
    }

    /// SHA-256 of the server's own certificate.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.served.cert.first().map_or([0; 32], |leaf| Sha256::digest(leaf).into())
    }

    /// What a page shows of it.
    ///
    /// # Errors
    /// [`CertificateError::Damaged`].
    pub fn details(&self) -> Result<Details, CertificateError> {
        Details::of(self.served.cert.first())
    }

    /// Whether it is for this name or IP address.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        covers(&self.served, host)
    }

    /// Refuses what can't serve `host` at that time.
    ///
    /// # Errors
    /// [`CertificateError::OtherName`] and [`NotNow`](CertificateError::NotNow).
    pub fn check(&self, host: &str, now_ms: u64) -> Result<(), CertificateError> {
        let details = self.details()?;
        if !self.covers(host) {
            return Err(CertificateError::OtherName { host: host.to_owned(), names: details.names });
        }
        let Details { not_before_ms, not_after_ms, .. } = details;
        if now_ms < not_before_ms || now_ms > not_after_ms {
            return Err(CertificateError::NotNow { expired: now_ms > not_after_ms, not_before_ms, not_after_ms });
        }
        Ok(())
    }
}

/// Whether the first certificate is for this name or IP address, wildcards counted.
pub(crate) fn covers(served: &CertifiedKey, host: &str) -> bool {
    let Ok(name) = ServerName::try_from(host) else { return false };
    served
        .cert
        .first()
        .and_then(|leaf| webpki::EndEntityCert::try_from(leaf).ok())
        .is_some_and(|leaf| leaf.verify_is_valid_for_subject_name(&name).is_ok())
}

/// The certificates in a PEM text, at least one.
pub(crate) fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let damaged = |detail: String| CertificateError::Damaged { what: "certificate", detail };
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| damaged(error.to_string()))?;
    if chain.is_empty() {
        return Err(damaged("there is no certificate in it".to_owned()));
    }
    Ok(chain)
}
