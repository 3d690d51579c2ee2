//! What bind9 says about the host, or does not.

use crate::{
    house::{BOX, HOST, bind9, cable, config, findings},
    namespace::in_a_house,
};
use hearth_reachability::{Check, Dns, Level, Nonces};

#[test]
fn records_missing_private_and_beyond_an_alias() {
    in_a_house("names::records_missing_private_and_beyond_an_alias", || async {
        cable(BOX);
        let dns =
            bind9("private A 192.168.77.2\nalias CNAME real\nreal A 9.9.77.9\nreal AAAA 2a01::9\nempty TXT nothing")
                .await;
        for (host, code) in [
            ("none.hearth-test.org", "dns_missing"),
            ("empty.hearth-test.org", "dns_missing"),
            ("private.hearth-test.org", "dns_private"),
            // Refused: the server is nobody's resolver.
            ("elsewhere.org", "dns_unreachable"),
        ] {
            let mut question = crate::house::question(HOST);
            question.host = host.to_owned();
            let found =
                hearth_reachability::check(&config(dns.clone()), &question, &Nonces::default(), [1; 16], &|_| {}).await;
            assert_eq!(found[0].code, code, "{host}: {:#?}", found[0]);
        }
        let mut question = crate::house::question(HOST);
        question.host = "alias.hearth-test.org".to_owned();
        let found = hearth_reachability::check(&config(dns), &question, &Nonces::default(), [1; 16], &|_| {}).await;
        assert_eq!(found[0].params["found"], serde_json::json!(["9.9.77.9", "2a01::9"]), "{:#?}", found[0]);
        assert_eq!(found[0].code, "dns_ipv6_elsewhere");
    });
}

#[test]
fn nobody_answers_for_dns() {
    in_a_house("names::nobody_answers_for_dns", || async {
        cable(BOX);
        let dns = Dns::Servers(vec!["127.0.0.1:53".parse().unwrap()]);
        let found = findings(&config(dns), "hearth-test.org", &Nonces::default()).await;
        assert_eq!((found[&Check::Dns].code, found[&Check::Dns].level), ("dns_unreachable", Level::Unknown));
        assert_eq!(found[&Check::Port443].code, "port_no_address");
        assert_eq!(
            (found[&Check::Delegation].code, found[&Check::Delegation].level),
            ("delegation_unknown", Level::Unknown)
        );
    });
}
