//! The wizard from the setup code to a box in use, and what the dashboard does then.

use crate::{agent::Agent, client::Client};
use serde_json::{Value, json};

pub const PASSWORD: &str = "four words in a row";

/// All disks.
async fn disks(owner: &mut Client) -> Vec<Value> {
    owner.get("/api/disks").await.ok()["disks"].as_array().unwrap().clone()
}

/// The first disk of this state that can be written.
pub async fn disk(owner: &mut Client, state: &str) -> String {
    let disks = disks(owner).await;
    let found = disks.iter().find(|disk| disk["state"] == state && disk["read_only"] == false);
    found.unwrap_or_else(|| panic!("no {state} disk: {disks:#?}"))["id"].as_str().unwrap().to_owned()
}

/// Every step but the disk.
pub async fn fill_in(owner: &mut Client) {
    owner.put("/api/setup/locale", json!({ "language": "de", "time_zone": "Europe/Berlin" })).await.ok();
    owner.put("/api/setup/network", json!({ "mode": "auto" })).await.ok();
    owner
        .put("/api/setup/name", json!({ "server_name": "family.example.org", "host": "family.example.org" }))
        .await
        .ok();
    owner.put("/api/setup/administrator", json!({ "name": "ann", "password": PASSWORD })).await.ok();
    owner.put("/api/setup/registration", json!({ "mode": "token" })).await.ok();
    owner.put("/api/setup/mail", json!({ "skip": true })).await.ok();
    owner.done("/api/setup/certificate", json!({ "kind": "local" })).await;
}

/// Prepares a disk and types two groups of its recovery key back.
pub async fn prepare(owner: &mut Client, disk: &str) -> String {
    let result = owner.done("/api/setup/backup/prepare", json!({ "disk": disk, "erase": false })).await;
    let key = result["recovery_key"].as_str().unwrap().to_owned();
    let groups: Vec<&str> = key.split('-').collect();
    assert_eq!(groups.len(), 7);
    owner
        .post("/api/setup/backup/confirm", json!({ "groups": { "2": groups[1], "5": groups[4].to_lowercase() } }))
        .await
        .ok();
    key
}

/// A box in use, with its recovery key.
pub async fn ready() -> (Agent, Client, String) {
    let agent = Agent::start();
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    let disk = disk(&mut owner, "empty").await;
    let key = prepare(&mut owner, &disk).await;
    owner.done("/api/setup/apply", json!({})).await;
    (agent, owner, key)
}

