//! Pebble, the authority that Let's Encrypt's own people test clients with, on loopback. The tests of this crate and of the agent use it.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    process::Stdio,
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

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
    /// Who signed for pebble's own HTTPS, in PEM.
    pub root: String,
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

    /// Where clients begin.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
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
