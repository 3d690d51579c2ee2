//! A house for one test, in namespaces of its own, where the test is the box: `eth0` leads to the namespace `router`, whose `wan0` leads
//! to the namespace `world`.

use crate::namespace::sh;
use hearth_reachability::{Check, Config, Dns, Event, Finding, Nonces, Question, check};
use std::{
    collections::HashMap,
    fs,
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

pub const HOST: &str = "matrix.hearth-test.org";
pub const BOX: &str = "192.168.77.2";

fn start(script: &str, log: &str) -> Child {
    let log = fs::File::create(format!("/run/{log}")).unwrap();
    let mut command = Command::new("sh");
    command.args(["-ec", &format!("exec {script}")]).stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// Waits for something that a started program does.
async fn until(what: &str, ready: impl Fn() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Cables: the box, a router with this address on the internet side, and the world.
pub fn cables(wan: &str) {
    sh(&format!(
        "ip netns add router; ip netns add world
        ip link add eth0 type veth peer name lan0 netns router
        ip -n router link add wan0 type veth peer name net0 netns world
        ip addr add {BOX}/24 dev eth0; ip link set eth0 up
        ip -n router link set lo up
        ip -n router addr add 192.168.77.1/24 dev lan0; ip -n router link set lan0 up
        ip -n router addr add {wan}/24 dev wan0; ip -n router link set wan0 up
        ip -n world link set net0 up
        ip route add default via 192.168.77.1
        ip netns exec router sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
        ip netns exec router nft -f - <<N
        table inet filter {{
          chain miniupnpd {{ }}
          chain prerouting_miniupnpd {{ }}
          chain postrouting_miniupnpd {{ }}
          chain forward {{ type filter hook forward priority 0; jump miniupnpd; }}
          chain prerouting {{ type nat hook prerouting priority -100; jump prerouting_miniupnpd; }}
          chain postrouting {{ type nat hook postrouting priority 100; jump postrouting_miniupnpd; ip saddr 192.168.77.0/24 masquerade; }}
        }}
N"
    ));
}

/// A cable that leads nowhere, with this address on it.
pub fn cable(address: &str) {
    sh(&format!(
        "ip link add eth0 type veth peer name cable0; ip addr add {address}/24 dev eth0; ip link set eth0 up; ip link set cable0 up"
    ));
}

/// Ports forwarded by hand, to an address in the house, also for those who come from inside.
pub fn forward(wan: &str, target: &str) {
    sh(&format!(
        "ip netns exec router nft add rule inet filter prerouting ip daddr {wan} tcp dport '{{ 80, 443, 8448 }}' dnat ip to {target}"
    ));
}

/// The router's daemon.
pub async fn miniupnpd(extra: &str) -> Child {
    let allow = if extra.contains("allow ") { "" } else { "allow 1-65535 192.168.77.0/24 1-65535" };
    let config = format!(
        "ext_ifname=wan0\nlistening_ip=lan0\nenable_upnp=yes\nmin_lifetime=120\nmax_lifetime=86400\nhttp_port=0\n\
        uuid=11111111-2222-3333-4444-555555555555\nlease_file=/run/leases\n{extra}\n{allow}\ndeny 0-65535 0.0.0.0/0 0-65535\n"
    );
    fs::write("/run/miniupnpd.conf", config).unwrap();
    let child = start("ip netns exec router miniupnpd -d -f /run/miniupnpd.conf", "miniupnpd.log");
    // It says so before it listens; what it listens on stands in the kernel's list.
    until("miniupnpd", || {
        let ports = Command::new("ip").args(["netns", "exec", "router", "cat", "/proc/net/udp"]).output().unwrap();
        // 1900 in hexadecimal digits.
        String::from_utf8_lossy(&ports.stdout).contains(":076C ")
    })
    .await;
    child
}

/// What the router forwards, in nftables' words.
pub fn rules() -> String {
    let output = Command::new("ip")
        .args(["netns", "exec", "router", "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// bind9 with these records of `hearth-test.org`, on loopback.
pub async fn bind9(records: &str) -> Dns {
    fs::create_dir_all("/run/peer").unwrap();
    fs::write(
        "/run/peer/zone",
        format!("$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n{records}\n"),
    )
    .unwrap();
    fs::write(
        "/run/peer/named.conf",
        "options { directory \"/run/peer\"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;
            listen-on port 53 { 127.0.0.1; }; listen-on-v6 { none; }; };
        controls { };
        zone \"hearth-test.org\" { type primary; file \"/run/peer/zone\"; };",
    )
    .unwrap();
    // Under another path: a profile for the program's own path would keep it from reading this folder.
    sh("cp \"$(command -v named)\" /run/peer/named");
    let child = start("/run/peer/named -g -n 1 -c /run/peer/named.conf", "named.log");
    std::mem::forget(child);
    until("bind9", || fs::read_to_string("/run/named.log").unwrap_or_default().contains("running")).await;
    Dns::Servers(vec!["127.0.0.1:53".parse().unwrap()])
}

/// The box as the agent would describe it.
pub fn config(dns: Dns) -> Config {
    let mut config = Config::new(vec![BOX.parse().unwrap()], Some(Ipv4Addr::new(192, 168, 77, 1)));
    config.dns = dns;
    config.patience = Duration::from_secs(3);
    config
}

pub fn question(server_name: &str) -> Question {
    Question { server_name: server_name.to_owned(), host: HOST.to_owned() }
}

/// Runs all checks; the findings by check, each reported once it was started.
pub async fn findings(config: &Config, server_name: &str, nonces: &Nonces) -> HashMap<Check, Finding> {
    let events = Mutex::new(Vec::new());
    let found =
        check(config, &question(server_name), nonces, [7; 16], &|event| events.lock().unwrap().push(event)).await;
    let order: Vec<_> = found.iter().map(|finding| finding.check.name()).collect();
    assert_eq!(order, ["dns", "public_address", "router", "port_80", "port_443", "port_8448", "delegation"]);
    let events = events.into_inner().unwrap();
    for finding in &found {
        let started = events.iter().position(|event| *event == Event::Started(finding.check)).unwrap();
        let ended = events.iter().position(|event| *event == Event::Found(finding.clone())).unwrap();
        assert!(started < ended);
        assert!(finding.message.ends_with(['.', '?']), "{finding:?}");
    }
    found.into_iter().map(|finding| (finding.check, finding)).collect()
}

/// A web server with a certificate for this name, answering a path with status, headers and body; and its root in PEM.
pub async fn web(
    address: &str,
    name: &str,
    answer: impl Fn(&str) -> (&'static str, String) + Send + Sync + 'static,
) -> String {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let mut root = rcgen::CertificateParams::default();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_key = rcgen::KeyPair::generate().unwrap();
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &rcgen::Issuer::new(root, root_key)).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(address).await.unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let (head, body) = answer(request.split(' ').nth(1).unwrap_or_default());
                let length = body.len();
                let text = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    root_pem
}

/// The agent's port 80.
pub async fn agent(nonces: Arc<Nonces>) {
    let listener = TcpListener::bind("0.0.0.0:80").await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let answer = nonces.answer(request.split(' ').nth(1).unwrap_or_default());
            let (status, body) = answer.map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
            let length = body.len();
            let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
}
