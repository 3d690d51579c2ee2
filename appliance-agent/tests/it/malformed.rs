//! What the page would not send.

use crate::agent::Agent;
use hearth_agent::api::routes;

const BROKEN: &[&[u8]] = &[
    b"",
    b"{",
    b"null",
    b"[]",
    b"\"text\"",
    b"{\"unknown\": 1}",
    b"\xff\xfe",
    b"{\"code\": 1, \"name\": [], \"password\": {}, \"disk\": null, \"erase\": \"yes\"}",
    b"{\"server_name\": \"\\u0000\", \"host\": \"../../etc\"}",
    b"{\"disk\": \"../../dev/sda\", \"erase\": true}",
    b"{\"disk\": \"x\", \"recovery_key\": \"\"}",
    b"{\"groups\": {\"0\": \"\", \"99\": \"x\"}}",
    b"{\"language\": \"<b>\", \"time_zone\": \"../../etc/passwd\"}",
    b"{\"mode\": \"static\", \"address\": \"999.1.1.1/99\", \"gateway\": \"x\", \"dns\": [\"y\"]}",
    b"{\"host\": \"a b\", \"port\": 0, \"security\": \"tls\", \"user\": \"\\r\\n\", \"from\": \"x\"}",
    b"{\"to\": \"a@b.c\\r\\nBcc: d@e.f\"}",
    b"{\"replica\": \"../x\"}",
    b"{\"kind\": \"acme\", \"email\": \"x\", \"agree\": false}",
];

#[tokio::test]
async fn broken_bodies_are_the_senders_fault_and_never_the_boxs() {
    let agent = Agent::start();
    let owner = agent.owner().await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000)).into_bytes();
    for route in routes() {
        // Restarting the box is what these would do if they were whole.
        let path = route.path.replace("{id}", "%00").replace("{name}", "%2e%2e%2f").replace("{token}", "%ff");
        for body in BROKEN.iter().map(|body| body.to_vec()).chain([deep.clone()]) {
            if route.path == "/api/logout" && (body.is_empty() || body == b"{}") {
                continue;
            }
            let shown = String::from_utf8_lossy(&body).chars().take(60).collect::<String>();
            let answer = owner.raw(route.method.as_str(), &path, &[("x-hearth", "1")], body).await;
            assert!(answer.status < 500, "{} {path} {shown}: {}", route.method, answer.status);
            if answer.status >= 400 {
                assert!(!answer.code().is_empty(), "{} {path}", route.method);
                assert!(!answer.json()["error"]["help"].as_str().unwrap().is_empty());
            }
        }
    }
    assert_eq!(owner.raw("GET", "/api/setup", &[], Vec::new()).await.status, 200, "nobody was logged out meanwhile");
    let log = std::fs::read_to_string(agent.folder.path().join("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let agent = Agent::start();
    let body = format!("{{\"code\": \"{}\"}}", "x".repeat(70_000)).into_bytes();
    let answer = agent.visitor().raw("POST", "/api/claim", &[("x-hearth", "1")], body).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn an_unknown_field_is_named() {
    let agent = Agent::start();
    let owner = agent.owner().await;
    let body = b"{\"mode\": \"token\", \"extra\": 1}".to_vec();
    let answer = owner.raw("PUT", "/api/setup/registration", &[("x-hearth", "1")], body).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"));
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("extra"));
    let query = owner.raw("GET", "/api/logs?unit=kernel", &[], Vec::new()).await;
    assert_eq!((query.status, query.code().as_str()), (400, "bad_request"));
}
