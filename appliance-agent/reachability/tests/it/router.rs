//! miniupnpd as the router: asked by PCP, NAT-PMP and UPnP, with a public address and without.

use crate::{
    house::{BOX, HOST, bind9, cable, cables, config, findings, miniupnpd, rules},
    namespace::{in_a_house, sh},
};
use hearth_reachability::{Check, Dns, Level, MapError, Mappings, Nonces, Protocol, Router, Wan};
use std::{collections::BTreeMap, time::Duration};

#[test]
fn pcp_forwards_and_renews_and_closes() {
    in_a_house("router::pcp_forwards_and_renews_and_closes", || async {
        cables("5.5.77.1");
        let _router = miniupnpd("enable_natpmp=yes\nsecure_mode=yes").await;
        let config = config(Dns::System);
        let mut mappings = Mappings::new(vec![80, 443, 8448]);
        for _ in 0..2 {
            let kept = mappings.renew(&config).await;
            assert_eq!(kept.ports.len(), 3);
            for (port, lease) in &kept.ports {
                let lease = lease.as_ref().unwrap_or_else(|error| panic!("{port}: {error}"));
                assert_eq!(lease.lasts, Some(Duration::from_secs(7200)));
            }
            assert_eq!(kept.wan, Some("5.5.77.1".parse().unwrap()));
            assert_eq!(kept.next, Duration::from_secs(3600));
            for port in [80, 443, 8448] {
                assert_eq!(rules().matches(&format!("dnat ip to {BOX}:{port}\n")).count(), 1, "{}", rules());
            }
        }
        // The agent was restarted, and asks for what it has already.
        let kept = Mappings::new(vec![443]).renew(&config).await;
        assert!(kept.ports[&443].is_ok(), "{kept:?}");
        mappings.close().await;
        assert!(!rules().contains("dnat"), "{}", rules());

        let mut router = Router::find(&config).await.unwrap();
        router.map(443).await.unwrap();
        assert_eq!(router.protocol(), Protocol::Pcp, "the newer of the two");
    });
}

#[test]
fn upnp_alone_does_too() {
    in_a_house("router::upnp_alone_does_too", || async {
        cables("5.5.77.1");
        let _router = miniupnpd("enable_natpmp=no\nsecure_mode=yes").await;
        let config = config(Dns::System);
        let mut router = Router::find(&config).await.unwrap();
        assert_eq!((router.protocol(), router.wan()), (Protocol::Upnp, Wan::Is("5.5.77.1".parse().unwrap())));
        for _ in 0..2 {
            router.map(8448).await.unwrap();
            assert!(rules().contains(&format!("dnat ip to {BOX}:8448")), "{}", rules());
        }
        router.unmap(8448).await.unwrap();
        router.unmap(8448).await.unwrap();
        assert!(!rules().contains("dnat"), "{}", rules());
    });
}

#[test]
fn a_port_that_another_machine_has_and_one_that_is_not_allowed() {
    in_a_house("router::a_port_that_another_machine_has_and_one_that_is_not_allowed", || async {
        cables("5.5.77.1");
        let dns = bind9("matrix A 5.5.77.1").await;
        let _router = miniupnpd("enable_natpmp=no\nsecure_mode=no\nallow 81-65535 192.168.77.0/24 81-65535").await;
        let mut other = config(dns.clone());
        other.addresses = vec!["192.168.77.3".parse().unwrap()];
        // Another machine of the house asks first.
        sh("ip addr add 192.168.77.3/24 dev eth0");
        Router::find(&other).await.unwrap().map(443).await.unwrap();

        let config = config(dns);
        let mut router = Router::find(&config).await.unwrap();
        assert_eq!(router.map(443).await, Err(MapError::Taken));
        assert!(router.map(80).await.is_err());
        let found = findings(&config, HOST, &Nonces::default()).await;
        let router = &found[&Check::Router];
        assert_eq!((router.code, router.level), ("router_port_taken", Level::Bad));
        assert_eq!(router.params["taken"], serde_json::json!([443]));
    });
}

/// miniupnpd does not say which address it has where that is not a public one; it answers that there is none.
#[test]
fn an_address_shared_with_other_customers() {
    in_a_house("router::an_address_shared_with_other_customers", || async {
        cables("100.72.0.5");
        let dns = bind9("matrix A 5.5.77.1").await;
        for protocol in ["enable_natpmp=yes", "enable_natpmp=no"] {
            let mut router = miniupnpd(&format!("{protocol}\nsecure_mode=yes")).await;
            let found = findings(&config(dns.clone()), HOST, &Nonces::default()).await;
            let address = &found[&Check::PublicAddress];
            assert_eq!((address.code, address.level), ("no_public_address", Level::Bad), "{found:#?}");
            assert!(address.help.contains("CGNAT"));
            assert_eq!(found[&Check::Dns].code, "dns_not_yours");
            assert_eq!(found[&Check::Router].code, "router_refuses", "{found:#?}");
            router.kill().unwrap();
            router.wait().unwrap();
        }
    });
}

#[test]
fn a_modem_that_gives_the_box_a_shared_address() {
    in_a_house("router::a_modem_that_gives_the_box_a_shared_address", || async {
        cable("100.72.0.5");
        let mut config = config(bind9("matrix A 5.5.77.1").await);
        config.addresses = vec!["100.72.0.5".parse().unwrap()];
        config.gateway = None;
        let found = findings(&config, HOST, &Nonces::default()).await;
        let address = &found[&Check::PublicAddress];
        assert_eq!((address.code, address.level), ("cgnat", Level::Bad), "{found:#?}");
        assert_eq!(address.params["address"], "100.72.0.5");
        assert!(address.help.contains("Ask your provider for a public IPv4 address"));
    });
}

#[test]
fn a_router_that_says_nothing() {
    in_a_house("router::a_router_that_says_nothing", || async {
        cables("5.5.77.1");
        let dns = bind9("matrix A 5.5.77.1").await;
        let config = config(dns);
        let found = findings(&config, HOST, &Nonces::default()).await;
        assert_eq!(found[&Check::PublicAddress].code, "public_address_unknown");
        let router = &found[&Check::Router];
        assert_eq!((router.code, router.level), ("router_silent", Level::Unknown));
        assert!(router.help.contains(&format!("the box ({BOX})")), "{}", router.help);
        let kept = Mappings::new(vec![443]).renew(&config).await;
        assert_eq!((kept.ports, kept.wan), (BTreeMap::new(), None));
        assert!(kept.next > Duration::ZERO);
    });
}

#[test]
fn a_router_that_is_exchanged_is_found_again() {
    in_a_house("router::a_router_that_is_exchanged_is_found_again", || async {
        cables("5.5.77.1");
        let config = config(Dns::System);
        let mut mappings = Mappings::new(vec![443]);
        let mut router = miniupnpd("enable_natpmp=yes\nsecure_mode=yes").await;
        assert!(mappings.renew(&config).await.ports[&443].is_ok());
        router.kill().unwrap();
        router.wait().unwrap();
        assert!(mappings.renew(&config).await.ports[&443].is_err());
        // The new one forgot everything, and speaks UPnP alone.
        sh("ip netns exec router nft flush chain inet filter prerouting_miniupnpd; rm -f /run/leases");
        let _router = miniupnpd("enable_natpmp=no\nsecure_mode=yes").await;
        let mut kept = mappings.renew(&config).await;
        if kept.ports[&443].is_err() {
            kept = mappings.renew(&config).await;
        }
        assert!(kept.ports[&443].is_ok(), "{kept:?}");
        assert!(rules().contains(&format!("dnat ip to {BOX}:443")), "{}", rules());
    });
}
