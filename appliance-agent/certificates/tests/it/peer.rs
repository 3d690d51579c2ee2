//! What the tests ask pebble with, and what answers it.

use crate::pebble::Pebble;
use hearth_certificates::{
    ACME_TLS, Resolver,
    acme::{Acme, Challenges, HttpTokens, Progress, Request, Settings, TlsPlace},
};
use std::{
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

pub const NAME: &str = "matrix.hearth-test.org";
/// The tests' time: what a certificate of today's pebble is valid at.
pub fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "pebble signs by the machine's clock")]
    let now = std::time::SystemTime::now();
    u64::try_from(now.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

impl Pebble {
    pub fn settings(&self, folder: &Path) -> Settings {
        Settings {
            directory: self.directory(),
            extra_roots_pem: Some(self.root.clone()),
            folder: folder.to_owned(),
            answer_patience: Duration::from_secs(10),
            order_patience: Duration::from_secs(40),
        }
    }

    /// A client with its folder beside pebble's.
    pub fn acme(&self) -> Acme {
        Acme::new(self.settings(&self.folder.path().join("acme"))).unwrap()
    }

    /// Whatever the box answers on both ports.
    pub async fn house(&self) -> House {
        House::open(Some(self.http_port), Some(self.tls_port)).await
    }
}

pub fn request(names: &[&str]) -> Request {
    Request {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        email: Some("ann@hearth-test.org".to_owned()),
        agreed: true,
        replaces: None,
    }
}

/// The box's ports 80 and 443, each where it is open.
pub struct House {
    pub tokens: Arc<HttpTokens>,
    pub resolver: Arc<Resolver>,
    tasks: Vec<JoinHandle<()>>,
}

impl House {
    pub async fn open(http: Option<u16>, tls: Option<u16>) -> Self {
        let mut house = Self { tokens: Arc::default(), resolver: Resolver::new(), tasks: Vec::new() };
        if let Some(port) = http {
            let tokens = Arc::clone(&house.tokens);
            house.tasks.push(
                serve_http(port, move |path| {
                    path.strip_prefix("/.well-known/acme-challenge/").and_then(|token| tokens.answer(token))
                })
                .await,
            );
        }
        if let Some(port) = tls {
            house.tasks.push(serve_tls(port, TlsAcceptor::from(house.resolver.server_config().unwrap())).await);
        }
        house
    }

    pub fn challenges(&self) -> Challenges {
        Challenges { http: Some(Arc::clone(&self.tokens)), tls: Some(TlsPlace::Resolver(Arc::clone(&self.resolver))) }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

pub async fn serve_http(port: u16, answer: impl Fn(&str) -> Option<String> + Send + 'static) -> JoinHandle<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (status, body) = answer(path).map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
            let length = body.len();
            let _ = stream
                .write_all(
                    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                        .as_bytes(),
                )
                .await;
        }
    })
}

/// As the agent does: a connection for a challenge ends after the handshake; others are echoed.
pub async fn serve_tls(port: u16, acceptor: TlsAcceptor) -> JoinHandle<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                if stream.get_ref().1.alpn_protocol() == Some(ACME_TLS) {
                    let _ = stream.shutdown().await;
                    return;
                }
                let (mut reader, mut writer) = tokio::io::split(stream);
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    })
}

/// Collects what is reported.
#[derive(Default)]
pub struct Reports(Mutex<Vec<Progress>>);

impl Reports {
    pub fn take(&self) -> impl Fn(Progress) + Send + Sync + '_ {
        |progress| self.0.lock().unwrap().push(progress)
    }

    /// `step state`, without repetitions.
    pub fn lines(&self) -> Vec<String> {
        let reports = self.0.lock().unwrap();
        let line =
            |report: &Progress| format!("{} {}", report.step.name(), format!("{:?}", report.state).to_lowercase());
        let mut lines: Vec<_> = reports.iter().map(line).collect();
        lines.dedup();
        lines
    }
}