fn codes(findings: &Value) -> Vec<String> {
    findings.as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_whole_wizard_ends_in_a_box_in_use() {
    let agent = Agent::start();
    let mut owner = agent.owner().await;
    let setup = owner.get("/api/setup").await.ok();
    assert!(setup["time_zones"].as_array().unwrap().contains(&json!("Europe/Berlin")));
    for (step, value) in setup["steps"].as_object().unwrap() {
        assert_eq!(value["done"], false, "{step}");
    }
    let answer = owner.post("/api/setup/apply", json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "setup_incomplete"));
    let before = owner.post("/api/setup/certificate", json!({ "kind": "local" })).await;
    assert_eq!(before.code(), "name_missing");

    fill_in(&mut owner).await;
    let foreign = disk(&mut owner, "foreign").await;
    let refused = owner.post("/api/setup/backup/prepare", json!({ "disk": foreign, "erase": false })).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "disk_has_data"));
    assert!(!refused.json()["error"]["params"]["contents"].as_array().unwrap().is_empty());
    let system = disk(&mut owner, "system").await;
    let refused = owner.post("/api/setup/backup/prepare", json!({ "disk": system, "erase": true })).await;
    assert_eq!(refused.code(), "system_disk");
    let locked = disks(&mut owner).await.into_iter().find(|disk| disk["read_only"] == true).unwrap();
    let refused = owner.post("/api/setup/backup/prepare", json!({ "disk": locked["id"], "erase": true })).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "disk_read_only"));
    let gone = owner.post("/api/setup/backup/prepare", json!({ "disk": "none", "erase": true })).await;
    assert_eq!(gone.code(), "disk_gone");
    let early = owner.post("/api/setup/backup/confirm", json!({ "groups": { "1": "AAAA", "2": "BBBB" } })).await;
    assert_eq!(early.code(), "nothing_to_confirm");

    let empty = disk(&mut owner, "empty").await;
    let job = owner.post("/api/setup/backup/prepare", json!({ "disk": empty, "erase": false })).await.ok();
    let job = job["job"].as_str().unwrap();
    let key = owner.wait(job).await["result"]["recovery_key"].as_str().unwrap().to_owned();
    let again = owner.get(&format!("/api/jobs/{job}?after=0")).await.ok();
    assert_eq!((&again["state"], &again["result"]), (&json!("done"), &Value::Null), "a secret is given out once");
    let wrong = owner.post("/api/setup/backup/confirm", json!({ "groups": { "1": "0000", "2": "0000" } })).await;
    assert_eq!(wrong.code(), "wrong_recovery_key");
    let groups: Vec<&str> = key.split('-').collect();
    let one = owner.post("/api/setup/backup/confirm", json!({ "groups": { "1": groups[0] } })).await;
    assert_eq!(one.code(), "wrong_recovery_key");
    owner.post("/api/setup/backup/confirm", json!({ "groups": { "1": groups[0], "7": groups[6] } })).await.ok();

    let result = owner.done("/api/setup/apply", json!({})).await;
    assert_eq!(result["server_name"], "family.example.org");
    assert!(!result["invitation"].as_str().unwrap().is_empty());
    // The draft is out of reach from here on, and the welcome still names the administrator and warns of the box's own certificate.
    assert_eq!((&result["administrator"], &result["certificate"]), (&json!("ann"), &json!("local")));
    let state = owner.get("/api/state").await.ok();
    assert_eq!((&state["phase"], &state["language"]), (&json!("ready"), &json!("de")));

    // The setup code lets nobody in any more; the administrator's password does.
    let mut later = agent.visitor();
    assert_eq!(later.post("/api/claim", json!({ "code": agent.setup_code() })).await.code(), "wrong_phase");
    let wrong = later.post("/api/login", json!({ "name": "ann", "password": "wrong" })).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "wrong_login"));
    later.post("/api/login", json!({ "name": "ann", "password": PASSWORD })).await.ok();
    assert_eq!(later.get("/api/setup").await.code(), "wrong_phase");
    dashboard(&agent, &mut later).await;

    // No secret in the state, nor in the log.
    let text = std::fs::read_to_string(agent.data().join("agent/state.json")).unwrap();
    let log = std::fs::read_to_string(agent.folder.path().join("log")).unwrap();
    for secret in [PASSWORD, &key, "argon2id"] {
        assert!(!text.contains(secret) && !log.contains(secret), "{secret}");
    }
}

