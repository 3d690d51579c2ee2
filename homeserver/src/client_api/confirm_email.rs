//! The page that a letter's link leads to: a question and a button. Mail programs and virus scanners follow the links in
//! letters by themselves, so that looking at the page does nothing; only pressing its button does.

use crate::{
    accounts::{AccountError, email_sessions},
    http::{App, Error, limits},
    mail::{
        Link,
        link::{self, PATH},
    },
};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, RawQuery, State},
    response::Response,
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hearth_store::records::{EmailPurpose, EmailSessionRecord};
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use sha2::{Digest as _, Sha256};
use std::{net::SocketAddr, sync::Arc};

/// Greatest size of the form, in bytes. It has some 150.
const FORM_BYTES: usize = 4 << 10;

const STYLE: &str = "body { font: 1.1em/1.5 system-ui, sans-serif; max-width: 36em; margin: 4em auto; padding: 0 1em; \
                     color-scheme: light dark; overflow-wrap: anywhere } button { font: inherit; padding: .5em 1.5em }";

/// Routes of this page.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route(PATH, get(ask).post(confirm))
}

/// `GET /_hearth/email/confirm`: asks whether the reader wants what the letter is about.
async fn ask(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    app.limits.check(None, peer.ip(), app.clock.now())?;
    let Some(link) = Link::parse(query.unwrap_or_default().as_bytes()) else { return Ok(over(&app)) };
    match email_sessions::followed(&app.store.snapshot()?, &link, app.clock.now()) {
        Ok(session) => Ok(page(StatusCode::OK, &question(&app, &session, &link))),
        Err(AccountError::BadEmailLink) => Ok(over(&app)),
        Err(error) => Err(error.into()),
    }
}

/// `POST /_hearth/email/confirm`: the button was pressed.
async fn confirm(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Result<Response, Error> {
    app.limits.check(None, peer.ip(), app.clock.now())?;
    let form = limits::whole_body(request.into_body(), FORM_BYTES).await?;
    let Some(link) = Link::parse(&form) else { return Ok(over(&app)) };
    let now = app.clock.now();
    match app.store.change(move |change| email_sessions::confirm(change, &link, now)).await {
        Ok(session) => Ok(page(StatusCode::OK, &done(&app, &session))),
        Err(AccountError::BadEmailLink) => Ok(over(&app)),
        Err(error) => Err(error.into()),
    }
}

fn question(app: &App, session: &EmailSessionRecord, link: &Link) -> String {
    let server = escaped(app.config.server_name.as_str());
    let address = escaped(&session.address);
    let (title, what, otherwise) = match session.purpose {
        EmailPurpose::SignUp => (
            "Confirm your mail address",
            format!("Somebody wants to create an account at <b>{server}</b> with the mail address <b>{address}</b>."),
            "If it was not you, close this page.",
        ),
        EmailPurpose::Add => (
            "Confirm your mail address",
            format!("Somebody wants to add the mail address <b>{address}</b> to their account at <b>{server}</b>."),
            "If it was not you, close this page: whoever asked could use your address as theirs.",
        ),
        EmailPurpose::Password => (
            "A new password",
            format!(
                "Somebody asked for a new password for the account at <b>{server}</b> that has the mail address \
                 <b>{address}</b>."
            ),
            "If it was not you, close this page: whoever asked could take over your account.",
        ),
    };
    let (sid, token) = (escaped(&link::sid(&link.session)), escaped(&link.token));
    document(
        title,
        &format!(
            "<p>{what}</p>\n<form method=\"post\" action=\"{PATH}\">\n<input type=\"hidden\" name=\"sid\" \
             value=\"{sid}\">\n<input type=\"hidden\" name=\"token\" value=\"{token}\">\n<button>Yes, that was \
             me</button>\n</form>\n<p>{otherwise}</p>"
        ),
    )
}

fn done(app: &App, session: &EmailSessionRecord) -> String {
    let next = match session.next_link.as_deref().and_then(|link| Some((link, link.parse::<Uri>().ok()?))) {
        // A link to press and no redirect: whoever asked for the letter chose where it leads, and that may be a stranger.
        Some((link, uri)) => {
            let host = escaped(uri.host().unwrap_or_default());
            format!("\n<p><a href=\"{}\" rel=\"noreferrer noopener\">Go on to {host}</a></p>", escaped(link))
        }
        None => String::new(),
    };
    let server = escaped(app.config.server_name.as_str());
    let what = match session.purpose {
        EmailPurpose::SignUp => "Go back to the app in which you began, where your account is made now.",
        EmailPurpose::Add => "Go back to the app in which you began.",
        EmailPurpose::Password => "Go back to the app in which you began, and set your new password there.",
    };
    document("Confirmed", &format!("<p>Your mail address is confirmed for <b>{server}</b>. {what}</p>{next}"))
}

/// 410: the link is past its end, was used up, or never was one.
fn over(app: &App) -> Response {
    let server = escaped(app.config.server_name.as_str());
    let words = format!(
        "<p>This link is not good any more: it is older than a day, or what it was for is done. Should something be \
         missing, ask <b>{server}</b> for a new letter in your app.</p>"
    );
    page(StatusCode::GONE, &document("This link is over", &words))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <h1>{title}</h1>\n{body}\n</html>\n"
    )
}

fn page(status: StatusCode, html: &str) -> Response {
    let mut response = Response::new(Body::from(html.to_owned()));
    *response.status_mut() = status;
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        // The page's address holds the token: it goes to no other site and into no cache.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Text for HTML, within an attribute's quotes as well.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter => html.push(letter),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_html_is_escaped() {
        assert_eq!(escaped("<a href=\"x\" b='y'>&</a>ä"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&lt;/a&gt;ä");
    }

    #[test]
    fn the_policy_allows_the_style_that_is_there_and_nothing_else() {
        let response = page(StatusCode::OK, &document("T", ""));
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        assert!(!document("T", "").contains("<script"));
    }
}
