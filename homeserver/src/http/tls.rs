//! Certificates: one of its own on the first start, and whatever takes its place, while running.

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};
use tokio_rustls::TlsAcceptor;

/// A certificate that can't be made, read or used; the words are for the owner.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

/// The certificate in use, read again on request.
#[derive(Debug)]
pub struct Certificate {
    folder: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Takes the certificate in `folder` (`certificate.pem`, `key.pem`), or makes one for these names.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn open(folder: &Path, names: Vec<String>) -> Result<Arc<Self>, TlsError> {
        if !folder.join("certificate.pem").exists() {
            make(folder, names)?;
        }
        let current = RwLock::new(Arc::new(read(folder)?));
        Ok(Arc::new(Self { folder: folder.to_owned(), current }))
    }

    /// Reads the files again. New connections get the new certificate; should it be bad, the old one stays.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn reload(&self) -> Result<(), TlsError> {
        let new = Arc::new(read(&self.folder)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Accepts TLS connections with this certificate.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(folder: &Path) -> Result<CertifiedKey, TlsError> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let bad = |path: &Path, error: &dyn std::fmt::Display| {
        TlsError(format!(
            "{} can't be used: {error}. Put a PEM file there, or remove both files in that folder to have a new certificate made.",
            path.display()
        ))
    };
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(&certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| bad(&key, &error))?;
    CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| bad(&certificate, &error))
}

/// Makes a self-signed certificate, good until the box gets one that everybody trusts.
fn make(folder: &Path, names: Vec<String>) -> Result<(), TlsError> {
    let failed = |error: &dyn std::fmt::Display| {
        TlsError(format!("No certificate can be made in {}: {error}.", folder.display()))
    };
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(&error))?;
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    // The key first: a certificate without a key would look like a finished pair.
    write_secret(&folder.join("key.pem"), &made.signing_key.serialize_pem()).map_err(|error| failed(&error))?;
    write_secret(&folder.join("certificate.pem"), &made.cert.pem()).map_err(|error| failed(&error))
}

/// Writes a file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
