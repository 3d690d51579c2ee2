//! A running server for the targets that need one.

use axum::{Router, body::Body, extract::ConnectInfo};
use hearth_homeserver::{
    clock::{Clock, Random},
    config::{Config, Registration},
    server,
};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// The server's name.
pub const NAME: &str = "hearth.example";

/// Longest time for an answer.
const TIME: Duration = Duration::from_secs(20);
/// How long a sync is waited for.
const SYNC_TIME: Duration = Duration::from_millis(200);

/// A server with a user and a room.
pub struct House {
    /// All that it answers.
    pub router: Router,
    /// Where it runs.
    pub runtime: Runtime,
    /// An access token of `@ann:hearth.example`.
    pub token: String,
    /// A room of hers.
    pub room: String,
    /// A message in it.
    pub event: String,
}

/// An answer as it came.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The content type.
    pub kind: Option<Vec<u8>>,
    /// The body.
    pub body: Vec<u8>,
}

impl House {
    /// A server whose files are gone from the disk already, so that nothing of it is left behind.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            server_name: NAME.try_into().unwrap(),
            data: folder.path().to_owned(),
            listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)],
            plain: true,
            base_url: None,
            dashboard_url: None,
            admin_socket: None,
            registration: Registration::Open,
            registration_token: Some("token".to_owned()),
            rate_limits: false,
            cache_bytes: 4 << 20,
            default_room_version: ruma::RoomVersionId::V12,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // The server starts tasks.
        let entered = runtime.enter();
        let app = server::app(config, Clock::fixed(1_750_000_000_000), Random::seeded(1)).unwrap();
        // So that requests for letters get as far as writing one. Nobody sends them.
        let mail =
            json!({ "mail": { "host": "127.0.0.1", "port": 25, "security": "none", "from": "hearth@example.org" } });
        let (settings, mail) = (app.settings.clone(), serde_json::from_value(mail).unwrap());
        app.store.change_blocking(move |change| settings.set(change, mail)).unwrap();
        drop(entered);
        let mut house = Self {
            router: server::router(app),
            runtime,
            token: String::new(),
            room: String::new(),
            event: String::new(),
        };
        house.sign_up("ann");
        let body = json!({ "preset": "public_chat", "name": "Kitchen" });
        house.room = house.post("createRoom", &body, "room_id");
        house.event = house.post(
            &format!("rooms/{}/send/m.room.message/1", house.room.replace('!', "%21").replace(':', "%3A")),
            &json!({ "msgtype": "m.text", "body": "hello" }),
            "event_id",
        );
        house
    }

    /// Makes an account, and its token the house's.
    pub fn sign_up(&mut self, name: &str) {
        let body = json!({ "username": name, "password": "8 letters", "auth": { "type": "m.login.dummy" } });
        self.token = self.post("register", &body, "access_token");
    }

    /// A request by the user that must succeed; gives a field of the answer.
    fn post(&self, path: &str, body: &Value, field: &str) -> String {
        let method = if path.contains("/send/") { "PUT" } else { "POST" };
        let request = Request::builder()
            .method(method)
            .uri(format!("/_matrix/client/v3/{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Body::from(body.to_string()))
            .unwrap();
        let answer = self.ask(request).unwrap_or_else(|| panic!("{path}: no answer"));
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer[field].as_str().unwrap_or_else(|| panic!("{path}: {shown}")).to_owned()
    }

    /// Sends a request straight to the router. None for a sync that does what it is for, and waits.
    pub fn ask(&self, mut request: Request<Body>) -> Option<Answer> {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000))));
        let waits = request.uri().path().ends_with("/sync");
        let time = if waits { SYNC_TIME } else { TIME };
        let answer = async {
            let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
            let kind = head.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_vec());
            Answer { status: head.status, kind, body: body.collect().await.unwrap().to_bytes().to_vec() }
        };
        let answer = self.runtime.block_on(async { tokio::time::timeout(time, answer).await.ok() });
        assert!(waits || answer.is_some(), "no answer within {time:?}");
        answer
    }
}
