//! Somebody outside who may be asked.

use crate::{
    house::{BOX, HOST, bind9, cable, config, findings, web},
    namespace::in_a_house,
};
use hearth_reachability::{Check, Level, Nonces};

#[test]
fn what_is_seen_from_outside_goes_before_what_is_seen_from_inside() {
    in_a_house("outside::what_is_seen_from_outside_goes_before_what_is_seen_from_inside", || async {
        cable(BOX);
        let mut config = config(bind9("matrix A 5.5.77.1\ntester A 127.0.0.6").await);
        config.outside_checker_url =
            Some("https://tester.hearth-test.org/api/report?server_name={server_name}".to_owned());
        config.extra_roots_pem = Some(
            web("127.0.0.6:443", "tester.hearth-test.org", |path| {
                assert_eq!(path, "/api/report?server_name=matrix.hearth-test.org");
                let report = serde_json::json!({
                    "FederationOK": false,
                    "ConnectionReports": { "5.5.77.1:443": { "Errors": [] } },
                    "ConnectionErrors": { "5.5.77.1:8448": { "Message": "timeout" } },
                });
                ("200 OK", report.to_string())
            })
            .await,
        );
        let found = findings(&config, HOST, &Nonces::default()).await;
        assert_eq!((found[&Check::Port443].code, found[&Check::Port443].level), ("port_open_outside", Level::Good));
        assert_eq!((found[&Check::Port8448].code, found[&Check::Port8448].level), ("port_closed_outside", Level::Bad));
        // It did not look at this one.
        assert_eq!(found[&Check::Port80].code, "port_unseen");
    });
}
