//! What a browser is shown that comes to this server without a client.

use crate::{config, http::App};
use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use http::{HeaderValue, Request, StatusCode, header};
use std::sync::Arc;

/// Routes of this page.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route("/", get(welcome))
}

/// `GET /`: the dashboard for whoever comes by a name of the house, such as `hearth.local`; a word of explanation for
/// whoever comes by the public name.
async fn welcome(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    // HTTP/2 has the host in the request's target, HTTP/1.1 in a header.
    let in_header = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or_else(in_header);
    let is_public = host.is_none_or(|host| app.config.is_public_name(config::host_of(host)));
    let to = app.config.dashboard_url.as_ref().filter(|_| !is_public).and_then(|url| HeaderValue::from_str(url).ok());
    let mut response = match to {
        Some(to) => {
            let mut response = Response::new(Body::empty());
            // What hangs on the name and on a setting is not for a browser to remember.
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(header::LOCATION, to);
            response
        }
        None => {
            let mut response = Response::new(Body::from(page(app.config.server_name.as_str())));
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            let policy =
                HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A server name has no letters that mean anything in HTML: ruma has checked it against the grammar.
fn page(server_name: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{server_name}</title>\n\
         <style>body {{ font: 1.1em/1.5 system-ui, sans-serif; max-width: 36em; margin: 4em auto; padding: 0 1em; \
         color-scheme: light dark }}</style>\n<h1>{server_name}</h1>\n\
         <p>This is a Matrix homeserver, run with Hearth: people whose addresses end in <b>:{server_name}</b> write to \
         each other, and to people on other servers, through it.</p>\n\
         <p>There is nothing to see here in a browser. To use it, open a Matrix app, choose to sign in, and give \
         <b>{server_name}</b> as the homeserver.</p>\n</html>\n"
    )
}
