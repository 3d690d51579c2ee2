//! What goes wrong, and what the owner is told.

use crate::{
    agent::Agent,
    client::Client,
    setup::{disk, fill_in, prepare, ready},
    wait::until,
};
use serde_json::{Value, json};
use std::time::Duration;

async fn soon(holds: impl AsyncFn() -> bool) {
    until("what follows soon", Duration::from_secs(10), holds).await;
}

async fn findings(admin: &mut Client) -> Vec<String> {
    let health = admin.get("/api/health").await.ok();
    let found = health["findings"].as_array().unwrap().clone();
    found.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn failed(view: &Value) -> (&str, &str) {
    assert_eq!(view["state"], "failed", "{view:#}");
    let step = view["steps"].as_array().unwrap().iter().find(|step| step["state"] == "failed").unwrap();
    (step["name"].as_str().unwrap(), view["error"]["code"].as_str().unwrap())
}

#[tokio::test]
async fn a_disk_that_can_not_be_prepared_says_at_which_step_and_can_be_tried_again() {
    let agent = Agent::start();
    let mut owner = agent.owner().await;
    let empty = disk(&mut owner, "empty").await;
    let body = json!({ "disk": empty, "erase": false });
    for step in ["erase", "encrypt", "format"] {
        agent.faults(&format!("make_fails = \"{step}\"\n"));
        let view = owner.job("/api/setup/backup/prepare", body.clone()).await;
        assert_eq!(failed(&view), (step, "make_failed"));
    }
    agent.faults("disks_fail = true\n");
    let answer = owner.get("/api/disks").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "program_failed"));
    agent.faults("");
    prepare(&mut owner, &empty).await;
}

#[tokio::test]
async fn a_pulled_disk_a_wrong_disk_and_a_full_disk_are_told_of_and_replicas_go_on_when_it_is_back() {
    let (agent, mut admin, _) = ready().await;
    let own = disk(&mut admin, "ours").await;
    let state = async |admin: &mut Client| admin.get("/api/replicas").await.ok()["volume"]["state"].clone();

    agent.faults(&format!("pulled = [\"{own}\"]\n"));
    let view = admin.job("/api/replicas/run", json!({})).await;
    assert_eq!(failed(&view), ("snapshot", "volume_absent"));
    assert_eq!(state(&mut admin).await, "absent");
    assert!(findings(&mut admin).await.contains(&"volume_absent".to_owned()));

    agent.faults("");
    let other = disk(&mut admin, "empty").await;
    admin.done("/api/replicas/export", json!({ "disk": other, "erase": false })).await;
    agent.faults(&format!("pulled = [\"{other}\"]\n"));
    let exports = admin.get("/api/replicas").await.ok()["exports"].clone();
    assert_eq!((&exports[0]["disk"], &exports[0]["taken_away"]), (&json!(other), &json!(true)));

    agent.faults("volume_damaged = true\n");
    assert_eq!(failed(&admin.job("/api/replicas/run", json!({})).await).1, "volume_damaged");
    assert_eq!(state(&mut admin).await, "failed");
    assert!(findings(&mut admin).await.contains(&"replica_failed".to_owned()));
    agent.faults("data_free = 1000\n");
    assert_eq!(failed(&admin.job("/api/replicas/test", json!({})).await).1, "no_room");
    assert!(findings(&mut admin).await.contains(&"restore_test_failed".to_owned()));

    agent.faults("");
    admin.done("/api/replicas/run", json!({})).await;
    admin.done("/api/replicas/test", json!({})).await;
    assert_eq!(state(&mut admin).await, "ready");
    let found = findings(&mut admin).await;
    assert!(!found.contains(&"replica_failed".to_owned()) && !found.contains(&"restore_test_failed".to_owned()));
}

#[tokio::test]
async fn a_replica_that_does_not_pass_its_check_pushes_no_good_one_out() {
    let (agent, mut admin, _) = ready().await;
    let own = disk(&mut admin, "ours").await;
    let folder = agent.machine().join("disks").join(own).join("files/repository/snapshots");
    let replicas = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
    };
    let good = replicas();
    assert_eq!(good.len(), 1);
    agent.faults("homeserver_command_fails = \"the database is not whole\"\n");
    assert_eq!(failed(&admin.job("/api/replicas/run", json!({})).await), ("verify", "replica_refused"));
    assert_eq!(replicas(), good);
    agent.faults("");
    let listed = admin.get("/api/replicas").await.ok()["replicas"].clone();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["verified"]), (1, &json!(true)));
    admin.done("/api/replicas/run", json!({})).await;
    assert_ne!(replicas(), good);
}

#[tokio::test]
async fn the_dashboard_tells_of_heat_wear_room_time_and_a_silent_homeserver() {
    let (agent, mut admin, _) = ready().await;
    assert!(findings(&mut admin).await.is_empty());
    agent.faults(
        "temperature_c = 85.0\nwear_percent = 96\ndata_free = 1000\ntime_trusted = false\nmemory_used = 4290000000\n",
    );
    let found = findings(&mut admin).await;
    for code in ["hot", "card_worn", "storage_full", "time_not_trusted", "memory_short"] {
        assert!(found.contains(&code.to_owned()), "{code}: {found:?}");
    }
    agent.faults("measurements_fail = true\n");
    assert_eq!(admin.get("/api/health").await.status, 503);
    agent.faults("logs_fail = true\n");
    assert_eq!(admin.get("/api/logs?unit=agent").await.status, 503);
    agent.faults("homeserver_start_fails = \"out of luck\"\n");
    let answer = admin.post("/api/restart", json!({ "what": "homeserver" })).await;
    assert_eq!(answer.code(), "service_failed");
    // Stopped and not started again: it is silent.
    assert_eq!(admin.get("/api/users").await.code(), "homeserver_unavailable");
    for _ in 0..3 {
        findings(&mut admin).await;
    }
    assert!(findings(&mut admin).await.contains(&"homeserver_silent".to_owned()));
    agent.faults("");
    admin.post("/api/restart", json!({ "what": "homeserver" })).await.ok();
    assert!(findings(&mut admin).await.is_empty());
}

