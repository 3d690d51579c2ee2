//! A broken request: what is in it, and how it is put together.

use super::{
    values::{name, odd_bytes, odd_text, value},
    world::{World, encode},
};
use axum::{body::Body, extract::ConnectInfo};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value};
use std::net::{Ipv4Addr, SocketAddr};

/// What an endpoint was found to ask for.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Fields of the body, each with a value of the right type.
    pub body: Map<String, Value>,
    /// Parameters of the query.
    pub query: Vec<String>,
}

/// A part of the path that varies, or a parameter of the query.
#[derive(Debug, Clone)]
pub enum Part {
    /// Something that exists.
    Fitting,
    /// Other text, to be encoded.
    Text(String),
    /// As it stands, percent signs and all.
    Raw(&'static str),
}

/// What the request has for a body.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// A JSON object.
    Object(Map<String, Value>),
    /// The beginning of a JSON object.
    Cut(Map<String, Value>, usize),
    /// More than may be sent.
    Large(usize),
}

/// Who the request says it is from.
#[derive(Debug, Clone)]
pub enum Sender {
    /// A logged-in user.
    User,
    /// The same, by the query.
    UserByQuery,
    /// Nobody.
    Stranger,
    /// A header that names nobody.
    Garbage(&'static [u8]),
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The method.
    pub method: Method,
    /// The router's path.
    pub path: String,
    /// In the order of the path's names.
    pub segments: Vec<Part>,
    /// Parameters of the query.
    pub query: Vec<(String, Part)>,
    /// What is behind the parameters.
    pub query_tail: &'static str,
    /// The body.
    pub payload: Payload,
    /// A header more.
    pub header: Option<(HeaderName, &'static [u8])>,
    /// Whose it is.
    pub sender: Sender,
}

impl Plan {
    /// A request with an empty object, by a user.
    pub fn plain(path: &str, method: Method) -> Self {
        let names = path.matches('{').count();
        Self {
            method,
            path: path.to_owned(),
            segments: vec![Part::Fitting; names],
            query: Vec::new(),
            query_tail: "",
            payload: Payload::Object(Map::new()),
            header: None,
            sender: Sender::User,
        }
    }

    /// The request; none where HTTP has no such request.
    pub fn request(&self, world: &World) -> Option<Request<Body>> {
        let mut segments = self.segments.iter();
        let mut target = String::new();
        for part in self.path.split_inclusive('/') {
            let (part, slash) = part.strip_suffix('/').map_or((part, ""), |part| (part, "/"));
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => target.push_str(&written(segments.next()?, name.trim_start_matches('*'), world)),
                None => target.push_str(part),
            }
            target.push_str(slash);
        }
        let mut parameters: Vec<String> =
            self.query.iter().map(|(name, part)| format!("{}={}", encode(name), written(part, name, world))).collect();
        if matches!(self.sender, Sender::UserByQuery) {
            parameters.push(format!("access_token={}", world.token()));
        }
        if !self.query_tail.is_empty() {
            parameters.push(self.query_tail.to_owned());
        }
        if !parameters.is_empty() {
            target.push_str(&format!("?{}", parameters.join("&")));
        }
        let mut request = Request::new(self.body());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::try_from(target).ok()?;
        let headers = request.headers_mut();
        match &self.sender {
            Sender::User => {
                headers.insert(header::AUTHORIZATION, format!("Bearer {}", world.token()).parse().ok()?);
            }
            Sender::Garbage(words) => {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_bytes(words).ok()?);
            }
            Sender::UserByQuery | Sender::Stranger => {}
        }
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), HeaderValue::from_bytes(value).ok()?);
        }
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000))));
        Some(request)
    }

    fn body(&self) -> Body {
        let text = |fields: &Map<String, Value>| Value::Object(fields.clone()).to_string().into_bytes();
        match &self.payload {
            Payload::Bytes(bytes) => Body::from(bytes.clone()),
            Payload::Object(fields) => Body::from(text(fields)),
            Payload::Cut(fields, at) => {
                let mut bytes = text(fields);
                bytes.truncate(at % (bytes.len() + 1));
                Body::from(bytes)
            }
            Payload::Large(length) => Body::from(Bytes::from(vec![b' '; *length])),
        }
    }
}

fn written(part: &Part, name: &str, world: &World) -> String {
    match part {
        Part::Fitting => encode(&world.fitting(name)),
        Part::Text(text) => encode(text),
        Part::Raw(text) => (*text).to_owned(),
    }
}

