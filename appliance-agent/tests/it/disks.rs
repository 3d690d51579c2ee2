//! Disks whose recovery key somebody has, and disks whose key nobody has.

use crate::{
    agent::Agent,
    client::Client,
    setup::{disk, fill_in, ready},
};
use serde_json::{Value, json};

/// The first and the last group of a key, as the page sends them.
fn groups(key: &str) -> Value {
    let groups: Vec<&str> = key.split('-').collect();
    json!({ "groups": { "1": groups[0], "7": groups[6] } })
}

async fn state_of(owner: &mut Client, id: &str) -> Value {
    let disks = owner.get("/api/disks").await.ok();
    disks["disks"].as_array().unwrap().iter().find(|disk| disk["id"] == id).unwrap()["state"].clone()
}

#[tokio::test]
async fn a_copy_whose_key_nobody_has_seen_is_no_copy_that_a_further_one_may_go_to() {
    let (agent, mut admin, _) = ready().await;
    let other = disk(&mut admin, "empty").await;
    let export = |erase: bool| json!({ "disk": other, "erase": erase });

    // The volume is made, and then the replica does not pass its check: the key went with the job.
    agent.faults("homeserver_command_fails = \"no luck today\"\n");
    let failed = admin.job("/api/replicas/export", export(false)).await;
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("failed"), &json!("replica_refused")));
    agent.faults("");
    assert_eq!(state_of(&mut admin, &other).await, "volume");
    assert_eq!(admin.post("/api/replicas/export", export(false)).await.code(), "disk_has_data");

    let result = admin.done("/api/replicas/export", export(true)).await;
    let key = result["recovery_key"].as_str().expect("a disk that is made anew has a new key").to_owned();
    let exports = admin.get("/api/replicas").await.ok()["exports"].clone();
    assert_eq!((exports.as_array().unwrap().len(), &exports[0]["confirmed"]), (1, &json!(false)));
    // It was given out, but whether it was read nobody knows.
    assert_eq!(admin.post("/api/replicas/export", export(false)).await.code(), "disk_has_data");
    let wrong = json!({ "groups": { "1": "0000", "2": "0000" } });
    assert_eq!(admin.post("/api/replicas/export/confirm", wrong).await.code(), "wrong_recovery_key");

    admin.post("/api/replicas/export/confirm", groups(&key)).await.ok();
    assert_eq!(admin.post("/api/replicas/export/confirm", groups(&key)).await.code(), "nothing_to_confirm");
    assert_eq!(state_of(&mut admin, &other).await, "ours");
    let again = admin.done("/api/replicas/export", export(false)).await;
    assert_eq!(again["recovery_key"], Value::Null);
    let exports = admin.get("/api/replicas").await.ok()["exports"].clone();
    assert!(exports.as_array().unwrap().iter().all(|export| export["confirmed"] == true), "{exports:#}");
}

#[tokio::test]
async fn a_copy_does_not_go_to_the_disk_of_the_replicas_whatever_was_agreed_to() {
    let (_agent, mut admin, _) = ready().await;
    let own = disk(&mut admin, "ours").await;
    for erase in [false, true] {
        let refused = admin.post("/api/replicas/export", json!({ "disk": own, "erase": erase })).await;
        assert_eq!((refused.status, refused.code().as_str()), (409, "own_disk"));
    }
    admin.done("/api/replicas/run", json!({})).await;
}

#[tokio::test]
async fn a_disk_whose_key_was_never_typed_back_can_be_prepared_again() {
    let mut agent = Agent::start();
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    let chosen = disk(&mut owner, "empty").await;
    owner.done("/api/setup/backup/prepare", json!({ "disk": chosen, "erase": false })).await;
    assert_eq!(state_of(&mut owner, &chosen).await, "volume");
    // The key on the page is gone with the agent that showed it.
    agent.kill();
    agent.again();
    let mut owner = agent.owner().await;
    assert_eq!(state_of(&mut owner, &chosen).await, "volume");
    let result = owner.done("/api/setup/backup/prepare", json!({ "disk": chosen, "erase": true })).await;
    owner.post("/api/setup/backup/confirm", groups(result["recovery_key"].as_str().unwrap())).await.ok();
    assert_eq!(state_of(&mut owner, &chosen).await, "ours");
}
