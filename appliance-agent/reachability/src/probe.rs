//! Whether it is this box that answers at an address.

use crate::nonces::NONCE_PATH;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// What came of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// This box.
    Ours,
    /// Something else.
    Other,
    /// Nothing, in these words.
    Nobody(String),
}

/// By what the box knows itself again.
#[derive(Debug, Clone)]
pub(crate) enum Sign {
    /// It answers this nonce by HTTP.
    Nonce(String),
    /// It shows this certificate.
    Leaf(Vec<u8>),
}

/// Looks who answers at `address` when asked for `host`.
pub(crate) async fn look(address: SocketAddr, host: &str, sign: &Sign, patience: Duration) -> Seen {
    let looked = async {
        match sign {
            Sign::Nonce(nonce) => has_nonce(address, host, nonce).await,
            Sign::Leaf(expected) => leaf(address, host).await.map(|leaf| leaf == *expected),
        }
    };
    match timeout(patience, looked).await {
        Ok(Ok(true)) => Seen::Ours,
        Ok(Ok(false)) => Seen::Other,
        // It took the connection and speaks something else.
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Seen::Other,
        Ok(Err(error)) => Seen::Nobody(error.to_string()),
        Err(_) => Seen::Nobody("no answer in time".to_owned()),
    }
}

async fn has_nonce(address: SocketAddr, host: &str, nonce: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {NONCE_PATH}{nonce} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Longer than any answer with the nonce, and short enough for whatever else is there.
    stream.take(8192).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(text.starts_with("HTTP/1.1 200") && body.contains(nonce))
}

/// The certificate that is shown for a name. Nothing is said over the connection, so any certificate is taken.
pub(crate) async fn leaf(address: SocketAddr, host: &str) -> io::Result<Vec<u8>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Any(provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().map(|leaf| leaf.to_vec()));
    shown.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[derive(Debug)]
struct Any(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Answers a nonce on a port that nobody listens on yet, until it is dropped.
pub(crate) struct StandIn(JoinHandle<()>);

impl StandIn {
    pub(crate) async fn listen(port: u16, nonce: String) -> io::Result<Self> {
        let listener = match TcpListener::bind(("::", port)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind(("0.0.0.0", port)).await?,
        };
        Ok(Self(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One after another: it stands in for a minute, and each takes two seconds at most.
                let _ = timeout(Duration::from_secs(2), answer(stream, &nonce)).await;
            }
        })))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn answer(mut stream: TcpStream, nonce: &str) -> io::Result<()> {
    let mut request = [0; 1024];
    let read = stream.read(&mut request).await?;
    let request = String::from_utf8_lossy(request.get(..read).unwrap_or_default());
    let body = if request.starts_with(&format!("GET {NONCE_PATH}{nonce} ")) { nonce } else { "" };
    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
