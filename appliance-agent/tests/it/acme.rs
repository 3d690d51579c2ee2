//! A certificate from outside, by the wizard and after it: the agent asks, pebble looks, the homeserver takes it up.

use crate::{
    agent::Agent,
    client::Client,
    pebble::{Options, Pebble},
    restore::until_it_answers,
    setup::{disk, fill_in, prepare},
};
use hearth_certificates::{Folder, Pair, handshake};
use serde_json::json;
use std::{path::Path, time::Duration};

const NAME: &str = "family.example.org";

/// A box that asks this authority.
fn agent(pebble: &Pebble) -> Agent {
    let root = pebble.folder.path().join("root.pem");
    std::fs::write(&root, &pebble.root).unwrap();
    let more = format!("[acme]\ndirectory = {:?}\nroot = {root:?}\n", pebble.directory());
    Agent::behind(pebble.http_port, pebble.tls_port, &more)
}

fn wanted() -> serde_json::Value {
    json!({ "kind": "acme", "email": "ann@hearth-test.org", "agree": true })
}

fn current(agent: &Agent) -> Pair {
    let folder: &Path = &agent.data().join("homeserver/tls");
    Folder::new(folder, None).current().unwrap().expect("there is a certificate")
}

async fn is_served(agent: &Agent, pair: &Pair) -> bool {
    handshake::serves(agent.https, NAME, pair, Duration::from_secs(10)).await.is_ok()
}

/// The rest of the wizard.
async fn finish(owner: &mut Client) {
    let disk = disk(owner, "empty").await;
    prepare(owner, &disk).await;
    owner.done("/api/setup/apply", json!({})).await;
}

/// The certificate can't be had by this request, and the words say why and what to do.
async fn fails(owner: &mut Client, path: &str, body: serde_json::Value) {
    let job = owner.job(path, body).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("acme_unreachable")), "{job:#}");
    for words in ["message", "help"] {
        assert!(!job["error"][words].as_str().unwrap().is_empty(), "{job:#}");
    }
}

async fn public(owner: &mut Client) -> serde_json::Value {
    owner.get("/api/certificates").await.ok()["public"].clone()
}

#[tokio::test]
async fn a_certificate_comes_by_the_wizard_and_is_renewed_while_the_homeserver_serves() {
    let pebble = Pebble::start(Options { nonce_reject: 20, ..Options::default() }).await;
    let agent = agent(&pebble);
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    let own = current(&agent);
    owner.done("/api/setup/certificate", wanted()).await;
    let first = current(&agent);
    assert_ne!(first.fingerprint(), own.fingerprint());
    assert!(is_served(&agent, &first).await, "the agent shows it before the homeserver is there");
    finish(&mut owner).await;
    assert!(is_served(&agent, &first).await, "the homeserver shows it");
    let seen = public(&mut owner).await;
    assert_eq!((&seen["kind"], &seen["names"], &seen["last_error"]), (&json!("acme"), &json!([NAME]), &json!(null)));
    let (renew, begin, end) = (&seen["renew_at_ms"], &seen["not_before_ms"], &seen["not_after_ms"]);
    let [renew, begin, end] = [renew, begin, end].map(|at| at.as_u64().unwrap());
    assert!(begin < renew && renew < end);

    owner.done("/api/certificates/renew", json!({})).await;
    let second = current(&agent);
    assert_ne!(second.fingerprint(), first.fingerprint());
    assert!(is_served(&agent, &second).await && !is_served(&agent, &first).await);
}

#[tokio::test]
async fn a_certificate_that_the_card_tore_keeps_nothing_down_and_comes_back_by_itself() {
    let pebble = Pebble::start(Options::default()).await;
    let mut agent = agent(&pebble);
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    owner.done("/api/setup/certificate", wanted()).await;
    finish(&mut owner).await;
    agent.kill();
    std::fs::write(agent.data().join("homeserver/tls/certificate.pem"), "torn").unwrap();
    // What a switch that was cut off at its end leaves to the next start.
    let announced = agent.machine().join("firmware/HEARTH-SETUP.txt");
    std::fs::write(&announced, "the setup code").unwrap();
    agent.again();
    until_it_answers(&agent).await;
    assert!(agent.log().contains("the box's own certificate is in place for the public name"), "{}", agent.log());
    assert!(!announced.exists(), "nobody needs the setup code any more");
    // The box's own only stands in for one from outside. Between the two key and certificate may not fit for a moment.
    let folder = Folder::new(agent.data().join("homeserver/tls"), None);
    let now = || folder.current().ok().flatten().and_then(|pair| pair.details().ok());
    let mut tries = 0;
    while !now().is_some_and(|details| details.issuer.contains("Pebble")) {
        assert!(tries < 300, "no new certificate came: {}", agent.log());
        tries += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn whatever_goes_wrong_is_told_and_the_certificate_that_is_there_goes_on() {
    let mut pebble = Pebble::start(Options::default()).await;
    let agent = agent(&pebble);
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    let own = current(&agent);
    let disagreed = owner.post("/api/setup/certificate", json!({ "kind": "acme" })).await;
    assert_eq!((disagreed.status, disagreed.code().as_str()), (422, "terms_not_agreed"));

    pebble.down().await;
    fails(&mut owner, "/api/setup/certificate", wanted()).await;
    assert_eq!(current(&agent).fingerprint(), own.fingerprint());
    assert!(is_served(&agent, &own).await);

    // Asked by hand it does not wait until it would ask again by itself.
    pebble.up().await;
    owner.done("/api/setup/certificate", wanted()).await;
    finish(&mut owner).await;
    let first = current(&agent);
    pebble.down().await;
    fails(&mut owner, "/api/certificates/renew", json!({})).await;
    assert!(public(&mut owner).await["last_error"].is_string());
    assert!(is_served(&agent, &first).await);
    pebble.up().await;
    owner.done("/api/certificates/renew", json!({})).await;
    assert!(public(&mut owner).await["last_error"].is_null());
    assert!(is_served(&agent, &current(&agent)).await && !is_served(&agent, &first).await);
}

#[tokio::test]
async fn a_box_that_began_with_its_own_certificate_gets_a_public_one_on_the_dashboard() {
    let mut pebble = Pebble::start(Options::default()).await;
    let agent = agent(&pebble);
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    finish(&mut owner).await;
    let own = current(&agent);
    assert_eq!(public(&mut owner).await["kind"], "local");
    let disagreed = owner.post("/api/certificates", json!({ "kind": "acme" })).await;
    assert_eq!((disagreed.status, disagreed.code().as_str()), (422, "terms_not_agreed"));

    // A try that fails leaves the box with its own, in force and for the renewals.
    pebble.down().await;
    fails(&mut owner, "/api/certificates", wanted()).await;
    assert!(is_served(&agent, &own).await);
    owner.done("/api/certificates/renew", json!({})).await;
    let renewed = current(&agent);
    assert_eq!(public(&mut owner).await["kind"], "local");
    assert!(is_served(&agent, &renewed).await);

    pebble.up().await;
    owner.done("/api/certificates", wanted()).await;
    let first = current(&agent);
    assert_eq!(public(&mut owner).await["kind"], "acme");
    assert!(is_served(&agent, &first).await && !is_served(&agent, &renewed).await);
    // From now on that kind is renewed.
    owner.done("/api/certificates/renew", json!({})).await;
    assert_eq!(public(&mut owner).await["kind"], "acme");
    assert!(is_served(&agent, &current(&agent)).await && !is_served(&agent, &first).await);
}
