//! Somebody signed in, speaking plain JSON.

use serde_json::{Value, json};

use crate::{
    http::{CallError, Http},
    shared::Target,
};

/// A user with one device. Its password stays known, so that further devices can sign in.
#[derive(Clone)]
pub struct Account {
    /// The client, signed in.
    pub http: Http,
    /// `@name:server`.
    pub user_id: String,
    /// The device that signing in made.
    pub device_id: String,
    /// For user-interactive authentication and further devices.
    pub password: String,
}

impl Account {
    /// Makes an account by registration token. `name` gets a random end, so that a test can run twice on one server.
    pub async fn sign_up(target: &Target, name: &str) -> Result<Self, CallError> {
        let http = Http::new(&target.url);
        let password = format!("password of {name}");
        let mut request = json!({ "username": unique_name(name), "password": password });
        let mut attempts = 0;
        let answer = loop {
            match http.post(&["register"], &request).await {
                Err(CallError::Refused { status: 401, body }) if attempts < 4 => {
                    attempts += 1;
                    request["auth"] = next_stage(&body, &target.token)?;
                }
                other => break other?,
            }
        };
        Ok(Self::of(&http, &answer, password))
    }

    /// Signs in a further device of the same user.
    pub async fn log_in_again(&self) -> Result<Self, CallError> {
        let request = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": self.user_id },
            "password": self.password,
        });
        let answer = self.http.post(&["login"], &request).await?;
        Ok(Self::of(&self.http, &answer, self.password.clone()))
    }

    fn of(http: &Http, answer: &Value, password: String) -> Self {
        Self {
            http: http.with_token(&text(answer, "access_token")),
            user_id: text(answer, "user_id"),
            device_id: text(answer, "device_id"),
            password,
        }
    }

    /// Creates a room by the given `createRoom` body; answers its id.
    pub async fn create_room(&self, body: Value) -> Result<String, CallError> {
        Ok(text(&self.http.post(&["createRoom"], &body).await?, "room_id"))
    }

    /// Joins a room by id or alias.
    pub async fn join(&self, room: &str) -> Result<(), CallError> {
        self.http.post(&["join", room], &json!({})).await.map(drop)
    }

    /// Sends a message-like event; answers its event id.
    pub async fn send(&self, room: &str, kind: &str, transaction: &str, content: &Value) -> Result<String, CallError> {
        let answer = self.http.put(&["rooms", room, "send", kind, transaction], content).await?;
        Ok(text(&answer, "event_id"))
    }

    /// Sends a state event; answers its event id.
    pub async fn set_state(&self, room: &str, kind: &str, key: &str, content: &Value) -> Result<String, CallError> {
        let answer = self.http.put(&["rooms", room, "state", kind, key], content).await?;
        Ok(text(&answer, "event_id"))
    }

    /// Sets account data of the user, or of the user in one room.
    pub async fn set_account_data(&self, room: Option<&str>, kind: &str, content: &Value) -> Result<(), CallError> {
        self.http.put(&self.account_data_path(room, kind), content).await.map(drop)
    }

    /// Reads account data of the user, or of the user in one room.
    pub async fn account_data(&self, room: Option<&str>, kind: &str) -> Result<Value, CallError> {
        self.http.get(&self.account_data_path(room, kind), &[]).await
    }

    fn account_data_path<'a>(&'a self, room: Option<&'a str>, kind: &'a str) -> Vec<&'a str> {
        match room {
            None => vec!["user", &self.user_id, "account_data", kind],
            Some(room) => vec!["user", &self.user_id, "rooms", room, "account_data", kind],
        }
    }

    /// One `/sync` from `since` (the beginning if `None`), waiting at most `timeout_ms` milliseconds for something new.
    pub async fn sync(&self, since: Option<&str>, timeout_ms: u64) -> Result<Value, CallError> {
        let timeout = timeout_ms.to_string();
        let mut query = vec![("timeout", timeout.as_str())];
        query.extend(since.map(|token| ("since", token)));
        self.http.get(&["sync"], &query).await
    }

    /// Every event of a room that this user may see, oldest first, read page by page from the end.
    pub async fn whole_timeline(&self, room: &str) -> Result<Vec<Value>, CallError> {
        let mut events = Vec::new();
        let mut from: Option<String> = None;
        loop {
            let mut query = vec![("dir", "b"), ("limit", "1000")];
            query.extend(from.as_deref().map(|token| ("from", token)));
            let mut page = self.http.get(&["rooms", room, "messages"], &query).await?;
            if let Value::Array(chunk) = page["chunk"].take() {
                events.extend(chunk);
            }
            match page["end"].as_str() {
                // A token that comes back unchanged would be an endless loop, and is a fault to be shown.
                Some(end) if from.as_deref() == Some(end) => panic!("/messages answered the same `end` twice: {end}"),
                Some(end) => from = Some(end.to_owned()),
                None => break,
            }
        }
        events.reverse();
        Ok(events)
    }
}

/// `name` with a random end: user names on a server that outlives a test must not repeat.
pub fn unique_name(name: &str) -> String {
    format!("{name}-{:08x}", rand::random::<u32>())
}

/// The `auth` object for the next stage that a 401 of `/register` asks for.
fn next_stage(asked: &Value, token: &str) -> Result<Value, CallError> {
    let done = asked["completed"].as_array().cloned().unwrap_or_default();
    let session = &asked["session"];
    let flows = asked["flows"].as_array().cloned().unwrap_or_default();
    for flow in &flows {
        let stages = flow["stages"].as_array().cloned().unwrap_or_default();
        let next = stages.iter().find(|stage| !done.contains(stage)).and_then(Value::as_str);
        match next {
            Some(kind @ "m.login.registration_token") => {
                return Ok(json!({ "type": kind, "token": token, "session": session }));
            }
            Some(kind @ "m.login.dummy") => return Ok(json!({ "type": kind, "session": session })),
            _ => {}
        }
    }
    Err(CallError::Refused { status: 401, body: asked.clone() })
}

/// A string member of an answer, which a server that keeps to the specification always gives.
fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap_or_else(|| panic!("the answer has no string `{member}`: {answer}")).to_owned()
}
