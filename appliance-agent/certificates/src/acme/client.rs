//! HTTPS to the authority: bounded in time and size, its troubles told apart.

use super::{AcmeError, Settings, problem};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, header::RETRY_AFTER};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::{
    CertificateError as TlsCertificateError, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::time::timeout;

/// No answer of the protocol comes near.
const LARGEST_ANSWER: usize = 1024 * 1024;

type Http = HyperClient<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>;

/// The client that instant-acme speaks through.
#[derive(Clone)]
pub(super) struct Client {
    http: Http,
    patience: Duration,
    /// instant-acme does not hand the header of a refusal on; this is the last one's wait, and when it came.
    retry_after: Arc<Mutex<Option<(Duration, Instant)>>>,
    now: Arc<Mutex<(u64, Instant)>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self, AcmeError> {
        let wrong = |detail: String| AcmeError::Settings { detail };
        let directory: Uri =
            settings.directory.parse().map_err(|error| wrong(format!("the authority's address: {error}")))?;
        if directory.scheme_str() != Some("https") {
            return Err(wrong("the authority's address does not begin with https://".to_owned()));
        }
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        let (known, _) = roots.add_parsable_certificates(system.certs);
        if known == 0 && settings.extra_roots_pem.is_none() {
            return Err(wrong("the system knows no certificate authorities".to_owned()));
        }
        if let Some(pem) = &settings.extra_roots_pem {
            for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let added = root
                    .map_err(|error| error.to_string())
                    .and_then(|root| roots.add(root).map_err(|error| error.to_string()));
                added.map_err(|error| wrong(format!("the extra root: {error}")))?;
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        Ok(Self {
            http: HyperClient::builder(TokioExecutor::new()).build(connector),
            patience: settings.answer_patience,
            retry_after: Arc::default(),
            now: Arc::new(Mutex::new((0, Instant::now()))),
        })
    }

    /// Says what time it is; from here on it is counted.
    pub(super) fn set_now(&self, now_ms: u64) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (now_ms, Instant::now());
    }

    fn now_ms(&self) -> u64 {
        let (at, since) = *self.now.lock().unwrap_or_else(PoisonError::into_inner);
        at.saturating_add(u64::try_from(since.elapsed().as_millis()).unwrap_or(0))
    }

    /// One plain GET.
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, AcmeError> {
        let request = Request::get(url)
            .body(BodyWrapper::default())
            .map_err(|error| AcmeError::Settings { detail: error.to_string() })?;
        self.ask(request).await.map(Response::into_body)
    }

    async fn ask(&self, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Bytes>, AcmeError> {
        let answer = async {
            let (parts, body) = self.http.request(request).await.map_err(|error| trouble(&error))?.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| trouble(error.as_ref()))?;
            Ok::<_, AcmeError>(Response::from_parts(parts, body.to_bytes()))
        };
        let answer = timeout(self.patience, answer)
            .await
            .map_err(|_| AcmeError::Unreachable { detail: "no answer in time".to_owned() })??;
        let status = answer.status();
        if status.is_client_error() || status.is_server_error() {
            let wait = retry_after(answer.headers(), self.now_ms()).map(|wait| (wait, Instant::now()));
            *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner) = wait;
        }
        // Behind a proxy in trouble there is no problem document; a server's own trouble may come with one.
        if status.is_server_error() {
            return Err(AcmeError::Trouble { status: status.as_u16() });
        }
        Ok(answer)
    }

    /// What instant-acme's error means.
    pub(super) fn explain(&self, error: instant_acme::Error) -> AcmeError {
        match error {
            instant_acme::Error::Api(problem) => {
                let wait = self.retry_after.lock().unwrap_or_else(PoisonError::into_inner).take();
                let wait = wait.map(|(wait, since)| wait.saturating_sub(since.elapsed()));
                problem::explain(&problem, wait, self.now_ms())
            }
            instant_acme::Error::Other(error) => match error.downcast::<AcmeError>() {
                Ok(error) => *error,
                Err(error) => AcmeError::Answer { detail: error.to_string() },
            },
            instant_acme::Error::Timeout(_) => AcmeError::TimedOut,
            instant_acme::Error::Crypto | instant_acme::Error::KeyRejected => {
                AcmeError::Account { detail: "its key is damaged".to_owned() }
            }
            other => AcmeError::Answer { detail: other.to_string() },
        }
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            match client.ask(request).await {
                Ok(answer) => Ok(BytesResponse::from(answer.map(Full::new))),
                Err(error) => Err(instant_acme::Error::Other(Box::new(error))),
            }
        })
    }
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now_ms: u64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = OffsetDateTime::parse(text, &Rfc2822).ok()?.unix_timestamp();
    Some(Duration::from_secs(u64::try_from(at).ok()?.saturating_sub(now_ms / 1000)))
}

/// Words for a connection that failed. The whole chain of causes is looked through: a certificate "not yet valid" means
/// that the box's clock is wrong.
fn trouble(error: &(dyn Error + 'static)) -> AcmeError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = error.to_string();
    while let Some(error) = cause {
        last = error.to_string();
        let tls = error.downcast_ref::<rustls::Error>();
        if let Some(rustls::Error::InvalidCertificate(
            TlsCertificateError::NotValidYet
            | TlsCertificateError::NotValidYetContext { .. }
            | TlsCertificateError::Expired
            | TlsCertificateError::ExpiredContext { .. },
        )) = tls
        {
            return AcmeError::ClockUntrusted;
        }
        // An I/O error passes over the error that it wraps.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    AcmeError::Unreachable { detail: last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_seconds_or_a_date() {
        let wait = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, 1_000_000_000_000)
        };
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 09 Sep 2001 01:47:40 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(wait("Sun, 09 Sep 2001 01:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }
}
