//! Whether a server really serves a certificate.

use crate::{CertificateError, Pair};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// Connects to `address`, asks for `name`, and looks whether this very certificate comes.
///
/// # Errors
/// [`CertificateError::NotServed`] with what came instead, also after `patience`.
pub async fn serves(address: SocketAddr, name: &str, pair: &Pair, patience: Duration) -> Result<(), CertificateError> {
    let not = |detail: String| CertificateError::NotServed { address, detail };
    let name = ServerName::try_from(name.to_owned()).map_err(|error| not(error.to_string()))?;
    let served = pair.served();
    let expected = served.cert.first().cloned().ok_or_else(|| not("there is no certificate".to_owned()))?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Same { expected, algorithms: provider.signature_verification_algorithms };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| not(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let shake = async {
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    match timeout(patience, shake).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(not(error.to_string())),
        Err(_) => Err(not("no answer in time".to_owned())),
    }
}

/// Takes one certificate and no other. The server still has to prove that it has the key.
#[derive(Debug)]
struct Same {
    expected: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Same {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *shown == self.expected {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("it shows another certificate".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
