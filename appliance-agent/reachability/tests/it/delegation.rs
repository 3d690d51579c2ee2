//! How other servers find the host: `.well-known`, SRV, or not at all.

use crate::{
    house::{BOX, HOST, bind9, cable, config, findings, web},
    namespace::in_a_house,
};
use hearth_reachability::{Check, Dns, Level, Nonces};

const NAME: &str = "hearth-test.org";

/// A house without cables: names lead to loopback.
async fn names(records: &str) -> Dns {
    cable(BOX);
    bind9(&format!("matrix A 127.0.0.9\n{records}")).await
}

/// What a web server answers to a path: status line and body.
type Answer = fn(&str) -> (&'static str, String);

/// What comes of the delegation where the name's own web server answers so.
async fn judged(records: &str, server_name: &str, answer: Option<Answer>) -> (&'static str, Level, String) {
    let mut config = config(names(records).await);
    if let Some(answer) = answer {
        config.extra_roots_pem = Some(web("127.0.0.5:443", NAME, answer).await);
    }
    let found = findings(&config, server_name, &Nonces::default()).await;
    let finding = found[&Check::Delegation].clone();
    assert_eq!(finding.help.is_empty(), finding.level == Level::Good, "{finding:#?}");
    (
        finding.code,
        finding.level,
        finding.params.get("target").and_then(|target| target.as_str()).unwrap_or_default().to_owned(),
    )
}

#[test]
fn by_well_known() {
    in_a_house("delegation::by_well_known", || async {
        let answer = |path: &str| match path {
            // With a redirect on the way, as many web servers do it.
            "/.well-known/matrix/server" => ("301 Moved\r\nLocation: /matrix.json", String::new()),
            "/matrix.json" => ("200 OK", format!(r#"{{"m.server": "{HOST}:443"}}"#)),
            _ => ("404 Not Found", String::new()),
        };
        let (code, level, target) = judged("@ A 127.0.0.5", NAME, Some(answer)).await;
        assert_eq!((code, level, target.as_str()), ("delegation_good", Level::Good, "matrix.hearth-test.org:443"));
    });
}

#[test]
fn well_known_without_a_port_asks_srv_of_the_new_name() {
    in_a_house("delegation::well_known_without_a_port_asks_srv_of_the_new_name", || async {
        let answer = |_: &str| ("200 OK", r#"{"m.server": "fed.hearth-test.org"}"#.to_owned());
        let records = "@ A 127.0.0.5\n_matrix-fed._tcp.fed SRV 10 0 443 backup\n_matrix-fed._tcp.fed SRV 5 0 8448 matrix\n_matrix._tcp.fed SRV 0 0 1 old";
        let (code, _, target) = judged(records, NAME, Some(answer)).await;
        assert_eq!((code, target.as_str()), ("delegation_good", "matrix.hearth-test.org:8448"));
    });
}

#[test]
fn by_srv_alone() {
    in_a_house("delegation::by_srv_alone", || async {
        // Nobody has a web server there.
        let (code, _, target) = judged("@ A 127.0.0.5\n_matrix._tcp SRV 0 0 8448 matrix", NAME, None).await;
        assert_eq!((code, target.as_str()), ("delegation_good", "matrix.hearth-test.org:8448"));
    });
}

#[test]
fn to_somebody_else() {
    in_a_house("delegation::to_somebody_else", || async {
        let answer = |_: &str| ("200 OK", r#"{"m.server": "matrix.example.org:443"}"#.to_owned());
        let (code, level, target) = judged("@ A 127.0.0.5", NAME, Some(answer)).await;
        assert_eq!((code, level, target.as_str()), ("delegation_elsewhere", Level::Bad, "matrix.example.org:443"));
    });
}

#[test]
fn missing() {
    in_a_house("delegation::missing", || async {
        let answer = |_: &str| ("404 Not Found", String::new());
        let (code, level, target) = judged("@ A 127.0.0.5", NAME, Some(answer)).await;
        assert_eq!((code, level, target.as_str()), ("delegation_missing", Level::Bad, "hearth-test.org:8448"));
    });
}

#[test]
fn nonsense() {
    in_a_house("delegation::nonsense", || async {
        let answer = |_: &str| ("200 OK", r#"{"m.server": "https://matrix.hearth-test.org/"}"#.to_owned());
        let (code, level, _) = judged("@ A 127.0.0.5", NAME, Some(answer)).await;
        assert_eq!((code, level), ("delegation_broken", Level::Bad));
    });
}

#[test]
fn redirected_without_end() {
    in_a_house("delegation::redirected_without_end", || async {
        let answer = |_: &str| ("302 Found\r\nLocation: /again", String::new());
        let (code, _, _) = judged("@ A 127.0.0.5", NAME, Some(answer)).await;
        assert_eq!(code, "delegation_missing");
    });
}

#[test]
fn a_certificate_that_nobody_trusts() {
    in_a_house("delegation::a_certificate_that_nobody_trusts", || async {
        let mut config = config(names("@ A 127.0.0.5").await);
        web("127.0.0.5:443", NAME, |_| ("200 OK", String::new())).await;
        config.extra_roots_pem = None;
        let found = findings(&config, NAME, &Nonces::default()).await;
        assert_eq!(found[&Check::Delegation].code, "delegation_certificate", "{found:#?}");
    });
}

#[test]
fn the_host_itself_needs_none() {
    in_a_house("delegation::the_host_itself_needs_none", || async {
        let (code, _, target) = judged("@ A 127.0.0.5", HOST, None).await;
        assert_eq!((code, target.as_str()), ("delegation_good", "matrix.hearth-test.org:8448"));
    });
}

#[test]
fn a_name_with_a_port_can_not_be_delegated() {
    in_a_house("delegation::a_name_with_a_port_can_not_be_delegated", || async {
        let (code, level, target) = judged("@ A 127.0.0.5", "hearth-test.org:8448", None).await;
        assert_eq!((code, level, target.as_str()), ("delegation_elsewhere", Level::Bad, "hearth-test.org:8448"));
    });
}
