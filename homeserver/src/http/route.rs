//! Routes from ruma's metadata: path, method, authentication and types of an endpoint come from its
//! request type, so a handler only says what it does.

use super::{App, Error, caller::CallerScheme, json, limits, memory::Held};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, RawPathParams, State, rejection::RawPathParamsRejection},
    response::Response,
    routing::{MethodFilter, on},
};
use bytes::{Bytes, BytesMut};
use http::{Method, header};
use hyper::body::Body as _;
use ruma::{
    UserId,
    api::{IncomingRequest, IncomingRequestExt as _, OutgoingResponseExt as _, path_builder::PathBuilder as _},
};
use std::{future::Future, net::SocketAddr, sync::Arc};

/// Adds endpoints to a router.
pub trait Routes {
    /// Serves `handler` at every path of the request type `R`.
    #[must_use]
    fn endpoint<R, S, H, F>(self, handler: H) -> Self
    where
        S: CallerScheme + 'static,
        R: IncomingRequest<Authentication = S> + Send + 'static,
        R::OutgoingResponse: Send,
        H: Fn(Arc<App>, S::Caller, R) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<R::OutgoingResponse, Error>> + Send + 'static;
}

impl Routes for Router<Arc<App>> {
    fn endpoint<R, S, H, F>(mut self, handler: H) -> Self
    where
        S: CallerScheme + 'static,
        R: IncomingRequest<Authentication = S> + Send + 'static,
        R::OutgoingResponse: Send,
        H: Fn(Arc<App>, S::Caller, R) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<R::OutgoingResponse, Error>> + Send + 'static,
    {
        let Ok(method) = MethodFilter::try_from(R::METHOD) else { return self };
        for path in R::PATH_BUILDER.all_paths().flat_map(with_empty_state_key) {
            let handler = handler.clone();
            let serve = move |State(app): State<Arc<App>>,
                              ConnectInfo(peer): ConnectInfo<SocketAddr>,
                              parameters: Result<RawPathParams, RawPathParamsRejection>,
                              request: http::Request<Body>| {
                let handler = handler.clone();
                async move {
                    let answered = match parameters {
                        Ok(parameters) => answer::<R, S, H, F>(app, peer, &parameters, request, handler).await,
                        Err(rejection) => Err(Error::invalid(format!("The path can't be read: {rejection}"))),
                    };
                    answered.unwrap_or_else(Error::into_http)
                }
            };
            self = self.route(&path, on(method, serve));
        }
        self
    }
}

/// The path itself, and for paths that end in a state key those of the empty one.
fn with_empty_state_key(path: &'static str) -> Vec<String> {
    let mut paths = vec![path.to_owned()];
    if let Some(without) = path.strip_suffix("/{state_key}") {
        paths.extend([without.to_owned(), format!("{without}/")]);
    }
    paths
}

async fn answer<R, S, H, F>(
    app: Arc<App>,
    peer: SocketAddr,
    parameters: &RawPathParams,
    request: http::Request<Body>,
    handler: H,
) -> Result<Response, Error>
where
    S: CallerScheme,
    R: IncomingRequest<Authentication = S>,
    H: Fn(Arc<App>, S::Caller, R) -> F,
    F: Future<Output = Result<R::OutgoingResponse, Error>>,
{
    // The head alone says who asks, so a stranger's body is never read further than a stranger's may reach.
    let (head, body) = request.into_parts();
    let head = http::Request::from_parts(head, Bytes::new());
    let caller = S::caller(&app, &head, peer.ip()).await?;
    let user = S::user(&caller);
    if R::RATE_LIMITED {
        app.limits.check(user, peer.ip(), app.clock.now())?;
    }
    let (head, _) = head.into_parts();
    let longest = if user.is_some() { limits::BODY_BYTES } else { limits::STRANGERS_BODY_BYTES };
    let (body, held) = if R::METHOD == Method::GET {
        check_declared(&head, &body, longest)?;
        // No endpoint looks for anything there, so nothing is waited for that a client may never send.
        (Bytes::new(), None)
    } else {
        collect(&app, &head, body, longest, user, peer).await?
    };
    let mut arguments: Vec<&str> = parameters.iter().map(|(_, value)| value).collect();
    if let Some(path) = R::PATH_BUILDER.all_paths().next() {
        // The empty state key, left out of the path.
        arguments.resize(path.matches('{').count(), "");
    }
    let request = R::try_from_http_request(http::Request::from_parts(head, &*body), &arguments)
        .map_err(|error| Error::bad_request(&error))?;
    drop((body, held));
    let response = handler(app, caller, request).await?;
    let response = response.try_into_http_response::<BytesMut>().map_err(|error| Error::internal(&error))?;
    Ok(response.map(|body| Body::from(body.freeze())))
}

/// How many bytes a body will have, or may have where its head says nothing.
fn check_declared(head: &http::request::Parts, body: &Body, longest: usize) -> Result<usize, Error> {
    let declared = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let known = || body.size_hint().upper().map_or(longest, |upper| usize::try_from(upper).unwrap_or(usize::MAX));
    let expected: usize = declared.unwrap_or_else(known);
    if expected > longest { Err(Error::too_large()) } else { Ok(expected) }
}

/// Reads the whole body, within bounds of size, time, nesting, and the memory that bodies may take together.
async fn collect(
    app: &App,
    head: &http::request::Parts,
    body: Body,
    longest: usize,
    user: Option<&UserId>,
    peer: SocketAddr,
) -> Result<(Bytes, Option<Held>), Error> {
    let expected = check_declared(head, &body, longest)?;
    let held = match expected {
        0 => None,
        _ => Some(app.limits.hold(user, peer.ip(), expected).await?),
    };
    let body = limits::whole_body(body, longest).await?;
    limits::check_nesting(&body)?;
    json::check_values(&body)?;
    Ok((body, held))
}
