//! Ports 80 and 443 while they are the agent's: who types the box's name comes to the page.

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;

/// Where people are sent.
pub trait PlainHost: Send + Sync + 'static {
    /// What is answered at this path: an ACME HTTP-01 challenge, or the word by which the box knows itself again.
    fn answer(&self, path: &str) -> Option<String>;
    /// Whether only that is ever answered below this path.
    fn is_kept(&self, path: &str) -> bool;
    /// The address to go to for who asked for `host` (without a port).
    fn target(&self, host: Option<&str>) -> String;
}

/// Port 80: challenges, and everything else away to HTTPS.
pub fn plain_router(host: Arc<dyn PlainHost>) -> Router {
    Router::new().fallback(plain).with_state(host)
}

/// Port 443 before the homeserver has it.
pub fn tls_redirect_router(host: Arc<dyn PlainHost>) -> Router {
    Router::new().fallback(away).with_state(host)
}

async fn plain(State(host): State<Arc<dyn PlainHost>>, request: Request) -> Response {
    match host.answer(request.uri().path()) {
        Some(answer) => {
            let mut response = answer.into_response();
            let kind = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        None if host.is_kept(request.uri().path()) => StatusCode::NOT_FOUND.into_response(),
        None => away(State(host), request).await,
    }
}

async fn away(State(host): State<Arc<dyn PlainHost>>, request: Request) -> Response {
    let asked = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| request.headers().get(header::HOST).and_then(|host| host.to_str().ok()));
    Redirect::temporary(&host.target(asked.and_then(without_port))).into_response()
}

/// The host without its port, where it has the form of a host: it goes into the answer.
fn without_port(asked: &str) -> Option<&str> {
    let host = match asked.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => asked.get(..address.len() + 2)?,
        None => asked.split(':').next()?,
    };
    let fits = !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte));
    fits.then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_a_host_goes_into_an_answer() {
        assert_eq!(without_port("hearth.local:80"), Some("hearth.local"));
        assert_eq!(without_port("[fe80::1]:80"), Some("[fe80::1]"));
        assert_eq!(without_port("[fe80::1]"), Some("[fe80::1]"));
        for bad in ["", "a b", "a\"b", "@evil", "a/b", "a?b"] {
            assert_eq!(without_port(bad), None, "{bad}");
        }
    }
}
