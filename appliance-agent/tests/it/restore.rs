//! A second, empty box is restored from the first one's disk.

use crate::{
    agent::Agent,
    client::Client,
    setup::{PASSWORD, disk, ready},
    wait::{until, until_phase},
};
use serde_json::{Value, json};
use std::{os::unix::fs::PermissionsExt as _, time::Duration};

/// The longest that a restore may take that goes on by itself.
const RESTORED: Duration = Duration::from_secs(60);

/// Opens the carried disk and gives the newest replica's id.
async fn open(owner: &mut Client, key: &str) -> String {
    let result = owner.done("/api/restore/open", json!({ "disk": "usb-carried", "recovery_key": key })).await;
    let replica = &result["replicas"][0];
    assert_eq!(replica["server_name"], "family.example.org", "{result:#}");
    assert_eq!(replica["users"], 2);
    replica["id"].as_str().unwrap().to_owned()
}

/// A box with two accounts in a replica, switched off; its disk and recovery key.
async fn former() -> (Agent, String, String) {
    let (mut agent, mut owner, key) = ready().await;
    owner.post("/api/users", json!({ "name": "bob", "password": "some more words" })).await.ok();
    owner.done("/api/replicas/run", json!({})).await;
    let disk = disk(&mut owner, "ours").await;
    agent.kill();
    (agent, disk, key)
}

