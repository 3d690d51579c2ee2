//! Whose certificates are believed.

use anyhow::{Context, Result, bail};
use std::{path::PathBuf, sync::Arc};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    },
};

/// What an HTTPS server has to show. No public authority is known here: a server on loopback has a certificate of
/// its own making.
#[derive(Default)]
pub struct Trust {
    /// Every certificate is good.
    pub any: bool,
    /// A PEM file of authorities.
    pub authority: Option<PathBuf>,
}

pub fn connector(trust: &Trust) -> Result<TlsConnector> {
    let provider = Arc::new(ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let mut config = match (&trust.authority, trust.any) {
        (Some(path), _) => {
            let mut roots = RootCertStore::empty();
            let file = || format!("reading the authority {}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).with_context(file)? {
                roots.add(certificate.with_context(file)?)?;
            }
            versions.with_root_certificates(roots).with_no_client_auth()
        }
        (None, true) => versions
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth(),
        (None, false) => bail!("an https server needs --ca FILE or --insecure"),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Believes whatever it is shown. Only loopback is ever spoken to, and only by request.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
