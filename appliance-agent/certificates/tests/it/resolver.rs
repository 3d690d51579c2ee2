//! What the agent shows to whom, changed while connections are open.

use crate::{pebble::free_port, peer::serve_tls};
use hearth_certificates::{Authority, Hosts, Pair, Resolver, handshake};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const NOW: u64 = 1_790_000_000_000;
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn by_name_and_new_ones_without_dropping_a_connection() {
    let root = TempDir::new().unwrap();
    let (mut authority, _) = Authority::open(root.path(), NOW).unwrap();
    authority.permit("matrix.example.org", NOW).unwrap();
    let issue =
        |name: &str| authority.issue(&Hosts { names: vec![name.to_owned()], addresses: Vec::new() }, NOW).unwrap();
    let (local, public, renewed) = (issue("hearth.local"), issue("matrix.example.org"), issue("matrix.example.org"));
    let resolver = Resolver::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let server = serve_tls(address.port(), TlsAcceptor::from(resolver.server_config().unwrap())).await;
    let shows = async |name: &str, pair: &Pair| handshake::serves(address, name, pair, PATIENCE).await;

    assert_eq!(shows("hearth.local", &local).await.unwrap_err().code(), "certificate_not_served");
    resolver.set_local(&local);
    resolver.set_public(Some(&public));
    shows("hearth.local", &local).await.unwrap();
    shows("192.168.1.9", &local).await.unwrap();
    shows("elsewhere.org", &local).await.unwrap();
    shows("matrix.example.org", &public).await.unwrap();
    let other = shows("matrix.example.org", &local).await.unwrap_err();
    assert!(other.to_string().contains("another certificate"), "{other}");

    let mut open = connect(address, "matrix.example.org", &[b"http/1.1"], &authority).await.unwrap();
    resolver.set_public(Some(&renewed));
    shows("matrix.example.org", &renewed).await.unwrap();
    open.write_all(b"still here").await.unwrap();
    let mut echo = [0; 10];
    open.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"still here");

    // A challenge is shown to who asks by its protocol alone.
    let challenge = issue("matrix.example.org");
    let alpn: &[&[u8]] = &[b"acme-tls/1"];
    assert!(connect(address, "matrix.example.org", alpn, &authority).await.is_err());
    resolver.put_challenge("Matrix.example.org", &challenge);
    let asked = connect(address, "matrix.example.org", alpn, &authority).await.unwrap();
    assert_eq!(asked.get_ref().1.peer_certificates().unwrap()[0], challenge.served().cert[0]);
    let both = connect(address, "matrix.example.org", &[b"acme-tls/1", b"h2"], &authority).await.unwrap();
    assert_eq!(both.get_ref().1.peer_certificates().unwrap()[0], renewed.served().cert[0]);
    resolver.remove_challenge("matrix.example.org");
    assert!(connect(address, "matrix.example.org", alpn, &authority).await.is_err());

    // Without a local one, the public one is better than none.
    resolver.set_public(None);
    shows("matrix.example.org", &local).await.unwrap();
    server.abort();
}

async fn connect(
    address: SocketAddr,
    name: &str,
    alpn: &[&[u8]],
    authority: &Authority,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}
