//! The table of routes made into a router.

use super::{guard::guard, headers, page};
use crate::{app::App, problem::Problem, state::Phase};
use axum::{
    Router,
    handler::Handler,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use http::{Method, StatusCode, Uri};
use std::{any::Any, sync::Arc};
use tower_http::catch_panic::CatchPanicLayer;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who is logged in, in these phases.
    In(&'static [Phase]),
    /// These, and who came in because the homeserver is silent.
    Rescue(&'static [Phase]),
}

/// A row of the table.
#[derive(Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, `{name}` standing for a part that varies.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    handler: MethodRouter<Arc<App>>,
}

impl Route {
    /// `GET`
    pub fn get<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Self { method: Method::GET, path, access, handler: on(MethodFilter::GET, handler) }
    }

    /// `POST`
    pub fn post<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Self { method: Method::POST, path, access, handler: on(MethodFilter::POST, handler) }
    }

    /// `PUT`
    pub fn put<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Self { method: Method::PUT, path, access, handler: on(MethodFilter::PUT, handler) }
    }

    /// `DELETE`
    pub fn delete<H: Handler<T, Arc<App>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Self { method: Method::DELETE, path, access, handler: on(MethodFilter::DELETE, handler) }
    }
}

/// The router of the wizard's and dashboard's listener.
pub fn router(app: &Arc<App>, routes: Vec<Route>) -> Router {
    let mut router = Router::new();
    for route in routes {
        let guarded = route.handler.layer(from_fn_with_state((Arc::clone(app), route.access), guard));
        router = router.route(route.path, guarded);
    }
    router
        .with_state(Arc::clone(app))
        .method_not_allowed_fallback(wrong_method)
        .fallback(otherwise)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(headers::add))
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This can't be done here.",
        "Reload the page and try again.",
    )
}

/// The page's files, and for what is no file and no endpoint the page itself.
async fn otherwise(method: Method, uri: Uri, headers: http::HeaderMap) -> Response {
    if uri.path() == "/api" || uri.path().starts_with("/api/") {
        return Problem::not_found("not_found", "There is nothing here.").into_response();
    }
    page::answer(&method, uri.path(), &headers)
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Problem::internal(&format!("a handler panicked: {words}")).into_response()
}
