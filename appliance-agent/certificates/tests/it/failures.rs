//! What goes wrong, and whether the owner is told what it is.

use crate::{
    pebble::{Options, Pebble, free_port, server_certificate},
    peer::{House, NAME, now_ms, request, serve_http},
};
use hearth_certificates::acme::{Acme, AcmeError, Challenges, Refusal, Settings, Why};
use rcgen::date_time_ymd;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{fs, net::Ipv4Addr, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

async fn failure(acme: &Acme, host: &Challenges) -> AcmeError {
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    acme.execute(&plan, host, &|_| {}).await.unwrap_err()
}

fn refusals(error: &AcmeError) -> Vec<(Option<&'static str>, Why)> {
    let AcmeError::Refused { refusals } = error else { panic!("{error:?}") };
    let of = |refusal: &Refusal| {
        assert_eq!(refusal.name, NAME);
        (refusal.method.map(|method| method.name()), refusal.why)
    };
    refusals.iter().map(of).collect()
}

#[tokio::test]
async fn both_ports_closed_is_said_of_both_and_the_next_try_is_fresh() {
    let pebble = Pebble::start(Options::default()).await;
    let house = House::open(None, None).await;
    let acme = pebble.acme();
    let error = failure(&acme, &house.challenges()).await;
    assert_eq!(error.code(), "acme_refused");
    assert_eq!(refusals(&error), [(Some("http-01"), Why::Closed), (Some("tls-alpn-01"), Why::Closed)]);
    assert_eq!(
        error.to_string(),
        format!(
            "The certificate authority refused: port 80 of {NAME} can't be reached from outside; port 443 of {NAME} can't be reached from outside."
        )
    );
    assert!(error.help().contains("forward this port"), "{}", error.help());
    assert_eq!(error.params()["why"], "closed");
    // A failed order is not taken up again.
    assert!(!pebble.folder.path().join("acme/order.json").exists());
    let house = pebble.house().await;
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    acme.execute(&plan, &house.challenges(), &|_| {}).await.unwrap();
}

#[tokio::test]
async fn somebody_elses_answer() {
    let pebble = Pebble::start(Options::default()).await;
    let other = serve_http(pebble.http_port, |_| Some("Welcome to your new router".to_owned())).await;
    let house = House::open(None, None).await;
    let host = Challenges { tls: None, ..house.challenges() };
    let error = failure(&pebble.acme(), &host).await;
    assert_eq!(refusals(&error), [(Some("http-01"), Why::Elsewhere)]);
    assert!(error.to_string().contains("something else answers than this box"), "{error}");
    other.abort();
}

#[tokio::test]
async fn a_name_without_dns() {
    let pebble = Pebble::start(Options { dns: false, ..Options::default() }).await;
    let house = pebble.house().await;
    let host = Challenges { tls: None, ..house.challenges() };
    let error = failure(&pebble.acme(), &host).await;
    // Pebble calls this a failed connection; where an authority says that it is DNS, a unit test has the words.
    assert_eq!(refusals(&error), [(Some("http-01"), Why::Closed)]);
    assert!(error.help().contains("address in DNS"), "{}", error.help());
}

#[tokio::test]
async fn a_name_that_the_authority_does_not_sign_for() {
    let pebble = Pebble::start(Options { blocked: vec![NAME.to_owned()], ..Options::default() }).await;
    let house = pebble.house().await;
    let error = failure(&pebble.acme(), &house.challenges()).await;
    let AcmeError::Refused { refusals } = &error else { panic!("{error:?}") };
    assert_eq!(refusals[0].why, Why::Forbidden);
    assert_eq!(refusals.len(), 1, "asked once: no other challenge would help");
}

#[tokio::test]
async fn no_nonce_is_ever_good_enough() {
    let pebble = Pebble::start(Options { nonce_reject: 100, ..Options::default() }).await;
    let house = pebble.house().await;
    let error = failure(&pebble.acme(), &house.challenges()).await;
    assert_eq!(error.code(), "acme_bad_nonce");
}

#[tokio::test]
async fn nobody_answers_at_the_authority() {
    let mut pebble = Pebble::start(Options::default()).await;
    let house = pebble.house().await;
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    acme.execute(&plan, &house.challenges(), &|_| {}).await.unwrap();
    pebble.down().await;
    let error = acme.execute(&plan, &house.challenges(), &|_| {}).await.unwrap_err();
    assert_eq!(error.code(), "acme_unreachable");
    assert!(acme.terms().await.is_err_and(|error| error.code() == "acme_unreachable"));
}

#[tokio::test]
async fn no_way_to_answer() {
    let pebble = Pebble::start(Options::default()).await;
    let error = failure(&pebble.acme(), &Challenges::default()).await;
    assert_eq!(error.code(), "acme_no_method");
}

#[test]
fn what_can_not_work_is_refused_before_anybody_is_asked() {
    let folder = tempfile::TempDir::new().unwrap();
    let acme = Acme::new(settings(folder.path(), free_port(), server_certificate(|_| {}).0)).unwrap();
    let code = |request, trusted| acme.plan(request, 0, trusted).unwrap_err().code();
    assert_eq!(code(request(&["hearth.local"]), true), "acme_name");
    assert_eq!(code(request(&["192.168.1.4"]), true), "acme_name");
    assert_eq!(code(request(&[]), true), "acme_name");
    assert_eq!(code(request(&[NAME]), false), "clock_untrusted");
    let mut unwilling = request(&[NAME]);
    unwilling.agreed = false;
    assert_eq!(code(unwilling, true), "acme_terms");
    let mut odd = request(&[NAME]);
    odd.email = Some("ann at home".to_owned());
    assert_eq!(code(odd, true), "acme_email");
    let plain = Settings { directory: "http://localhost/dir".to_owned(), ..settings(folder.path(), 1, String::new()) };
    assert_eq!(Acme::new(plain).unwrap_err().code(), "acme_settings");
    let bad_root = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    assert_eq!(Acme::new(settings(folder.path(), 1, bad_root)).unwrap_err().code(), "acme_settings");
}

fn settings(folder: &Path, port: u16, root: String) -> Settings {
    Settings {
        directory: format!("https://localhost:{port}/dir"),
        extra_roots_pem: Some(root),
        folder: folder.join("acme"),
        answer_patience: Duration::from_secs(2),
        order_patience: Duration::from_secs(5),
    }
}

/// What pebble never does: an authority that answers everything after the directory with this.
async fn odd_authority(
    folder: &Path,
    answer: Option<&'static str>,
    change: impl FnOnce(&mut rcgen::CertificateParams),
) -> Acme {
    let (root, certificate, key) = server_certificate(change);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let base = format!("https://localhost:{port}");
    let directory = format!(r#"{{"newNonce":"{base}/nonce","newAccount":"{base}/account","newOrder":"{base}/order"}}"#);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let (directory, mut buffer) = (directory.clone(), vec![0; 8192]);
            tokio::spawn(async move {
                // One answer for each connection.
                let read = stream.read(&mut buffer).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let length = directory.len();
                let text = match request.split(' ').nth(1) {
                    Some("/dir") => {
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{directory}")
                    }
                    Some("/nonce") => {
                        "HTTP/1.1 200 OK\r\nReplay-Nonce: bm9uY2U\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                            .to_owned()
                    }
                    _ => match answer {
                        Some(answer) => answer.to_owned(),
                        None => return std::future::pending().await,
                    },
                };
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    Acme::new(settings(folder, port, root)).unwrap()
}

#[tokio::test]
async fn asked_too_often() {
    let folder = tempfile::TempDir::new().unwrap();
    let answer = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Type: application/problem+json\r\nConnection: close\r\n\r\n\
        {\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many new accounts\"}";
    let acme = odd_authority(folder.path(), Some(answer), |_| {}).await;
    let before = now_ms();
    let error = failure(&acme, &Challenges::default()).await;
    assert_eq!(error.code(), "acme_rate_limited");
    let wait = error.retry_at_ms().unwrap() - before;
    assert!((3_590_000..=3_660_000).contains(&wait), "{wait}");
}

#[tokio::test]
async fn trouble_behind_a_proxy_and_nonsense() {
    let folder = tempfile::TempDir::new().unwrap();
    for (answer, code) in [
        ("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n<html>back soon</html>", "acme_trouble"),
        ("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n<html>?</html>", "acme_answer"),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "acme_answer"),
        ("not HTTP at all", "acme_unreachable"),
    ] {
        let acme = odd_authority(folder.path(), Some(answer), |_| {}).await;
        assert_eq!(failure(&acme, &Challenges::default()).await.code(), code, "{answer}");
    }
}

#[tokio::test]
async fn an_authority_that_never_answers_is_given_up() {
    let folder = tempfile::TempDir::new().unwrap();
    let acme = odd_authority(folder.path(), None, |_| {}).await;
    let error = failure(&acme, &Challenges::default()).await;
    assert_eq!(error.to_string(), "The certificate authority can't be reached: no answer in time.");
}

#[tokio::test]
async fn a_certificate_of_tomorrow_means_that_the_clock_is_wrong() {
    let folder = tempfile::TempDir::new().unwrap();
    let tomorrow = |params: &mut rcgen::CertificateParams| params.not_before = date_time_ymd(2090, 1, 1);
    let acme = odd_authority(folder.path(), None, tomorrow).await;
    assert_eq!(failure(&acme, &Challenges::default()).await.code(), "clock_untrusted");
}

#[tokio::test]
async fn an_authority_that_is_not_the_one() {
    let pebble = Pebble::start(Options::default()).await;
    let house = pebble.house().await;
    let mut settings = pebble.settings(&pebble.folder.path().join("acme"));
    settings.extra_roots_pem = Some(server_certificate(|_| {}).0);
    let error = failure(&Acme::new(settings).unwrap(), &house.challenges()).await;
    assert_eq!(error.code(), "acme_unreachable");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn a_damaged_account_is_made_anew() {
    let pebble = Pebble::start(Options::default()).await;
    let house = pebble.house().await;
    let acme = pebble.acme();
    let folder = pebble.folder.path().join("acme");
    fs::create_dir_all(&folder).unwrap();
    let directory = pebble.settings(&folder).directory;
    for damaged in
        ["{".to_owned(), String::new(), format!(r#"{{"id":"x","key_pkcs8":"AAAA","directory":"{directory}"}}"#)]
    {
        fs::write(folder.join("account.json"), damaged).unwrap();
        let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
        acme.execute(&plan, &house.challenges(), &|_| {}).await.unwrap();
    }
}
