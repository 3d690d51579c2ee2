//! A box whose homeserver does not start: nobody can log in, and whoever stands before it still gets in.

use crate::{
    agent::Agent,
    client::Client,
    setup::{PASSWORD, fill_in},
    wait::until,
};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest that the agent may take to notice.
const NOTICED: Duration = Duration::from_secs(40);

async fn state(client: &Client) -> Value {
    client.clone().get("/api/state").await.ok()
}

async fn claim(agent: &Agent, code: &str) -> (Client, String) {
    let mut visitor = agent.visitor();
    let answer = visitor.post("/api/claim", json!({ "code": code })).await;
    (visitor, answer.code())
}

/// A box in use, started again with a homeserver that does not come up.
async fn silent() -> Agent {
    let mut agent = Agent::with("[rescue]\nafter_s = 2\n");
    let mut owner = agent.owner().await;
    fill_in(&mut owner).await;
    owner.post("/api/setup/backup/skip", json!({})).await.ok();
    owner.done("/api/setup/apply", json!({})).await;
    assert_eq!(state(&owner).await["rescue"], false);
    assert_eq!(claim(&agent, &agent.setup_code()).await.1, "wrong_phase");
    agent.kill();
    agent.faults("homeserver_start_fails = \"the database is torn\"\n");
    agent.again();
    let visitor = agent.visitor();
    until("the setup code lets in", NOTICED, async || state(&visitor).await["rescue"] == true).await;
    agent
}

#[tokio::test]
async fn while_the_homeserver_stays_silent_the_setup_code_lets_in_to_see_to_it() {
    let agent = silent().await;
    let mut admin = agent.visitor();
    let login = json!({ "name": "ann", "password": PASSWORD });
    assert_eq!(admin.post("/api/login", login.clone()).await.code(), "homeserver_unavailable");
    assert_eq!(claim(&agent, "0000-0000").await.1, "wrong_setup_code");
    let (mut rescuer, _) = claim(&agent, &agent.setup_code()).await;
    let seen = state(&rescuer).await;
    assert_eq!((&seen["authenticated"], &seen["session"]), (&json!(true), &json!("rescuer")));
    assert!(rescuer.get("/api/health").await.ok()["homeserver"].is_null());
    assert!(rescuer.get("/api/logs?unit=agent&lines=5").await.ok()["lines"].is_array());
    for path in ["/api/users", "/api/settings", "/api/replicas", "/api/invitations", "/api/network"] {
        let answer = rescuer.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "rescue_only"), "{path}");
    }
    let shown = agent.machine().join("firmware/HEARTH-SETUP.txt");
    until("the code is shown", NOTICED, async || shown.exists()).await;
    let words = std::fs::read_to_string(agent.machine().join("console.txt")).unwrap();
    assert!(words.contains("does not answer") && words.contains(&agent.setup_code()), "{words}");

    agent.faults("");
    rescuer.post("/api/restart", json!({ "what": "homeserver" })).await.ok();
    // Once it has answered there is nothing left to see to.
    until("the session ends", NOTICED, async || rescuer.clone().get("/api/health").await.status == 401).await;
    let seen = state(&rescuer).await;
    assert_eq!((&seen["authenticated"], &seen["rescue"]), (&json!(false), &json!(false)));
    assert_eq!(claim(&agent, &agent.setup_code()).await.1, "wrong_phase");
    until("the code is taken away", NOTICED, async || !shown.exists()).await;
    admin.post("/api/login", login).await.ok();
    assert_eq!(state(&admin).await["session"], "administrator");
    let unsure = admin.post("/api/factory-reset", json!({ "server_name": "family.example.org" })).await;
    assert_eq!((unsure.status, unsure.code().as_str()), (400, "bad_request"));
}

#[tokio::test]
async fn a_box_whose_homeserver_can_not_be_mended_is_reset_by_the_setup_code() {
    let agent = silent().await;
    let (mut rescuer, _) = claim(&agent, &agent.setup_code()).await;
    let wrong = rescuer.post("/api/factory-reset", json!({ "server_name": "other.example.org" })).await;
    assert_eq!(wrong.code(), "wrong_server_name");
    assert!(!agent.data().join("FACTORY-RESET").exists());
    rescuer.post("/api/factory-reset", json!({ "server_name": "family.example.org" })).await.ok();
    assert!(agent.data().join("FACTORY-RESET").exists());
}
