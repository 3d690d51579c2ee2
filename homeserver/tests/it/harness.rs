//! A server on a folder of its own, with a clock that stands and seeded chance, and clients that
//! send requests straight to its router.

use axum::{Router, body::Body, extract::ConnectInfo};
use hearth_homeserver::{
    clock::{Clock, Random},
    config::{Config, Registration},
    http::App,
    server,
};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, atomic::Ordering},
};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// When every test begins: 14 November 2023.
pub const START: u64 = 1_700_000_000_000;
/// The registration token of every test server.
pub const TOKEN: &str = "let.me-in";

/// A running server.
pub struct Server {
    /// Its parts, for looking behind the API.
    pub app: Arc<App>,
    router: Router,
    folder: TempDir,
}

/// A server's settings in tests: rate limits off, everybody may sign up.
pub fn config(folder: &Path) -> Config {
    Config {
        server_name: "example.org".try_into().unwrap(),
        data: folder.to_owned(),
        listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)],
        plain: true,
        base_url: Some("https://matrix.example.org".to_owned()),
        dashboard_url: None,
        admin_socket: None,
        registration: Registration::Open,
        registration_token: Some(TOKEN.to_owned()),
        rate_limits: false,
        cache_bytes: 4 << 20,
        default_room_version: ruma::RoomVersionId::V12,
    }
}

impl Server {
    /// A new server with the usual settings.
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// A new server whose settings differ.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let app = server::app(config, Clock::fixed(START), Random::seeded(1)).unwrap();
        Self { router: server::router(Arc::clone(&app)), app, folder }
    }

    /// The same server after an orderly stop and a new start. Time goes on; memory is gone.
    pub fn restart(self) -> Self {
        let Self { app, router, folder } = self;
        let (config, now) = (app.config.clone(), app.clock.now());
        drop(router);
        server::close(app);
        // Other chance than before, or tokens would come out the same again.
        let app = server::app(config, Clock::fixed(now), Random::seeded(now ^ 2)).unwrap();
        Self { router: server::router(Arc::clone(&app)), app, folder }
    }

    /// A server on data that are there already.
    pub fn on(folder: TempDir, now: u64) -> Self {
        // Other chance than before, or tokens would come out the same again.
        let app = server::app(config(folder.path()), Clock::fixed(now), Random::seeded(now ^ 2)).unwrap();
        Self { router: server::router(Arc::clone(&app)), app, folder }
    }

    /// Everything that it answers.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Moves the clock.
    pub fn pass(&self, millis: u64) {
        let Clock::Fixed(clock) = &self.app.clock else { panic!("the clock of tests stands") };
        clock.fetch_add(millis, Ordering::Relaxed);
    }

    /// Somebody who is not logged in.
    pub fn anyone(&self) -> Client<'_> {
        Client {
            server: self,
            token: None,
            user: String::new(),
            device: String::new(),
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Signs a user up where everybody may. The password is `password of NAME`.
    pub async fn user(&self, name: &str) -> Client<'_> {
        let body = json!({ "username": name, "password": password(name), "auth": { "type": "m.login.dummy" } });
        let answer = self.anyone().post("/_matrix/client/v3/register", body).await.ok();
        self.client(&answer)
    }

    /// Logs a user's next device in.
    pub async fn login(&self, name: &str) -> Client<'_> {
        let answer = self.anyone().post("/_matrix/client/v3/login", login_body(name)).await.ok();
        self.client(&answer)
    }

    /// The client whom a login's response makes.
    pub fn client(&self, login: &Value) -> Client<'_> {
        let text = |key: &str| login[key].as_str().unwrap().to_owned();
        Client { token: Some(text("access_token")), user: text("user_id"), device: text("device_id"), ..self.anyone() }
    }
}

/// What [`Server::user`] signs up with.
pub fn password(name: &str) -> String {
    format!("password of {name}")
}

/// A login by password.
pub fn login_body(name: &str) -> Value {
    json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": name },
        "password": password(name),
    })
}

/// Somebody who sends requests.
#[derive(Clone)]
pub struct Client<'a> {
    /// Where to.
    pub server: &'a Server,
    /// The access token.
    pub token: Option<String>,
    /// Full user id.
    pub user: String,
    /// Device id.
    pub device: String,
    /// Where the requests come from.
    pub ip: IpAddr,
}

impl Client<'_> {
    /// `GET`
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty()).await
    }

    /// `POST`
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Body::from(body.to_string())).await
    }

    /// `PUT`
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Body::from(body.to_string())).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str, body: Value) -> Answer {
        self.send(Method::DELETE, path, Body::from(body.to_string())).await
    }

    /// Any request.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method.clone()).uri(path);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.ip, 40_000)));
        let response = self.server.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { request: format!("{method} {path}"), status: head.status, headers: head.headers, body, text }
    }

    /// `POST` or `DELETE` with the password's proof, asked for and given as a client does it.
    pub async fn prove(&self, method: Method, path: &str, body: Value, name: &str) -> Answer {
        let asked = self.send(method.clone(), path, body.to_string()).await;
        let session = asked.status(StatusCode::UNAUTHORIZED)["session"].clone();
        let mut body = body;
        body["auth"] = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": name },
            "password": password(name),
            "session": session,
        });
        self.send(method, path, body.to_string()).await
    }
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    request: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: http::HeaderMap,
    /// Its body, or null where that is no JSON.
    pub body: Value,
    /// Its body as it came.
    pub text: String,
}

impl Answer {
    /// The body of a request that succeeded.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.status(StatusCode::OK)
    }

    /// The body of a request that ended in this status.
    #[track_caller]
    pub fn status(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.body);
        self.body
    }

    /// Asserts a Matrix error.
    #[track_caller]
    pub fn error(self, status: u16, errcode: &str) -> Value {
        assert_eq!(
            (self.status.as_u16(), &self.body["errcode"]),
            (status, &json!(errcode)),
            "{}: {}",
            self.request,
            self.body
        );
        self.body
    }
}
