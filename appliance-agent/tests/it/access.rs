//! Who may ask for what.

use crate::agent::Agent;
use hearth_agent::{api::routes, http::Access};
use serde_json::json;

fn filled(path: &str) -> String {
    path.replace("{id}", "0").replace("{name}", "ann").replace("{token}", "t")
}

#[tokio::test]
async fn every_route_but_the_open_ones_refuses_who_is_not_logged_in() {
    let agent = Agent::start();
    let mut visitor = agent.visitor();
    for route in routes() {
        if route.access == Access::Open {
            continue;
        }
        let path = filled(route.path);
        for cookie in [None, Some(format!("__Host-hearth={}", "0".repeat(64)))] {
            visitor.cookie = cookie;
            let answer = visitor.send(route.method.as_str(), &path, None).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "not_logged_in"), "{} {path}", route.method);
        }
    }
}

#[tokio::test]
async fn a_foreign_page_can_change_nothing() {
    let agent = Agent::start();
    let owner = agent.owner().await;
    let own = format!("https://{}", agent.address);
    for route in routes().iter().filter(|route| route.method != "GET") {
        let path = filled(route.path);
        for headers in [
            vec![],
            vec![("x-hearth", "0")],
            vec![("x-hearth", "1"), ("origin", "https://evil.example")],
            vec![("x-hearth", "1"), ("origin", "null")],
        ] {
            let answer = owner.raw(route.method.as_str(), &path, &headers, b"{}".to_vec()).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "foreign_origin"), "{path} {headers:?}");
        }
    }
    let headers = [("x-hearth", "1"), ("origin", own.as_str())];
    assert_eq!(owner.raw("POST", "/api/setup/backup/skip", &headers, b"{}".to_vec()).await.status, 200);
}

#[tokio::test]
async fn a_wrong_setup_code_is_refused_and_then_limited() {
    let agent = Agent::start();
    let mut visitor = agent.visitor();
    assert_eq!(visitor.get("/api/state").await.ok()["phase"], "unclaimed");
    for _ in 0..5 {
        let answer = visitor.post("/api/claim", json!({ "code": "0000-0000" })).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "wrong_setup_code"));
    }
    // Not even the right one, for now.
    let answer = visitor.post("/api/claim", json!({ "code": agent.setup_code() })).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_attempts"));
    assert!(answer.json()["error"]["params"]["retry_after_s"].as_u64().unwrap() <= 30);
    assert_eq!(visitor.get("/api/state").await.ok()["phase"], "unclaimed");
    let log = std::fs::read_to_string(agent.folder.path().join("log")).unwrap();
    assert!(log.contains("wrong setup code") && !log.contains(&agent.setup_code()), "{log}");
}

#[tokio::test]
async fn the_code_lets_in_however_it_is_typed_and_logging_out_ends_it() {
    let agent = Agent::start();
    let mut owner = agent.visitor();
    let typed = format!(" {} ", agent.setup_code().to_lowercase().replace('-', " "));
    owner.post("/api/claim", json!({ "code": typed })).await.ok();
    let state = owner.get("/api/state").await.ok();
    assert_eq!((&state["phase"], &state["authenticated"]), (&json!("setup"), &json!(true)));
    let cookie = owner.cookie.clone();
    owner.post("/api/logout", json!({})).await.ok();
    assert_eq!(owner.cookie, None);
    owner.cookie = cookie;
    assert_eq!(owner.get("/api/setup").await.code(), "not_logged_in");
}

#[tokio::test]
async fn the_page_comes_with_a_strict_policy_and_port_80_leads_to_it() {
    let agent = Agent::start();
    let mut visitor = agent.visitor();
    let page = visitor.get("/").await;
    assert_eq!(page.status, 200);
    let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
    assert!(header("content-type").starts_with("text/html"));
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(header("cache-control"), "no-cache");
    let tag = header("etag");
    let again = visitor.raw("GET", "/", &[("if-none-match", &tag)], Vec::new()).await;
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    let gzipped = visitor.raw("GET", "/network", &[("accept-encoding", "br, gzip")], Vec::new()).await;
    assert_eq!(gzipped.status, 200);
    assert_eq!(visitor.get("/assets/none.js").await.status, 404);
    assert_eq!(visitor.get("/api/none").await.code(), "not_found");
    assert_eq!(visitor.send("DELETE", "/api/state", None).await.code(), "method_not_allowed");
    assert_eq!(visitor.get("/api/state").await.headers["cache-control"], "no-store");
    let authority = visitor.get("/authority.pem").await;
    assert!(authority.bytes.starts_with(b"-----BEGIN CERTIFICATE-----"));

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut plain = tokio::net::TcpStream::connect(agent.http).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: hearth.local\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    let wanted = format!("location: https://hearth.local:{}/", agent.address.port());
    assert!(answer.starts_with("HTTP/1.1 307") && answer.contains(&wanted), "{answer}");
}
