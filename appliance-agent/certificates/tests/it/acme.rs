//! What works: both challenges, both places for port 443, the account kept, the way that worked remembered.

use crate::{
    pebble::{Options, Pebble},
    peer::{House, NAME, Reports, now_ms, request, serve_tls},
};
use hearth_certificates::{
    Authority, Folder, Hosts, Resolver,
    acme::{ChallengeHost, Challenges, HttpTokens, Server, TlsPlace, install},
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fs,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
};

#[tokio::test]
async fn http_01_and_the_account_is_kept() {
    let pebble = Pebble::start(Options::default()).await;
    let house = House::open(Some(pebble.http_port), None).await;
    let host = Challenges { http: Some(Arc::clone(&house.tokens)), tls: None };
    let acme = pebble.acme();
    let reports = Reports::default();
    let plan = acme.plan(request(&["Matrix.Hearth-Test.ORG"]), now_ms(), true).unwrap();
    assert!(!plan.has_account);
    let first = acme.execute(&plan, &host, &reports.take()).await.unwrap();
    first.check(NAME, now_ms()).unwrap();
    assert_eq!(first.details().unwrap().names, [NAME]);
    assert!(first.details().unwrap().issuer.contains("Pebble"), "{:?}", first.details());
    assert_eq!(
        reports.lines(),
        [
            "account running",
            "account done",
            "order running",
            "order done",
            "challenge running",
            "challenge done",
            "issue running",
            "issue done"
        ]
    );
    let folder = pebble.folder.path().join("acme");
    let account = fs::read_to_string(folder.join("account.json")).unwrap();
    assert_eq!(fs::metadata(folder.join("account.json")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.join("order.json").exists() && !folder.join("order-key.pem").exists());

    let mut renewal = request(&[NAME]);
    renewal.replaces = Some(first.clone());
    let plan = acme.plan(renewal, now_ms(), true).unwrap();
    assert!(plan.has_account);
    let second = acme.execute(&plan, &host, &|_| {}).await.unwrap();
    assert_ne!(first.key_pem(), second.key_pem(), "each certificate has a key of its own");
    assert_eq!(fs::read_to_string(folder.join("account.json")).unwrap(), account);
    // Pebble's own are a joke in a `data:` address.
    assert!(acme.terms().await.unwrap().is_some_and(|url| url.starts_with("data:")));
    acme.renewal_window(&second).await.unwrap();
}

#[tokio::test]
async fn tls_alpn_01_by_the_agents_resolver_for_two_names() {
    let pebble = Pebble::start(Options::default()).await;
    let house = House::open(None, Some(pebble.tls_port)).await;
    let host = Challenges { http: None, tls: Some(TlsPlace::Resolver(Arc::clone(&house.resolver))) };
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME, "hearth-test.org", NAME]), now_ms(), true).unwrap();
    let pair = acme.execute(&plan, &host, &|_| {}).await.unwrap();
    pair.check(NAME, now_ms()).unwrap();
    pair.check("hearth-test.org", now_ms()).unwrap();
    let method = fs::read_to_string(pebble.folder.path().join("acme/method")).unwrap();
    assert_eq!(method, "tls-alpn-01");
}

/// As the homeserver does it: the folder is read when somebody asks.
#[derive(Debug)]
struct ByFolder(PathBuf);

impl ResolvesServerCert for ByFolder {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let folder = self.0.join(hello.server_name()?);
        let chain = vec![CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
        let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
        Some(Arc::new(CertifiedKey::new(chain, key)))
    }
}

#[tokio::test]
async fn tls_alpn_01_by_the_homeservers_folder() {
    let pebble = Pebble::start(Options::default()).await;
    let folder = pebble.folder.path().join("tls/challenge");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(ByFolder(folder.clone())));
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let task = serve_tls(pebble.tls_port, tokio_rustls::TlsAcceptor::from(Arc::new(config))).await;
    let host = Challenges { http: None, tls: Some(TlsPlace::Folder(folder.clone(), None)) };
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    let pair = acme.execute(&plan, &host, &|_| {}).await.unwrap();
    pair.check(NAME, now_ms()).unwrap();
    assert!(folder.is_dir() && fs::read_dir(&folder).unwrap().next().is_none(), "the answer is taken away again");
    task.abort();
}

#[tokio::test]
async fn the_other_way_where_one_is_closed_and_then_first() {
    let pebble = Pebble::start(Options::default()).await;
    // Nothing on port 80.
    let house = House::open(None, Some(pebble.tls_port)).await;
    let host = house.challenges();
    assert_eq!(host.methods()[0].name(), "http-01");
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    let reports = Reports::default();
    acme.execute(&plan, &host, &reports.take()).await.unwrap();
    assert!(reports.lines().contains(&"challenge warning".to_owned()), "{:?}", reports.lines());
    // What worked is tried first from now on.
    let reports = Reports::default();
    acme.execute(&plan, &host, &reports.take()).await.unwrap();
    assert!(!reports.lines().contains(&"challenge warning".to_owned()), "{:?}", reports.lines());
}

