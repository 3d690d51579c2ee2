//! The page's files, which `build.rs` put into the program.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// A file of the page.
#[derive(Debug)]
pub(super) struct File {
    /// As it is asked for.
    path: &'static str,
    /// An entity tag: changes with the content.
    tag: &'static str,
    plain: &'static [u8],
    /// Where that is smaller.
    gzipped: Option<&'static [u8]>,
}

mod files {
    use super::File;
    include!(concat!(env!("OUT_DIR"), "/page.rs"));
}

/// Answers with a file, or with `index.html` for what looks like a place within the page.
pub(super) fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let find = |path: &str| files::FILES.iter().find(|file| file.path == path);
    let is_place = !path.rsplit('/').next().unwrap_or_default().contains('.');
    let Some(file) = find(path).or_else(|| find("/index.html").filter(|_| is_place)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Response::new(Body::empty());
    let answer = response.headers_mut();
    // What the build names by its content never changes; everything else is asked for again each time.
    let lasting = file.path.starts_with("/assets/");
    let caching = if lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    answer.insert(header::ETAG, HeaderValue::from_static(file.tag));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag == file.tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(file.path)));
    let bytes = match file.gzipped.filter(|_| takes_gzip(headers)) {
        Some(gzipped) => {
            answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzipped
        }
        None => file.plain,
    };
    *response.body_mut() = Body::from(bytes);
    response
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            parts.next() == Some("gzip") && parts.next().is_none_or(|weight| weight != "q=0")
        })
    })
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
