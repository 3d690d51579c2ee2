//! Which certificate whom is shown, and new ones without a break: a real process, real handshakes.

use crate::{
    local::Owner,
    process::{Process, wait_until},
};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde_json::json;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, TcpStream},
    os::unix::net::UnixDatagram,
    path::Path,
    sync::Arc,
    time::Duration,
};

/// Trusts everybody: what is looked at is who is there.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

type Stream = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

/// Shakes hands; an address asks without a name.
fn connect(port: u16, name: Option<&str>, alpn: &[&str]) -> Result<Stream, std::io::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = match name {
        Some(name) => ServerName::try_from(name.to_owned()).unwrap(),
        None => ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = rustls::StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn shown(port: u16, name: Option<&str>, alpn: &[&str]) -> Vec<u8> {
    connect(port, name, alpn).unwrap().conn.peer_certificates().unwrap()[0].to_vec()
}

fn ask(stream: &mut Stream, path: &str, host: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) || text.contains("0\r\n\r\n") {
            return String::from_utf8(bytes).unwrap();
        }
    }
}

/// Puts a new pair of files there, and returns the certificate.
fn put(folder: &Path, name: &str) -> Vec<u8> {
    put_with(folder, name, Vec::new())
}

/// As [`put`], as an answer to a challenge: with the critical extension of RFC 8737.
fn put_challenge(folder: &Path, name: &str) -> Vec<u8> {
    put_with(folder, name, vec![rcgen::CustomExtension::new_acme_identifier(&[7; 32])])
}

fn put_with(folder: &Path, name: &str, extensions: Vec<rcgen::CustomExtension>) -> Vec<u8> {
    fs::create_dir_all(folder).unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.custom_extensions = extensions;
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    fs::write(folder.join("certificate.pem"), made.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    made.der().to_vec()
}

fn configuration(folder: &Path) {
    let text = format!(
        "server_name = \"example.org\"\ndata = {:?}\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n\
         base_url = \"https://matrix.example.org\"\ndashboard_url = \"https://hearth.local:8443/\"\n\
         admin_socket = {:?}\nregistration = \"closed\"\n",
        folder,
        folder.join("socket")
    );
    fs::write(folder.join("homeserver.toml"), text).unwrap();
}

/// The ports on which a process listens, by /proc.
pub fn ports(pid: u32) -> Vec<u16> {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|target| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let listening = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    listening
        .filter(|line| line[3] == "0A" && sockets.contains(&line[9].to_owned()))
        .map(|line| u16::from_str_radix(line[1].rsplit(':').next().unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn each_is_shown_its_certificate_and_new_ones_are_taken_up_without_a_break() {
    let folder = tempfile::tempdir().unwrap();
    configuration(folder.path());
    let tls = folder.path().join("tls");
    let public = put(&tls, "other.example.org");
    let local = put(&tls.join("local"), "hearth.local");
    let notify = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let process = Process::start(folder.path(), |command| {
        command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    });
    let heard = || {
        let mut bytes = [0; 64];
        let length = notify.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    assert_eq!(heard(), "READY=1");
    let ports = ports(process.child.id());
    assert_eq!(ports.len(), 2, "it listens on both addresses: {ports:?}");
    for port in &ports {
        // By the server's own name, by that of its address, and by a name that only the certificate knows.
        for name in ["example.org", "Matrix.Example.org", "other.example.org"] {
            assert_eq!(shown(*port, Some(name), &[]), public, "{name}");
        }
        for name in [Some("hearth.local"), Some("evil.example.com"), None] {
            assert_eq!(shown(*port, name, &["h2", "http/1.1"]), local, "{name:?}");
        }
    }

    let port = ports[0];
    // A certificate authority asks: it is shown what was put there for it, gets its protocol, and is sent away.
    let refused = connect(port, Some("example.org"), &["acme-tls/1"]);
    assert!(refused.is_err(), "there is no challenge yet");
    let challenge = put_challenge(&tls.join("challenge/example.org"), "example.org");
    let mut stream = connect(port, Some("Example.org"), &["acme-tls/1"]).unwrap();
    assert_eq!(stream.conn.peer_certificates().unwrap()[0].to_vec(), challenge);
    assert_eq!(stream.conn.alpn_protocol(), Some(b"acme-tls/1".as_slice()));
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "nothing follows the handshake");
    assert!(connect(port, Some("matrix.example.org"), &["acme-tls/1"]).is_err());
    assert!(connect(port, None, &["acme-tls/1"]).is_err());
    assert_eq!(shown(port, Some("example.org"), &["acme-tls/1", "http/1.1"]), public, "others are served as ever");

    // Where a browser is sent.
    let mut kept = connect(port, Some("example.org"), &["http/1.1"]).unwrap();
    let page = ask(&mut kept, "/", "example.org");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("This is a Matrix homeserver"), "{page}");
    let page = ask(&mut kept, "/", "matrix.example.org:443");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let sent = ask(&mut kept, "/", "hearth.local");
    assert!(sent.starts_with("HTTP/1.1 307") && sent.contains("location: https://hearth.local:8443/"), "{sent}");

    // New files, by the socket and by a signal; what is open stays open.
    let owner = Owner(folder.path().join("socket"));
    let renewed = put(&tls, "example.org");
    assert_eq!(shown(port, Some("example.org"), &[]), public, "nobody has said a word yet");
    owner.post("/v1/certificate/reload", json!({})).ok();
    assert_eq!(shown(port, Some("example.org"), &[]), renewed);
    fs::write(tls.join("key.pem"), "no key").unwrap();
    owner.post("/v1/certificate/reload", json!({})).error(400, "M_INVALID_PARAM");
    process.signal("HUP");
    assert_eq!(shown(port, Some("example.org"), &[]), renewed, "a bad one is not taken up");
    let again = put(&tls, "example.org");
    process.signal("HUP");
    wait_until("the new certificate", || shown(port, Some("example.org"), &[]) == again);
    assert!(ask(&mut kept, "/_matrix/client/versions", "example.org").contains("v1.19"), "the connection was dropped");

    process.signal("TERM");
    assert_eq!(heard(), "STOPPING=1");
    let mut process = process;
    assert!(process.child.wait().unwrap().success());
    assert!(!folder.path().join("socket").exists());
}
