//! As little of a homeserver as the load generator notices: everything in memory, nobody's rights checked.

// Not inside `#[test]`, but nothing but tests calls it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, header::AUTHORIZATION, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};

/// What signing up takes.
pub const TOKEN: &str = "sesame";

pub struct FakeHomeserver {
    pub url: String,
    server: Arc<Server>,
    /// Serves until dropped.
    _runtime: Runtime,
}

struct Server {
    store: Mutex<Store>,
    /// Messages that are taken before one is refused.
    capacity: usize,
    /// The number of messages: long polls wait for it to grow.
    grown: watch::Sender<usize>,
}

#[derive(Default)]
struct Store {
    accounts: BTreeSet<String>,
    /// The members of each room.
    rooms: BTreeMap<String, BTreeSet<String>>,
    /// Room and content of every message, in the order of arrival; a position is a sync token.
    messages: Vec<(String, Value)>,
}

impl FakeHomeserver {
    pub fn start(capacity: usize) -> FakeHomeserver {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::new(Server { store: Mutex::default(), capacity, grown: watch::Sender::new(0) });
        runtime.spawn(serve(listener, server.clone()));
        FakeHomeserver { url, server, _runtime: runtime }
    }

    pub fn accounts(&self) -> usize {
        self.server.store.lock().unwrap().accounts.len()
    }

    pub fn rooms(&self) -> usize {
        self.server.store.lock().unwrap().rooms.len()
    }

    pub fn messages(&self) -> usize {
        self.server.store.lock().unwrap().messages.len()
    }
}

async fn serve(listener: TcpListener, server: Arc<Server>) {
    while let Ok((stream, _)) = listener.accept().await {
        let server = server.clone();
        let service = service_fn(move |request| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(answer(server, request).await) }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(server: Arc<Server>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().trim_start_matches("/_matrix/client/v3/").replace("%21", "!").replace("%40", "@");
    let query = request.uri().query().unwrap_or_default().to_owned();
    // An access token is the user's name.
    let user = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().replace("Bearer ", ""));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let user = user.unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let (status, value) = match parts[..] {
        ["register"] => server.register(&body),
        ["login"] => account(body["identifier"]["user"].as_str().unwrap()),
        ["user", _, "filter"] => (200, json!({"filter_id": "0"})),
        ["createRoom"] => server.create_room(user),
        ["rooms", room, "join"] => server.join(room, user),
        ["rooms", room, "send", _, _] => server.send(room, body),
        ["rooms", room, "messages"] => server.page(room, &query),
        ["sync"] => server.sync(&user, &query).await,
        _ => (404, json!({"errcode": "M_UNRECOGNIZED", "error": path})),
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

type Answer = (u16, Value);

fn account(user_id: &str) -> Answer {
    (200, json!({"user_id": user_id, "access_token": user_id}))
}

fn parameter(query: &str, name: &str) -> Option<usize> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1.parse().ok()
}

impl Server {
    fn register(&self, body: &Value) -> Answer {
        if body["auth"]["token"] != TOKEN {
            let flows = json!([{"stages": ["m.login.registration_token"]}]);
            return (401, json!({"session": "only", "flows": flows}));
        }
        let user_id = format!("@{}:fake", body["username"].as_str().unwrap());
        match self.store.lock().unwrap().accounts.insert(user_id.clone()) {
            true => account(&user_id),
            false => (400, json!({"errcode": "M_USER_IN_USE"})),
        }
    }

    fn create_room(&self, user: String) -> Answer {
        let mut store = self.store.lock().unwrap();
        let room_id = format!("!{}", store.rooms.len());
        store.rooms.insert(room_id.clone(), BTreeSet::from([user]));
        (200, json!({"room_id": room_id}))
    }

    fn join(&self, room: &str, user: String) -> Answer {
        self.store.lock().unwrap().rooms.get_mut(room).unwrap().insert(user);
        (200, json!({"room_id": room}))
    }

    fn send(&self, room: &str, content: Value) -> Answer {
        let mut store = self.store.lock().unwrap();
        if store.messages.len() >= self.capacity {
            return (403, json!({"errcode": "M_FORBIDDEN", "error": "The jar is full"}));
        }
        store.messages.push((room.to_owned(), content));
        self.grown.send_replace(store.messages.len());
        (200, json!({"event_id": format!("${}", store.messages.len())}))
    }

    fn page(&self, room: &str, query: &str) -> Answer {
        let store = self.store.lock().unwrap();
        let from = parameter(query, "from").unwrap_or(store.messages.len());
        let older = (0..from).rev().filter(|position| store.messages[*position].0 == room);
        let page: Vec<usize> = older.take(parameter(query, "limit").unwrap()).collect();
        let chunk: Vec<&Value> = page.iter().map(|position| &store.messages[*position].1).collect();
        (200, json!({"chunk": chunk, "end": page.last().map(usize::to_string)}))
    }

    async fn sync(&self, user: &str, query: &str) -> Answer {
        let since = parameter(query, "since");
        let mut grown = self.grown.subscribe();
        if let (Some(since), true) = (since, parameter(query, "timeout") > Some(0)) {
            grown.wait_for(|messages| *messages > since).await.unwrap();
        }
        let store = self.store.lock().unwrap();
        let joined = store.rooms.iter().filter(|(_, members)| members.contains(user)).map(|(room, _)| room);
        let news = |room: &String| -> Vec<&Value> {
            let fresh = store.messages.iter().skip(since.unwrap_or_default());
            fresh.filter(|(place, _)| place == room).map(|(_, content)| content).collect()
        };
        let join: BTreeMap<_, _> = joined.map(|room| (room, json!({"timeline": {"events": news(room)}}))).collect();
        (200, json!({"next_batch": store.messages.len().to_string(), "rooms": {"join": join}}))
    }
}