#[tokio::test]
async fn nonces_refused_more_often_than_not_are_asked_again() {
    let pebble = Pebble::start(Options { nonce_reject: 60, ..Options::default() }).await;
    let house = pebble.house().await;
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME, "hearth-test.org"]), now_ms(), true).unwrap();
    let pair = acme.execute(&plan, &house.challenges(), &|_| {}).await.unwrap();
    pair.check(NAME, now_ms()).unwrap();
}

#[tokio::test]
async fn what_was_proven_is_not_proven_again() {
    let pebble = Pebble::start(Options { authz_reuse: 100, ..Options::default() }).await;
    let house = pebble.house().await;
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    acme.execute(&plan, &house.challenges(), &|_| {}).await.unwrap();
    drop(house);
    // Nobody answers any more, and the authority doesn't ask.
    let silent = Challenges { http: Some(Arc::new(HttpTokens::default())), tls: None };
    acme.execute(&plan, &silent, &|_| {}).await.unwrap();
}

/// A server that takes up what is in its folder, or does not.
struct Served {
    folder: Folder,
    resolver: Arc<Resolver>,
    address: SocketAddr,
    /// It says that it has, and has not.
    is_stuck: bool,
    reloads: Mutex<u32>,
}

impl Server for Served {
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async {
            *self.reloads.lock().unwrap() += 1;
            if !self.is_stuck {
                self.resolver.set_public(self.folder.current().map_err(|error| error.to_string())?.as_ref());
            }
            Ok(())
        })
    }

    fn address(&self) -> SocketAddr {
        self.address
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_installed_only_where_it_serves() {
    let pebble = Pebble::start(Options::default()).await;
    let house = pebble.house().await;
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(acme.execute(&plan, &house.challenges(), &|_| {}).await.unwrap());
    }
    let folder = Folder::new(pebble.folder.path().join("tls"), None);
    let mut server = Served {
        folder: folder.clone(),
        resolver: Arc::clone(&house.resolver),
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, pebble.tls_port)),
        is_stuck: false,
        reloads: Mutex::default(),
    };
    let reports = Reports::default();
    for pair in &pairs[..2] {
        install(&folder, pair, NAME, now_ms(), &server, &reports.take()).await.unwrap();
    }
    assert_eq!(reports.lines(), ["install running", "install done", "install running", "install done"]);
    assert!(folder.previous().unwrap().is_none());

    server.is_stuck = true;
    let error = install(&folder, &pairs[2], NAME, now_ms(), &server, &|_| {}).await.unwrap_err();
    assert_eq!(error.code(), "certificate_not_served");
    assert_eq!(folder.current().unwrap().unwrap().fingerprint(), pairs[1].fingerprint());
    assert!(folder.previous().unwrap().is_none());
    assert_eq!(*server.reloads.lock().unwrap(), 4, "the old one is taken up again");

    let error = install(&folder, &pairs[2], "other.org", now_ms(), &server, &|_| {}).await.unwrap_err();
    assert_eq!(error.code(), "certificate_other_name");
    assert_eq!(*server.reloads.lock().unwrap(), 4, "nothing was touched");
}

#[tokio::test]
async fn what_a_power_cut_left_of_an_older_certificate_is_not_gone_back_to() {
    let root = tempfile::TempDir::new().unwrap();
    let (authority, _) = Authority::open(&root.path().join("authority"), now_ms()).unwrap();
    let hosts = Hosts { names: vec!["hearth.local".to_owned()], addresses: Vec::new() };
    let [one, two, three] = [(); 3].map(|()| authority.issue(&hosts, now_ms()).unwrap());
    let port = crate::pebble::free_port();
    let house = House::open(None, Some(port)).await;
    for two_has_served in [true, false] {
        let folder = Folder::new(root.path().join(format!("tls-{two_has_served}")), None);
        folder.install(&one).unwrap();
        // The second was put in place, and the power went before the first one could go.
        folder.install(&two).unwrap();
        house.resolver.set_public(Some(if two_has_served { &two } else { &one }));
        let server = Served {
            folder: folder.clone(),
            resolver: Arc::clone(&house.resolver),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            is_stuck: true,
            reloads: Mutex::default(),
        };
        let error = install(&folder, &three, "hearth.local", now_ms(), &server, &|_| {}).await.unwrap_err();
        assert_eq!(error.code(), "certificate_not_served");
        let back = if two_has_served { &two } else { &one };
        assert_eq!(folder.current().unwrap().unwrap().fingerprint(), back.fingerprint(), "{two_has_served}");
        assert!(folder.previous().unwrap().is_none());
    }
}