fn part() -> impl Strategy<Value = Part> {
    let raw = [
        "%",
        "%2",
        "%zz",
        "%00",
        "%FF",
        "%C0%AF",
        "%ED%A0%80",
        "%2F",
        "%2E%2E",
        "..",
        "+",
        "%25",
        "%0D%0A",
        "a%20b",
        "=",
        "%F0%9F%92%A3",
    ];
    prop_oneof![
        6 => Just(Part::Fitting),
        3 => odd_text().prop_map(Part::Text),
        1 => select(raw.to_vec()).prop_map(Part::Raw),
    ]
}

fn payload(shape: &Shape, known: Vec<Value>) -> impl Strategy<Value = Payload> + use<> {
    let learnt = shape.body.clone();
    let fields = proptest::collection::vec((name(), value(known.clone())), 0..4)
        .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>())
        .boxed();
    // What the endpoint asks for, with one thing put wrong and some added.
    let near = (fields.clone(), any::<proptest::sample::Index>(), value(known))
        .prop_map(move |(more, which, odd)| {
            let mut body = learnt.clone();
            body.extend(more);
            if !body.is_empty() {
                let name = body.keys().nth(which.index(body.len())).unwrap().clone();
                body.insert(name, odd);
            }
            body
        })
        .boxed();
    prop_oneof![
        3 => odd_bytes().prop_map(Payload::Bytes),
        2 => fields.prop_map(Payload::Object),
        8 => near.clone().prop_map(Payload::Object),
        1 => (near, any::<usize>()).prop_map(|(body, at)| Payload::Cut(body, at)),
    ]
}

fn header_line() -> impl Strategy<Value = Option<(HeaderName, &'static [u8])>> {
    let odd: [(HeaderName, &'static [u8]); 12] = [
        (header::CONTENT_TYPE, b"text/plain"),
        (header::CONTENT_TYPE, b"application/json; charset=utf-16"),
        (header::CONTENT_TYPE, b"multipart/form-data"),
        (header::CONTENT_TYPE, b"application/x-www-form-urlencoded"),
        (header::CONTENT_TYPE, b"\xff\xfe"),
        (header::CONTENT_TYPE, b""),
        (header::CONTENT_ENCODING, b"gzip"),
        (header::CONTENT_LENGTH, b"99999999999999999999"),
        (header::ACCEPT, b"image/png"),
        (header::ORIGIN, b"\xff"),
        (header::RANGE, b"bytes=9-1"),
        (header::HOST, b"elsewhere.example"),
    ];
    prop_oneof![2 => Just(None), 1 => select(odd.to_vec()).prop_map(Some)]
}

fn sender() -> impl Strategy<Value = Sender> {
    let garbage: [&'static [u8]; 9] = [
        b"",
        b"Bearer",
        b"Bearer ",
        b"bearer x",
        b"Bearer \xff\xfe",
        b"Bearer a b",
        b"Basic YTpi",
        b"X-Matrix origin=a",
        b"Bearer hrt_0000000000000000000000000000000000000000000",
    ];
    prop_oneof![
        10 => Just(Sender::User),
        1 => Just(Sender::UserByQuery),
        3 => Just(Sender::Stranger),
        2 => select(garbage.to_vec()).prop_map(Sender::Garbage),
    ]
}

/// Requests to one path that have something wrong with them.
pub fn plans(path: &str, method: &Method, shape: &Shape, known: Vec<Value>) -> impl Strategy<Value = Plan> + use<> {
    let names = path.matches('{').count();
    let (path, method, asked) = (path.to_owned(), method.clone(), shape.query.clone());
    let learnt = proptest::collection::vec(part(), asked.len())
        .prop_map(move |parts| asked.iter().cloned().zip(parts).collect::<Vec<_>>());
    let query = (learnt, proptest::collection::vec((name(), part()), 0..3)).prop_map(|(mut query, more)| {
        query.extend(more);
        query
    });
    let tails = vec!["", "", "", "", "&&=&", "%", "a=%FF", "limit=1&limit=2", "dir=b&dir=f", "?", "a[]=1", "timeout=0"];
    (proptest::collection::vec(part(), names), query, select(tails), payload(shape, known), header_line(), sender())
        .prop_map(move |(segments, query, query_tail, payload, header, sender)| Plan {
            method: method.clone(),
            path: path.clone(),
            segments,
            query,
            query_tail,
            payload,
            header,
            sender,
        })
}
