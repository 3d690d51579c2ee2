//! Mail addresses, with a real mail server: signing up, adding, new passwords, and what is not to be had by them.

mod accounts;
mod queue;
mod sign_up;

use crate::{
    harness::{Client, Server, password},
    smtp::Relay,
};
use hearth_homeserver::{config::Registration, server};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinHandle;

const V3: &str = "/_matrix/client/v3";
const REGISTER: &str = "/_matrix/client/v3/register";
const CONFIRM: &str = "/_hearth/email/confirm";

/// A server that sends letters by a relay, for as long as this lives.
struct Post {
    server: Server,
    sender: JoinHandle<()>,
}

impl Post {
    async fn new(relay: &Relay, registration: &str) -> Self {
        Self::on(Server::with(|config| config.registration = Registration::Open), relay, registration).await
    }

    async fn on(server: Server, relay: &Relay, registration: &str) -> Self {
        let wanted = json!({ "registration": registration, "mail": relay.settings() });
        let (settings, wanted) = (server.app.settings.clone(), serde_json::from_value(wanted).unwrap());
        server.app.store.change(move |change| settings.set(change, wanted)).await.unwrap();
        let app = Arc::clone(&server.app);
        let sender = tokio::spawn(async move { server::send_mail(&app).await });
        Self { server, sender }
    }

    /// Stops sending; the server stays.
    async fn end(self) -> Server {
        self.sender.abort();
        let _ = self.sender.await;
        self.server
    }

    fn anyone(&self) -> Client<'_> {
        self.server.anyone()
    }

    /// Asks for a letter; returns the session.
    async fn ask(&self, what: &str, email: &str, secret: &str, attempt: u64) -> String {
        let body = json!({ "email": email, "client_secret": secret, "send_attempt": attempt });
        let answer = self.anyone().post(&format!("{V3}/{what}/email/requestToken"), body).await.ok();
        answer["sid"].as_str().unwrap().to_owned()
    }

    /// Presses the button of the page that a letter leads to.
    async fn follow(&self, letter: &Value) {
        let page = self.anyone().send(Method::POST, CONFIRM, query(letter)).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    }

    /// Gives an account an address.
    async fn add(&self, relay: &mut Relay, client: &Client<'_>, name: &str, email: &str) {
        let sid = self.ask("account/3pid", email, "adding", 1).await;
        let letter = relay.letter().await;
        self.follow(&letter).await;
        let body = json!({ "sid": sid, "client_secret": "adding" });
        client.prove(Method::POST, &format!("{V3}/account/3pid/add"), body, name).await.ok();
    }
}

/// The link in a letter.
fn link(letter: &Value) -> &str {
    let text = letter["text"].as_str().unwrap();
    let line = text.lines().find(|line| line.starts_with("https://")).unwrap_or_else(|| panic!("no link in {text}"));
    line.strip_prefix("https://matrix.example.org").unwrap()
}

/// What the link's page sends on.
fn query(letter: &Value) -> String {
    link(letter).split_once('?').unwrap().1.to_owned()
}

fn stage(sid: &str, secret: &str) -> Value {
    json!({ "type": "m.login.email.identity", "threepid_creds": { "sid": sid, "client_secret": secret } })
}

fn sign_up(name: &str, sid: &str, secret: &str) -> Value {
    json!({ "username": name, "password": password(name), "auth": stage(sid, secret) })
}

fn login_by(identifier: Value, password: &str) -> Value {
    json!({ "type": "m.login.password", "identifier": identifier, "password": password })
}

fn email(address: &str) -> Value {
    json!({ "type": "m.id.thirdparty", "medium": "email", "address": address })
}
