//! Whether the ports lead to the box: through the router and back, to somebody else, or nowhere.

use crate::{
    house::{HOST, agent, bind9, cable, cables, config, findings, forward, miniupnpd, web},
    namespace::{in_a_house, sh},
};
use hearth_reachability::{Check, Level, Nonces};
use std::sync::Arc;

const PORTS: [Check; 3] = [Check::Port80, Check::Port443, Check::Port8448];

#[test]
fn all_is_well() {
    in_a_house("ports::all_is_well", || async {
        cables("5.5.77.1");
        forward("5.5.77.1", "192.168.77.2");
        let dns = bind9("matrix A 5.5.77.1\n_matrix-fed._tcp.matrix SRV 0 0 8448 matrix").await;
        let _router = miniupnpd("enable_natpmp=yes\nsecure_mode=yes").await;
        // The agent has 80 and 443; nobody has 8448 yet.
        let nonces = Arc::new(Nonces::default());
        agent(Arc::clone(&nonces)).await;
        web("0.0.0.0:443", "hearth.local", |_| ("200 OK", String::new())).await;
        let found = findings(&config(dns), HOST, &nonces).await;
        for (check, finding) in &found {
            assert_eq!(finding.level, Level::Good, "{check:?}: {finding:#?}");
            assert!(finding.help.is_empty(), "{finding:#?}");
        }
        assert_eq!(found[&Check::Router].code, "router_forwards");
        for check in PORTS {
            assert_eq!(found[&check].code, "port_open");
        }
        assert_eq!(nonces.answer("/.well-known/hearth-check/07070707070707070707070707070707"), None);
    });
}

#[test]
fn a_router_that_does_not_lead_back() {
    in_a_house("ports::a_router_that_does_not_lead_back", || async {
        cables("5.5.77.1");
        let dns = bind9("matrix A 5.5.77.1").await;
        // Its rules are for what comes from the internet side alone.
        let _router = miniupnpd("enable_natpmp=yes\nsecure_mode=yes").await;
        let found = findings(&config(dns), HOST, &Nonces::default()).await;
        assert_eq!(found[&Check::Router].code, "router_forwards");
        for check in PORTS {
            let port = &found[&check];
            assert_eq!((port.code, port.level), ("port_forwarded", Level::Unknown), "{port:#?}");
        }
    });
}

#[test]
fn somebody_else_answers() {
    in_a_house("ports::somebody_else_answers", || async {
        cables("5.5.77.1");
        forward("5.5.77.1", "192.168.77.9");
        let dns = bind9("matrix A 5.5.77.1").await;
        // Another machine of the house with a web server of its own.
        sh("ip netns add other; ip link add other0 type veth peer name eth1 netns other
            ip link add bridge0 type bridge; ip addr del 192.168.77.2/24 dev eth0; ip link set eth0 master bridge0
            ip link set other0 master bridge0; ip link set other0 up; ip link set bridge0 up
            ip addr add 192.168.77.2/24 dev bridge0; ip route add default via 192.168.77.1
            ip -n other addr add 192.168.77.9/24 dev eth1; ip -n other link set eth1 up
            ip -n other route add default via 192.168.77.1");
        other_web_server().await;
        let nonces = Arc::new(Nonces::default());
        agent(Arc::clone(&nonces)).await;
        web("0.0.0.0:443", "hearth.local", |_| ("200 OK", String::new())).await;
        let found = findings(&config(dns), HOST, &nonces).await;
        for check in PORTS {
            let port = &found[&check];
            assert_eq!((port.code, port.level), ("port_elsewhere", Level::Bad), "{port:#?}");
        }
    });
}

#[test]
fn nobody_answers() {
    in_a_house("ports::nobody_answers", || async {
        cables("5.5.77.1");
        let dns = bind9("matrix A 5.5.77.1").await;
        let found = findings(&config(dns), HOST, &Nonces::default()).await;
        for check in PORTS {
            let port = &found[&check];
            assert_eq!((port.code, port.level), ("port_unseen", Level::Warning), "{port:#?}");
            assert!(port.help.contains("port forwarding"), "{port:#?}");
        }
    });
}

#[test]
fn an_own_public_address_proves_nothing() {
    in_a_house("ports::an_own_public_address_proves_nothing", || async {
        cable("6.6.77.2");
        let dns = bind9("matrix A 6.6.77.2").await;
        let mut config = config(dns);
        config.gateway = None;
        config.addresses = vec!["6.6.77.2".parse().unwrap()];
        let found = findings(&config, HOST, &Nonces::default()).await;
        assert_eq!(found[&Check::Dns].code, "dns_good");
        assert_eq!(found[&Check::PublicAddress].code, "public_address_own");
        assert_eq!(found[&Check::Router].code, "router_none");
        for check in PORTS {
            let port = &found[&check];
            assert_eq!((port.code, port.level), ("port_own_address", Level::Unknown), "{port:#?}");
        }
    });
}

/// In the namespace `other`, on all three ports.
async fn other_web_server() {
    let script = "import asyncio
async def answer(reader, writer):
    await reader.read(4096)
    writer.write(b'HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n')
    await writer.drain()
    writer.close()
async def main():
    servers = [await asyncio.start_server(answer, '0.0.0.0', port) for port in (80, 443, 8448)]
    print('listening', flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))
asyncio.run(main())";
    let mut child = tokio::process::Command::new("ip")
        .args(["netns", "exec", "other", "python3", "-c", script])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 9];
    tokio::io::AsyncReadExt::read_exact(child.stdout.as_mut().unwrap(), &mut said).await.unwrap();
    assert_eq!(&said, b"listening");
    // It ends with the house.
    std::mem::forget(child);
}
