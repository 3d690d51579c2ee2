//! Accounts: signing up, logging in, filters.

use crate::client::{Client, Endpoint, encode, excerpt};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

const PASSWORD: &str = "correct horse battery staple";

#[derive(Clone)]
pub struct Account {
    pub user_id: String,
    pub access_token: String,
}

/// Registers an account by user-interactive authentication.
///
/// `POST /_matrix/client/v3/register`, <https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3register>
pub async fn sign_up(endpoint: &Arc<Endpoint>, name: &str, token: Option<&str>) -> Result<Account> {
    let mut client = Client::new(endpoint, None)?;
    let mut body = json!({"username": name, "password": PASSWORD, "initial_device_display_name": "hearth-load"});
    // A stage a round; no server here asks for more than a few.
    for _ in 0..8 {
        let path = "/_matrix/client/v3/register";
        let (status, answer) = client.answer(Method::POST, path, body.to_string().into()).await?;
        let value: Value = serde_json::from_slice(&answer)
            .with_context(|| format!("POST {path} answered {status} without JSON: {}", excerpt(&answer)))?;
        match status {
            StatusCode::OK => return account(&value),
            StatusCode::UNAUTHORIZED if value.get("flows").is_some() => {
                if let Some(object) = body.as_object_mut() {
                    object.insert("auth".to_owned(), next_stage(&value, token)?);
                }
            }
            _ => bail!("POST {path} answered {status}: {}", excerpt(&answer)),
        }
    }
    bail!("the server asked for ever more stages to sign up")
}

/// Logs a new device in.
pub async fn log_in(endpoint: &Arc<Endpoint>, user_id: &str) -> Result<Account> {
    let body = json!({
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user_id},
        "password": PASSWORD,
    });
    let mut client = Client::new(endpoint, None)?;
    account(&client.json(Method::POST, "/_matrix/client/v3/login", Some(&body)).await?)
}

/// Uploads the filter that Element uses and gives back its id.
pub async fn element_filter(client: &mut Client, user_id: &str) -> Result<String> {
    let filter = json!({"room": {
        "timeline": {"limit": 20, "unread_thread_notifications": true},
        "state": {"lazy_load_members": true},
    }});
    let path = format!("/_matrix/client/v3/user/{}/filter", encode(user_id));
    text(&client.json(Method::POST, &path, Some(&filter)).await?, "filter_id")
}

/// The path of a sync. Presence stays out of it: what is measured is messages.
pub fn sync_path(filter_id: &str, since: Option<&str>, timeout_ms: u64) -> String {
    let since = since.map(|since| format!("&since={}", encode(since))).unwrap_or_default();
    let filter = encode(filter_id);
    format!("/_matrix/client/v3/sync?filter={filter}&timeout={timeout_ms}&set_presence=offline{since}")
}

/// Throws what came back of a sync away but for its `next_batch`.
pub async fn sync_once(client: &mut Client, filter_id: &str) -> Result<String> {
    next_batch(&client.call(Method::GET, &sync_path(filter_id, None, 0), Bytes::new()).await?)
}

/// Reads `next_batch` alone; the rest is only skipped over.
pub fn next_batch(answer: &[u8]) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct Sync {
        next_batch: String,
    }
    let sync: Sync =
        serde_json::from_slice(answer).with_context(|| format!("not an answer of sync: {}", excerpt(answer)))?;
    Ok(sync.next_batch)
}

/// Picks what to do next of the stages that are left.
fn next_stage(challenge: &Value, token: Option<&str>) -> Result<Value> {
    let strings = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let done = strings(challenge.get("completed"));
    let able = |stage: &String| stage == "m.login.dummy" || (stage == "m.login.registration_token" && token.is_some());
    let flows = challenge.get("flows").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let stages =
        flows.iter().map(|flow| strings(flow.get("stages"))).find(|stages| stages.iter().all(able)).with_context(
            || format!("no way to sign up that this program can go (is a --token missing?): {challenge}"),
        )?;
    let stage = stages.into_iter().find(|stage| !done.contains(stage)).context("every stage is done already")?;
    let mut auth = json!({"type": stage, "session": challenge.get("session")});
    if let (Some(object), Some(token), true) = (auth.as_object_mut(), token, stage == "m.login.registration_token") {
        object.insert("token".to_owned(), token.into());
    }
    Ok(auth)
}

fn account(answer: &Value) -> Result<Account> {
    Ok(Account { user_id: text(answer, "user_id")?, access_token: text(answer, "access_token")? })
}

pub fn text(answer: &Value, field: &str) -> Result<String> {
    let value = answer.get(field).and_then(Value::as_str).with_context(|| format!("no {field} in an answer"))?;
    ensure!(!value.is_empty(), "an empty {field} in an answer");
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_before_what_follows_it() {
        let mut challenge = json!({
            "session": "s",
            "flows": [{"stages": ["m.login.registration_token", "m.login.dummy"]}],
        });
        let first = next_stage(&challenge, Some("sesame")).unwrap();
        assert_eq!(first, json!({"type": "m.login.registration_token", "session": "s", "token": "sesame"}));
        challenge["completed"] = json!(["m.login.registration_token"]);
        let second = next_stage(&challenge, Some("sesame")).unwrap();
        assert_eq!(second, json!({"type": "m.login.dummy", "session": "s"}));
    }

    #[test]
    fn a_flow_that_cannot_be_walked_is_passed_over() {
        let challenge = json!({"session": "s", "flows": [
            {"stages": ["m.login.recaptcha"]},
            {"stages": ["m.login.dummy"]},
        ]});
        assert_eq!(next_stage(&challenge, None).unwrap()["type"], "m.login.dummy");
    }

    #[test]
    fn a_missing_token_is_named() {
        let challenge = json!({"session": "s", "flows": [{"stages": ["m.login.registration_token"]}]});
        assert!(next_stage(&challenge, None).unwrap_err().to_string().contains("--token"));
    }
}