#[tokio::test]
async fn a_homeserver_that_does_not_start_leaves_the_wizard_where_it_was() {
    let agent = Agent::start();
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    owner.post("/api/setup/backup/skip", json!({})).await.ok();
    agent.faults("homeserver_start_fails = \"no luck today\"\n");
    let view = owner.job("/api/setup/apply", json!({})).await;
    assert_eq!(failed(&view), ("homeserver", "service_failed"));
    assert!(view["error"]["params"]["last_words"].as_str().unwrap().contains("no luck today"));
    assert_eq!(owner.get("/api/state").await.ok()["phase"], "setup");
    // The agent has its port again.
    tokio::net::TcpStream::connect(agent.https).await.unwrap();
    agent.faults("");
    owner.done("/api/setup/apply", json!({})).await;
}

#[tokio::test]
async fn a_network_setting_is_tried_kept_or_goes_back_by_itself() {
    let agent = Agent::start();
    let mut owner = agent.owner().await;
    let fixed =
        json!({ "mode": "static", "address": "192.168.1.9/24", "gateway": "192.168.1.1", "dns": ["192.168.1.1"] });
    let network = async |owner: &mut Client| owner.get("/api/setup").await.ok()["steps"]["network"].clone();
    for bad in [
        json!({ "mode": "static" }),
        json!({ "mode": "static", "address": "192.168.1.9", "gateway": "192.168.1.1", "dns": ["192.168.1.1"] }),
        json!({ "mode": "static", "address": "192.168.1.9/24", "gateway": "10.0.0.1", "dns": ["192.168.1.1"] }),
        json!({ "mode": "static", "address": "192.168.1.9/24", "gateway": "192.168.1.1", "dns": [] }),
    ] {
        let answer = owner.put("/api/setup/network", bad.clone()).await;
        assert_eq!(answer.status, 422, "{bad} {}", answer.code());
    }
    assert_eq!(owner.post("/api/setup/network/keep", json!({})).await.code(), "no_network_trial");

    owner.put("/api/setup/network", fixed.clone()).await.ok();
    let trial = network(&mut owner).await;
    assert!(trial["trial_ends_ms"].is_u64() && trial["mode"] == "static", "{trial}");
    assert_eq!(owner.put("/api/setup/network", fixed.clone()).await.code(), "busy");
    soon(async || network(&mut owner.clone()).await["trial_ends_ms"].is_null()).await;
    let back = network(&mut owner).await;
    assert_eq!((&back["mode"], &back["done"]), (&json!("auto"), &json!(false)), "nobody kept it");

    owner.put("/api/setup/network", fixed).await.ok();
    soon(async || owner.clone().post("/api/setup/network/keep", json!({})).await.status == 200).await;
    soon(async || network(&mut owner.clone()).await["done"] == true).await;
    let kept = network(&mut owner).await;
    assert_eq!((&kept["mode"], &kept["address"]), (&json!("static"), &json!("192.168.1.9/24")));
}

fn fixed() -> Value {
    json!({ "mode": "static", "address": "192.168.1.9/24", "gateway": "192.168.1.1", "dns": ["192.168.1.1"] })
}

async fn addresses(owner: &Client) -> Value {
    owner.clone().get("/api/setup").await.ok()["steps"]["network"]["current"]["addresses"].clone()
}

#[tokio::test]
async fn a_kept_address_is_set_once_the_network_card_is_there() {
    let mut agent = Agent::start();
    let mut owner = agent.owner().await;
    owner.put("/api/setup/network", fixed()).await.ok();
    soon(async || owner.clone().post("/api/setup/network/keep", json!({})).await.status == 200).await;
    soon(async || owner.clone().get("/api/setup").await.ok()["steps"]["network"]["done"] == true).await;
    agent.kill();
    agent.faults("network_fails = true\n");
    agent.again();
    let owner = agent.owner().await;
    soon(async || agent.log().contains("it is tried again")).await;
    assert_eq!(addresses(&owner).await, json!(["192.168.1.23/24"]));
    agent.faults("");
    soon(async || addresses(&owner).await == json!(["192.168.1.9/24"])).await;
}

#[tokio::test]
async fn a_network_setting_that_can_not_be_kept_goes_back() {
    let agent = Agent::start();
    let mut owner = agent.owner().await;
    owner.put("/api/setup/network", fixed()).await.ok();
    agent.faults("storage_full = true\n");
    // It is in force once it can be kept.
    soon(async || owner.clone().post("/api/setup/network/keep", json!({})).await.status == 200).await;
    soon(async || addresses(&owner).await == json!(["192.168.1.23/24"])).await;
    let network = owner.get("/api/setup").await.ok()["steps"]["network"].clone();
    assert_eq!((&network["mode"], &network["trial_ends_ms"]), (&json!("auto"), &Value::Null));
}

#[tokio::test]
async fn storage_that_takes_no_writes_is_told_of_and_nothing_is_half_changed() {
    let agent = Agent::start();
    let mut owner = agent.owner().await;
    agent.faults("storage_full = true\n");
    let answer = owner.put("/api/setup/locale", json!({ "language": "en", "time_zone": "UTC" })).await;
    assert_eq!((answer.status, answer.code().as_str()), (507, "storage_full"));
    assert_eq!(owner.get("/api/setup").await.ok()["steps"]["locale"]["done"], false);
}
