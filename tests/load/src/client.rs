//! One HTTP/1.1 connection to one homeserver.

use crate::tls::{self, Trust};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode, Uri,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

/// No answer may take longer; well above any long poll.
const PATIENCE: Duration = Duration::from_secs(90);

type Connection = SendRequest<Full<Bytes>>;

/// Where a homeserver is and how it is spoken to.
pub struct Endpoint {
    /// Tried in this order.
    addresses: Vec<SocketAddr>,
    host: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Endpoint {
    /// Takes `http://` or `https://` with a host of loopback; anything else is refused, for this program is made to
    /// press a server as hard as it can.
    pub fn new(url: &str, trust: &Trust) -> Result<Endpoint> {
        let uri: Uri = url.parse().with_context(|| format!("'{url}' is not a URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => bail!("'{url}' begins with neither http:// nor https://"),
        };
        ensure!(uri.path() == "/" && uri.query().is_none(), "'{url}' has a path: only scheme, host and port are taken");
        let authority = uri.authority().with_context(|| format!("'{url}' names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let addresses = loopback(host).with_context(|| format!("'{host}' is not this machine's loopback; refused"))?;
        let tls = match secure {
            true => Some((tls::connector(trust)?, ServerName::try_from(host.to_owned())?)),
            false => None,
        };
        Ok(Endpoint {
            addresses: addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect(),
            host: HeaderValue::from_str(authority.as_str())?,
            tls,
        })
    }

    async fn connect(&self) -> Result<Connection> {
        let stream =
            TcpStream::connect(&self.addresses[..]).await.with_context(|| format!("connecting to {:?}", self.host))?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => handshake(stream).await,
            Some((connector, name)) => handshake(connector.connect(name.clone(), stream).await?).await,
        }
    }
}

/// The addresses of a host that is certainly this machine. No name but `localhost` is looked up anywhere.
fn loopback(host: &str) -> Option<Vec<IpAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let address: IpAddr = host.parse().ok()?;
    address.is_loopback().then(|| vec![address])
}

async fn handshake(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Connection> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its error reaches whoever waits for the answer as well.
    tokio::spawn(connection);
    Ok(sender)
}

/// One client: its access token and a connection of its own, opened when first used and kept.
pub struct Client {
    endpoint: Arc<Endpoint>,
    authorization: Option<HeaderValue>,
    connection: Option<Connection>,
}

impl Client {
    pub fn new(endpoint: &Arc<Endpoint>, access_token: Option<&str>) -> Result<Client> {
        let authorization = match access_token {
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}"))?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Ok(Client { endpoint: endpoint.clone(), authorization, connection: None })
    }

    /// Asks for `path` (with its query) and gives back the body of an answer of 200; any other answer is an error.
    pub async fn call(&mut self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let (status, answer) = self.answer(method.clone(), path, body).await?;
        ensure!(status == StatusCode::OK, "{method} {path} answered {status}: {}", excerpt(&answer));
        Ok(answer)
    }

    /// As `call`, with JSON on both sides; for where speed is not measured.
    pub async fn json(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let answer = self.call(method.clone(), path, body).await?;
        serde_json::from_slice(&answer)
            .with_context(|| format!("{method} {path} answered no JSON: {}", excerpt(&answer)))
    }

    /// Any answer with its status.
    pub async fn answer(&mut self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes)> {
        let exchange = async {
            let reused = self.connection.as_ref().is_some_and(|open| !open.is_closed());
            match self.exchange(&method, path, body.clone()).await {
                // A server may close an idle connection at the moment that it is used again. Asking again is harmless
                // for what the specification makes idempotent.
                Err(_) if reused && (method == Method::GET || method == Method::PUT) => {
                    self.connection = None;
                    self.exchange(&method, path, body).await
                }
                outcome => outcome,
            }
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("{method} {path}"))
    }

    async fn exchange(&mut self, method: &Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes)> {
        let mut connection = match self.connection.take().filter(|open| !open.is_closed()) {
            Some(open) => open,
            None => self.endpoint.connect().await?,
        };
        connection.ready().await?;
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.endpoint.host);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let answer = connection.send_request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        self.connection = Some(connection);
        Ok((status, body))
    }
}

/// The beginning of an answer, for an error.
pub fn excerpt(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).chars().take(400).collect()
}

/// Percent-encodes one segment of a path or one value of a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        format!("{:#}", Endpoint::new(url, &Trust::default()).err().unwrap())
    }

    #[test]
    fn loopback_is_taken_by_every_name() {
        for url in ["http://localhost:8008", "http://127.0.0.1:8008/", "http://127.8.8.8", "http://[::1]:8008"] {
            assert!(Endpoint::new(url, &Trust::default()).is_ok(), "{url}");
        }
    }

    #[test]
    fn other_machines_are_refused() {
        for url in ["http://192.168.1.2", "http://matrix.example.org", "http://[2001:db8::1]:80", "http://0.0.0.0:80"] {
            assert!(refusal(url).contains("refused"), "{url}");
        }
        assert!(refusal("http://localhost:8008/somewhere").contains("path"));
        assert!(refusal("ftp://localhost").contains("neither"));
    }

    #[test]
    fn https_needs_to_know_whom_to_trust() {
        assert!(refusal("https://localhost").contains("--insecure"));
        assert!(Endpoint::new("https://localhost", &Trust { any: true, authority: None }).is_ok());
    }

    #[test]
    fn ids_are_encoded_for_paths() {
        assert_eq!(encode("!aZ0:localhost/é"), "%21aZ0%3Alocalhost%2F%C3%A9");
    }
}