async fn is_restored(agent: &Agent) {
    let mut admin = agent.visitor();
    let state = admin.get("/api/state").await.ok();
    assert_eq!((&state["phase"], &state["server_name"]), (&json!("ready"), &json!("family.example.org")));
    admin.post("/api/login", json!({ "name": "ann", "password": PASSWORD })).await.ok();
    assert_eq!(admin.get("/api/users").await.ok()["users"].as_array().unwrap().len(), 2);
    assert_eq!(admin.get("/api/settings").await.ok()["registration"], "token");
    let certificates = admin.get("/api/certificates").await.ok();
    assert_eq!(certificates["public"]["names"], json!(["family.example.org"]));
    // The box goes on with that volume by a key of its own.
    admin.done("/api/replicas/run", json!({})).await;
    let replicas = admin.get("/api/replicas").await.ok();
    assert_eq!(replicas["volume"]["state"], "ready");
    assert_eq!(replicas["history"].as_array().unwrap().len(), 1, "{replicas:#}");
    assert!(replicas["last_error"].is_null() && !replicas["replicas"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_box_is_restored_from_its_disk_and_goes_on() {
    let (first, disk, key) = former().await;
    let second = Agent::with_disk_of(&first, &disk);
    let mut owner = second.owner().await;

    assert_eq!(owner.post("/api/restore/preview", json!({ "replica": "x" })).await.code(), "nothing_open");
    assert_eq!(owner.post("/api/restore/start", json!({ "replica": "x" })).await.code(), "nothing_open");
    let open_with = |disk: &str, key: &str| json!({ "disk": disk, "recovery_key": key });
    assert_eq!(
        owner.post("/api/restore/open", open_with("usb-carried", "TOO-SHORT")).await.code(),
        "wrong_recovery_key"
    );
    assert_eq!(owner.post("/api/restore/open", open_with("usb-empty", &key)).await.code(), "not_a_volume");
    assert_eq!(owner.post("/api/restore/open", open_with("usb-none", &key)).await.code(), "disk_gone");
    let wrong = owner.job("/api/restore/open", open_with("usb-carried", &["0000"; 7].join("-"))).await;
    assert_eq!((&wrong["state"], &wrong["error"]["code"]), (&json!("failed"), &json!("wrong_recovery_key")));

    // However it is typed.
    let typed = key.to_lowercase().replace('-', " ");
    let replica = open(&mut owner, &typed).await;
    assert_eq!(owner.post("/api/restore/preview", json!({ "replica": "x" })).await.code(), "replica_unknown");
    let preview = owner.post("/api/restore/preview", json!({ "replica": replica })).await.ok();
    assert_eq!((&preview["replaces"], &preview["replica"]["users"]), (&Value::Null, &json!(2)));
    let result = owner.done("/api/restore/start", json!({ "replica": replica })).await;
    assert_eq!(result["server_name"], "family.example.org");
    is_restored(&second).await;
    // A test is no root and sees no owner change, but both are set in one go.
    let media = std::fs::metadata(second.data().join("homeserver/media")).unwrap();
    assert_eq!(media.permissions().mode() & 0o777, 0o700, "the media folder is the homeserver's");
    let state = std::fs::read_to_string(second.data().join("agent/state.json")).unwrap();
    assert!(!state.contains(&key) && !state.contains("argon2id"));
}

#[tokio::test]
async fn a_restore_that_fails_leaves_the_wizard_and_can_be_tried_again() {
    let (first, disk, key) = former().await;
    let second = Agent::with_disk_of(&first, &disk);
    let mut owner = second.owner().await;
    let replica = open(&mut owner, &key).await;
    second.faults("homeserver_command_fails = \"the database would not be written\"\n");
    let failed = owner.job("/api/restore/start", json!({ "replica": replica })).await;
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert_eq!(owner.get("/api/state").await.ok()["phase"], "setup");
    assert!(!second.data().join("homeserver.new").exists());
    second.faults("data_free = 1000\n");
    let failed = owner.job("/api/restore/start", json!({ "replica": replica })).await;
    assert_eq!(failed["error"]["code"], "no_room", "{failed:#}");
    second.faults("");
    owner.done("/api/restore/start", json!({ "replica": replica })).await;
    is_restored(&second).await;
}

/// What tells whose keys open a carried disk: the volume's header, and the repository's keys.
fn keys_of(first: &Agent, disk: &str) -> (Vec<u8>, Vec<std::ffi::OsString>) {
    let disk = first.machine().join("disks").join(disk);
    let keys = std::fs::read_dir(disk.join("files/repository/keys")).unwrap();
    let mut keys: Vec<_> = keys.map(|entry| entry.unwrap().file_name()).collect();
    keys.sort();
    (std::fs::read(disk.join("volume.toml")).unwrap(), keys)
}

#[tokio::test]
async fn a_restore_that_can_not_begin_leaves_the_disk_to_the_former_box() {
    let (first, disk, key) = former().await;
    let second = Agent::with_disk_of(&first, &disk);
    let mut owner = second.owner().await;
    let replica = open(&mut owner, &key).await;
    let before = keys_of(&first, &disk);
    second.faults("data_free = 1000\n");
    let failed = owner.job("/api/restore/start", json!({ "replica": replica })).await;
    assert_eq!(failed["error"]["code"], "no_room", "{failed:#}");
    assert_eq!(owner.get("/api/state").await.ok()["phase"], "setup");
    assert!(keys_of(&first, &disk) == before, "the former box's keys are as they were");
    second.faults("");
    owner.done("/api/restore/start", json!({ "replica": replica })).await;
    assert!(keys_of(&first, &disk) != before);
    is_restored(&second).await;
}

#[tokio::test]
async fn a_restore_cut_off_at_any_moment_goes_on_by_itself() {
    let (first, disk, key) = former().await;
    for wait_ms in [0, 60, 150, 300, 600, 1200] {
        let mut second = Agent::with_disk_of(&first, &disk);
        let mut owner = second.owner().await;
        let replica = open(&mut owner, &key).await;
        owner.post("/api/restore/start", json!({ "replica": replica })).await.ok();
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        second.kill();
        second.again();
        let mut visitor = second.visitor();
        let phase = visitor.get("/api/state").await.ok()["phase"].clone();
        if phase == "setup" {
            // Cut off before the volume was taken over: the owner chooses once more.
            let mut owner = second.owner().await;
            let replica = open(&mut owner, &key).await;
            owner.done("/api/restore/start", json!({ "replica": replica })).await;
        }
        until_phase(&visitor, "ready", RESTORED).await;
        until_it_answers(&second).await;
        is_restored(&second).await;
        assert!(!second.data().join("homeserver.new").exists() && !second.data().join("homeserver.old").exists());
    }
}

#[tokio::test]
async fn an_interrupted_restore_waits_for_a_disk_that_spins_up_slowly() {
    let (first, disk, key) = former().await;
    let mut second = Agent::with_disk_of(&first, &disk);
    let mut owner = second.owner().await;
    let replica = open(&mut owner, &key).await;
    // Opening takes so long that the restore is cut off before it has read anything.
    second.faults("slow_ms = 2000\n");
    owner.post("/api/restore/start", json!({ "replica": replica })).await.ok();
    let mut visitor = second.visitor();
    until_phase(&visitor, "restoring", Duration::from_secs(12)).await;
    second.kill();
    second.faults("pulled = [\"usb-carried\"]\n");
    second.again();
    until("the restore waits", Duration::from_secs(10), async || second.log().contains("waits for its disk")).await;
    assert_eq!(visitor.get("/api/state").await.ok()["phase"], "restoring");
    second.faults("");
    until_phase(&visitor, "ready", RESTORED).await;
    until_it_answers(&second).await;
    is_restored(&second).await;
}

/// Until the homeserver has been started.
pub async fn until_it_answers(agent: &Agent) {
    let mut visitor = agent.visitor();
    for _ in 0..100 {
        let answer = visitor.post("/api/login", json!({ "name": "ann", "password": PASSWORD })).await;
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.code(), "homeserver_unavailable");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the homeserver does not answer");
}
