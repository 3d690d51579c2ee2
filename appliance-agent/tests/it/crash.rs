//! Power cuts, as far as a process can have them.

use crate::{
    agent::Agent,
    client::Client,
    restore::until_it_answers,
    setup::{PASSWORD, disk, fill_in, prepare, ready},
    wait::until_phase,
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_setup_cut_off_while_it_takes_force_goes_on_by_itself() {
    for wait_ms in [0, 50, 120, 250, 500, 1000] {
        let mut agent = Agent::start();
        let mut owner = agent.owner().await;
        fill_in(&mut owner).await;
        owner.post("/api/setup/backup/skip", json!({})).await.ok();
        owner.post("/api/setup/apply", json!({})).await.ok();
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        agent.kill();
        agent.again();
        let mut admin = agent.visitor();
        until_phase(&admin, "ready", Duration::from_secs(60)).await;
        until_it_answers(&agent).await;
        admin.post("/api/login", json!({ "name": "ann", "password": PASSWORD })).await.ok();
        assert_eq!(admin.get("/api/users").await.ok()["users"].as_array().unwrap().len(), 1, "{wait_ms} ms");
        assert_eq!(admin.get("/api/invitations").await.ok()["invitations"].as_array().unwrap().len(), 1);
        assert_eq!(admin.get("/api/settings").await.ok()["registration"], "token");
    }
}

#[tokio::test]
async fn a_first_start_cut_off_at_any_moment_keeps_one_code_and_one_authority() {
    let mut agent = Agent::start();
    let code = agent.setup_code();
    let authority = std::fs::read(agent.data().join("agent/authority/certificate.pem")).unwrap();
    for _ in 0..3 {
        agent.kill();
        agent.again();
        assert_eq!(agent.setup_code(), code);
        assert_eq!(std::fs::read(agent.data().join("agent/authority/certificate.pem")).unwrap(), authority);
    }
    // What is half there is made whole.
    agent.kill();
    std::fs::write(agent.data().join("agent/setup-code"), "").unwrap();
    std::fs::remove_file(agent.data().join("agent/authority/certificate.pem")).unwrap();
    agent.again();
    assert_eq!(agent.setup_code().len(), 9);
    agent.owner().await;
}

/// Logs in once the homeserver is there.
async fn log_in(agent: &Agent) -> Client {
    until_it_answers(agent).await;
    let mut admin = agent.visitor();
    admin.post("/api/login", json!({ "name": "ann", "password": PASSWORD })).await.ok();
    admin
}

#[tokio::test]
async fn one_damaged_small_file_keeps_no_box_from_coming_up() {
    let (mut agent, mut admin, _) = ready().await;
    let own = disk(&mut admin, "ours").await;
    agent.kill();
    for file in [
        "agent/state.json",
        "agent/volumes.json",
        "agent/setup-code",
        "etc/network/plan.toml",
        "homeserver/homeserver.toml",
        "homeserver/tls/key.pem",
    ] {
        let path = agent.data().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"\0\xff\0").unwrap();
    }
    agent.again();
    let state = agent.visitor().get("/api/state").await.ok();
    assert_eq!((&state["phase"], &state["server_name"]), (&json!("ready"), &json!("family.example.org")));
    let mut admin = log_in(&agent).await;
    assert_eq!(admin.get("/api/network").await.ok()["mode"], "auto");
    let findings = admin.get("/api/health").await.ok()["findings"].clone();
    assert!(findings.as_array().unwrap().iter().any(|finding| finding["code"] == "volume_key_lost"), "{findings:#}");
    // Its replicas can't be gone on with, so it may be prepared anew.
    let result = admin.done("/api/replicas/prepare", json!({ "disk": own, "erase": true })).await;
    let groups: Vec<&str> = result["recovery_key"].as_str().unwrap().split('-').collect();
    admin.post("/api/replicas/confirm", json!({ "groups": { "1": groups[0], "2": groups[1] } })).await.ok();
    admin.done("/api/replicas/run", json!({})).await;
    let findings = admin.get("/api/health").await.ok()["findings"].clone();
    assert_eq!(findings, json!([]));
}

#[tokio::test]
async fn a_box_whose_memory_is_lost_goes_on_with_what_its_homeserver_knows() {
    let (mut agent, _admin, _) = ready().await;
    agent.kill();
    for file in ["state.json", "state.json.previous"] {
        std::fs::write(agent.data().join("agent").join(file), "torn").unwrap();
    }
    agent.again();
    let mut visitor = agent.visitor();
    assert_eq!(visitor.post("/api/claim", json!({ "code": agent.setup_code() })).await.code(), "wrong_phase");
    let state = visitor.get("/api/state").await.ok();
    assert_eq!((&state["phase"], &state["server_name"]), (&json!("ready"), &json!("family.example.org")));
    let mut admin = log_in(&agent).await;
    admin.done("/api/replicas/run", json!({})).await;
    assert_eq!(admin.get("/api/certificates").await.ok()["public"]["names"], json!(["family.example.org"]));
}

#[tokio::test]
async fn a_replica_cut_off_harms_no_earlier_one() {
    let mut agent = Agent::start();
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    let empty = disk(&mut owner, "empty").await;
    prepare(&mut owner, &empty).await;
    owner.done("/api/setup/apply", json!({})).await;
    for wait_ms in [0, 100, 200, 400, 800] {
        owner.post("/api/replicas/run", json!({})).await.ok();
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        agent.kill();
        agent.again();
        until_it_answers(&agent).await;
        owner = agent.visitor();
        owner.post("/api/login", json!({ "name": "ann", "password": PASSWORD })).await.ok();
        owner.done("/api/replicas/test", json!({})).await;
    }
    owner.done("/api/replicas/run", json!({})).await;
}
