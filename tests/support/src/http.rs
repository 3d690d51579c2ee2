//! A JSON client without opinions: it retries nothing and shows every status.

use std::{fmt, time::Duration};

pub use reqwest::Method;
use reqwest::{StatusCode, Url};
use serde_json::Value;

/// The longest that a call may take, long polls included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a call has no good answer.
#[derive(Clone, PartialEq)]
pub enum CallError {
    /// No answer came: refused, cut off or too slow. Whether the server acted on the request is unknown.
    NoAnswer(String),
    /// The server answered with another status than 2xx.
    Refused {
        /// HTTP status.
        status: u16,
        /// The body, `Value::Null` if it was no JSON.
        body: Value,
    },
    /// The server answered 2xx with a body that is no JSON.
    NotJson(String),
}

impl CallError {
    /// The Matrix error code of a refusal, or an empty string.
    pub fn errcode(&self) -> &str {
        match self {
            Self::Refused { body, .. } => body["errcode"].as_str().unwrap_or(""),
            _ => "",
        }
    }

    /// The HTTP status of a refusal, or 0.
    pub fn status(&self) -> u16 {
        match self {
            Self::Refused { status, .. } => *status,
            _ => 0,
        }
    }

    /// Whether nothing is known of the request's fate, so that it may be sent again.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::NoAnswer(_))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(reason) => write!(formatter, "no answer: {reason}"),
            Self::Refused { status, body } => write!(formatter, "refused with {status}: {body}"),
            Self::NotJson(body) => write!(formatter, "an answer that is no JSON: {body}"),
        }
    }
}

impl fmt::Debug for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for CallError {}

/// A client of one homeserver, signed in or not. Clones share their connections.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    base: Url,
    access_token: Option<String>,
}

impl Http {
    /// A client of the server at `url`, signed in as nobody.
    pub fn new(url: &str) -> Self {
        let client = reqwest::Client::builder()
            // A proxy of the environment must not stand between two ends of loopback.
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("a client without TLS can always be made");
        Self { client, base: Url::parse(url).expect("the server's URL is one"), access_token: None }
    }

    /// The same client with an access token.
    pub fn with_token(&self, access_token: &str) -> Self {
        Self { access_token: Some(access_token.to_owned()), ..self.clone() }
    }

    /// The access token that is sent, if any.
    pub fn access_token(&self) -> Option<&str> {
        self.access_token.as_deref()
    }

    /// One call of the client-server API.
    ///
    /// `path` is what follows `/_matrix/client/v3`, one segment per element, percent-encoded here; a first element
    /// that begins with `/` replaces that prefix (`["/_matrix/client/versions"]`).
    pub async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, CallError> {
        let mut request = self.client.request(method, self.url(path, query));
        if let Some(token) = &self.access_token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        // Cut off in the middle of the body is no answer either.
        let bytes = answer.bytes().await.map_err(no_answer)?;
        judge(status, &bytes)
    }

    /// `GET` with query parameters.
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, CallError> {
        self.call(Method::GET, path, query, None).await
    }

    /// `PUT` of a JSON body.
    pub async fn put(&self, path: &[&str], body: &Value) -> Result<Value, CallError> {
        self.call(Method::PUT, path, &[], Some(body)).await
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, CallError> {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    /// `DELETE` without a body.
    pub async fn delete(&self, path: &[&str]) -> Result<Value, CallError> {
        self.call(Method::DELETE, path, &[], None).await
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        let (prefix, segments) = match path {
            [first, rest @ ..] if first.starts_with('/') => (*first, rest),
            _ => ("/_matrix/client/v3", path),
        };
        url.set_path(prefix);
        url.path_segments_mut().expect("an http URL has a path").extend(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

fn judge(status: StatusCode, bytes: &[u8]) -> Result<Value, CallError> {
    let body = serde_json::from_slice(bytes);
    if !status.is_success() {
        return Err(CallError::Refused { status: status.as_u16(), body: body.unwrap_or(Value::Null) });
    }
    body.map_err(|_| CallError::NotJson(String::from_utf8_lossy(bytes).into_owned()))
}

fn no_answer(error: reqwest::Error) -> CallError {
    // The cause says what happened; the outer error only that something did.
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    CallError::NoAnswer(reason)
}
