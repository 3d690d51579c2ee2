//! HTTPS to other people's servers: bounded in time, size and redirects, by the resolver that the checks use.

use crate::{Config, dns::Resolver};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

const REDIRECTS: usize = 5;
/// A delegation is 100 bytes; a report on a server some ten thousand.
const LARGEST: usize = 512 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// DNS, connection, time.
    #[error("{0}")]
    Unreachable(String),
    /// The certificate is not trusted, or for another name.
    #[error("{0}")]
    Certificate(String),
    /// Not 200.
    #[error("status {0}")]
    Status(StatusCode),
    /// HTTP that makes no sense, or too many redirects.
    #[error("{0}")]
    Nonsense(String),
}

/// Fetches over HTTPS.
pub(crate) struct Fetcher<'a> {
    resolver: &'a Resolver,
    tls: Arc<ClientConfig>,
    patience: Duration,
    port: u16,
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(config: &Config, resolver: &'a Resolver) -> Result<Self, FetchError> {
        let wrong = |error: String| FetchError::Certificate(error);
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for root in CertificateDer::pem_slice_iter(config.extra_roots_pem.as_deref().unwrap_or_default().as_bytes()) {
            roots.add(root.map_err(|error| wrong(error.to_string()))?).map_err(|error| wrong(error.to_string()))?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { resolver, tls: Arc::new(tls), patience: config.patience, port: config.ports.https })
    }

    /// The body of an answer 200.
    pub(crate) async fn get(&self, url: &str) -> Result<Bytes, FetchError> {
        let mut uri: Uri = url.parse().map_err(|error| FetchError::Nonsense(format!("{url}: {error}")))?;
        for _ in 0..=REDIRECTS {
            let answer = timeout(self.patience, self.once(&uri))
                .await
                .map_err(|_| FetchError::Unreachable("no answer in time".to_owned()))??;
            match answer {
                Answer::Body(body) => return Ok(body),
                Answer::Elsewhere(location) => uri = join(&uri, &location)?,
            }
        }
        Err(FetchError::Nonsense("it redirects without end".to_owned()))
    }

    async fn once(&self, uri: &Uri) -> Result<Answer, FetchError> {
        let nonsense = |error: &dyn std::fmt::Display| FetchError::Nonsense(error.to_string());
        if uri.scheme_str() != Some("https") {
            return Err(FetchError::Nonsense("it leads away from HTTPS".to_owned()));
        }
        let authority = uri.authority().ok_or_else(|| FetchError::Nonsense("it names no host".to_owned()))?;
        let stream = self.connect(authority.host(), authority.port_u16().unwrap_or(self.port)).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| nonsense(&error))?;
        let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(header::HOST, authority.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| nonsense(&error))?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(|error| nonsense(&error))?;
            let status = answer.status();
            if status.is_redirection()
                && let Some(location) = answer.headers().get(header::LOCATION)
            {
                let location = location.to_str().map_err(|error| nonsense(&error))?;
                return Ok(Answer::Elsewhere(location.to_owned()));
            }
            if status != StatusCode::OK {
                return Err(FetchError::Status(status));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| nonsense(&error))?;
            Ok(Answer::Body(body.to_bytes()))
        };
        let mut connection = std::pin::pin!(connection);
        let mut exchange = std::pin::pin!(exchange);
        // Both in this task, so that giving up ends both.
        tokio::select! {
            answer = &mut exchange => return answer,
            ended = &mut connection => ended.map_err(|error| nonsense(&error))?,
        }
        exchange.await
    }

    async fn connect(&self, host: &str, port: u16) -> Result<tokio_rustls::client::TlsStream<TcpStream>, FetchError> {
        let unreachable = |error: &dyn std::fmt::Display| FetchError::Unreachable(error.to_string());
        let host = host.trim_matches(['[', ']']);
        let addresses = self.resolver.addresses(host).await.map_err(|error| FetchError::Unreachable(error.0))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| unreachable(&error))?;
        let mut last = FetchError::Unreachable(format!("{host} has no address in DNS"));
        for address in addresses {
            match TcpStream::connect(SocketAddr::new(address, port)).await {
                Ok(stream) => {
                    let connected = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
                    return connected.map_err(|error| {
                        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                        match tls {
                            Some(rustls::Error::InvalidCertificate(_)) => FetchError::Certificate(error.to_string()),
                            _ => unreachable(&error),
                        }
                    });
                }
                Err(error) => last = unreachable(&error),
            }
        }
        Err(last)
    }
}

enum Answer {
    Body(Bytes),
    Elsewhere(String),
}

fn join(base: &Uri, location: &str) -> Result<Uri, FetchError> {
    let nonsense = |error: &dyn std::fmt::Display| FetchError::Nonsense(format!("it redirects to nowhere: {error}"));
    let location: Uri = location.parse().map_err(|error| nonsense(&error))?;
    if location.scheme().is_some() {
        return Ok(location);
    }
    let mut parts = base.clone().into_parts();
    if location.authority().is_some() {
        parts.authority = location.authority().cloned();
    }
    parts.path_and_query = location.path_and_query().cloned();
    Uri::from_parts(parts).map_err(|error| nonsense(&error))
}