/// Every page of the dashboard.
async fn dashboard(agent: &Agent, admin: &mut Client) {
    let health = admin.get("/api/health").await.ok();
    assert_eq!(health["homeserver"]["server_name"], "family.example.org", "{health:#}");
    assert!(!codes(&health["findings"]).contains(&"homeserver_silent".to_owned()));
    assert!(health["memory"]["total"].as_u64().unwrap() > 0);
    let storage = admin.get("/api/storage").await.ok();
    assert!(storage["database"].as_u64().unwrap() > 0);
    assert_eq!(storage["history"].as_array().unwrap().len(), 1);

    let made = admin.post("/api/users", json!({ "name": "bob", "password": "some more words", "admin": false })).await;
    assert_eq!((made.status, made.json()["user_id"].as_str().unwrap()), (201, "@bob:family.example.org"));
    let twice = admin.post("/api/users", json!({ "name": "bob", "password": "some more words" })).await;
    assert_eq!(twice.code(), "user_in_use");
    assert_eq!(
        admin.post("/api/users", json!({ "name": "B b", "password": "some more words" })).await.code(),
        "invalid_username"
    );
    assert_eq!(admin.post("/api/users", json!({ "name": "carl", "password": "x" })).await.code(), "weak_password");
    let mut bob = agent.visitor();
    let refused = bob.post("/api/login", json!({ "name": "bob", "password": "some more words" })).await;
    assert_eq!(refused.code(), "not_an_administrator");
    admin.put("/api/users/bob/admin", json!({ "admin": true })).await.ok();
    bob.post("/api/login", json!({ "name": "@bob:family.example.org", "password": "some more words" })).await.ok();
    admin.put("/api/users/bob/admin", json!({ "admin": false })).await.ok();
    assert_eq!(bob.get("/api/health").await.code(), "not_logged_in", "who is no administrator any more is out");
    assert_eq!(admin.put("/api/users/ann/admin", json!({ "admin": false })).await.code(), "last_administrator");
    admin.put("/api/users/bob/password", json!({ "password": "quite other words", "logout": true })).await.ok();
    admin.post("/api/users/bob/deactivate", json!({ "erase": false })).await.ok();
    assert_eq!(admin.post("/api/users/nobody/deactivate", json!({ "erase": false })).await.code(), "not_found");
    let users = admin.get("/api/users").await.ok();
    assert_eq!(users["users"].as_array().unwrap().len(), 2);

    let made = admin.post("/api/invitations", json!({ "uses_allowed": 1, "expires_at": null })).await.ok();
    let token = made["token"].as_str().unwrap();
    assert!(made["link"].as_str().unwrap().contains(token));
    assert_eq!(admin.get("/api/invitations").await.ok()["invitations"].as_array().unwrap().len(), 2);
    admin.send("DELETE", &format!("/api/invitations/{token}"), None).await.ok();
    assert_eq!(admin.send("DELETE", "/api/invitations/none", None).await.code(), "not_found");

    assert_eq!(admin.get("/api/settings").await.ok(), json!({ "registration": "token", "mail": null }));
    assert_eq!(admin.post("/api/mail/test", json!({ "to": "ann@example.org" })).await.code(), "no_mail");
    admin.put("/api/settings", json!({ "registration": "closed" })).await.ok();

    let certificates = admin.get("/api/certificates").await.ok();
    assert_eq!(certificates["public"]["names"], json!(["family.example.org"]));
    assert_eq!(certificates["public"]["kind"], "local");
    admin.done("/api/certificates/renew", json!({})).await;
    let renewed = admin.get("/api/certificates").await.ok();
    assert!(renewed["public"]["last_error"].is_null());

    assert_eq!(admin.get("/api/network").await.ok()["mode"], "auto");
    for unit in ["agent", "homeserver", "system"] {
        assert!(admin.get(&format!("/api/logs?unit={unit}&lines=5")).await.ok()["lines"].is_array());
    }
    replicas(admin).await;

    let wrong =
        admin.post("/api/factory-reset", json!({ "server_name": "other.example.org", "password": PASSWORD })).await;
    assert_eq!(wrong.code(), "wrong_server_name");
    let wrong =
        admin.post("/api/factory-reset", json!({ "server_name": "family.example.org", "password": "no" })).await;
    assert_eq!(wrong.code(), "wrong_login");
    admin.post("/api/restart", json!({ "what": "homeserver" })).await.ok();
    assert_eq!(admin.get("/api/users").await.status, 200);
}

async fn replicas(admin: &mut Client) {
    let first = admin.get("/api/replicas").await.ok();
    assert_eq!(first["volume"]["state"], "ready", "{first:#}");
    assert_eq!(first["replicas"].as_array().unwrap().len(), 1);
    assert_eq!(first["replicas"][0]["verified"], true);
    admin.done("/api/replicas/run", json!({})).await;
    admin.done("/api/replicas/test", json!({})).await;
    let view = admin.get("/api/replicas").await.ok();
    assert_eq!(view["history"].as_array().unwrap().len(), 2);
    assert!(view["last_success_ms"].is_u64() && view["last_restore_test_ms"].is_u64() && view["last_error"].is_null());
    admin.done("/api/replicas/eject", json!({})).await;
}
