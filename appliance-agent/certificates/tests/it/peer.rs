//! Pebble, the authority that Let's Encrypt's own people test clients with, on loopback; and what answers it.

use hearth_certificates::{
    ACME_TLS, Resolver,
    acme::{Acme, Challenges, HttpTokens, Progress, Request, Settings, TlsPlace},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
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

/// A port that was free a moment ago, each once. Below those that the system gives to connections, or one of the other
/// tests' connections may have it before the server does.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let number = TAKEN.fetch_add(1, Ordering::SeqCst);
        let port = 20_000 + (offset + number) % 12_000;
        if StdListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
        assert!(number < 12_000, "no port is free");
    }
}

/// Roots and a server certificate for `localhost`, in PEM: (root, certificate, key).
pub fn server_certificate(change: impl FnOnce(&mut CertificateParams)) -> (String, String, String) {
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root_certificate = root.self_signed(&root_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, &Issuer::new(root, root_key)).unwrap();
    (root_certificate.pem(), certificate.pem(), key.serialize_pem())
}

#[derive(Clone)]
pub struct Options {
    /// Percent of good nonces that are refused.
    pub nonce_reject: u8,
    /// Percent of authorizations that are reused.
    pub authz_reuse: u8,
    /// A DNS server that answers; otherwise none does.
    pub dns: bool,
    pub blocked: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { nonce_reject: 0, authz_reuse: 0, dns: true, blocked: Vec::new() }
    }
}

pub struct Pebble {
    pub folder: TempDir,
    pub http_port: u16,
    pub tls_port: u16,
    port: u16,
    dns_port: u16,
    root: String,
    options: Options,
    pebble: Option<Child>,
    _dns: Option<Child>,
}

impl Pebble {
    pub async fn start(options: Options) -> Self {
        let folder = TempDir::new().unwrap();
        let (root, certificate, key) = server_certificate(|_| {});
        std::fs::write(folder.path().join("pebble.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("pebble-key.pem"), key).unwrap();
        let dns_port = free_port();
        let dns = options.dns.then(|| {
            let address = format!("127.0.0.1:{dns_port}");
            let management = format!("127.0.0.1:{}", free_port());
            let off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""];
            quiet(Command::new("pebble-challtestsrv").args(["-dns01", &address, "-management", &management]).args(off))
        });
        let [http_port, tls_port, port] = [free_port(), free_port(), free_port()];
        let mut this = Self { folder, http_port, tls_port, port, dns_port, root, options, pebble: None, _dns: dns };
        this.up().await;
        this
    }

    /// Starts it, with nothing of an earlier life.
    pub async fn up(&mut self) {
        let path = |name: &str| self.folder.path().join(name);
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.port),
            "managementListenAddress": format!("127.0.0.1:{}", free_port()),
            "certificate": path("pebble.pem"),
            "privateKey": path("pebble-key.pem"),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "domainBlocklist": self.options.blocked,
        }});
        std::fs::write(path("pebble.json"), config.to_string()).unwrap();
        let mut command = Command::new("pebble");
        command
            .arg("-config")
            .arg(path("pebble.json"))
            .args(["-dnsserver", &format!("127.0.0.1:{}", self.dns_port)])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", self.options.nonce_reject.to_string())
            .env("PEBBLE_AUTHZREUSE", self.options.authz_reuse.to_string());
        self.pebble = Some(quiet(&mut command));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let began = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "pebble does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn down(&mut self) {
        if let Some(mut pebble) = self.pebble.take() {
            pebble.kill().await.unwrap();
        }
    }

    pub fn settings(&self, folder: &Path) -> Settings {
        Settings {
            directory: format!("https://localhost:{}/dir", self.port),
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

fn quiet(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `./hearth test` installs the Debian package pebble"))
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
