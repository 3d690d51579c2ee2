//! Mail addresses of an account: asking for a letter, listing, adding, removing. Phone numbers are none of this server's.
//! <https://spec.matrix.org/v1.19/client-server-api/#adding-account-administrative-contact-information>
//!
//! Whether an address belongs to an account is told to nobody who asks for a letter: the answer is the same, and what there
//! is to say is said in the letter (`accounts/email_sessions.rs`).

use crate::{
    accounts::{
        email_sessions::{self, Asked, Credentials},
        emails,
        sessions::Secret,
        uia::Purpose,
    },
    config::Registration,
    http::{Anyone, App, Caller, Error, Routes as _, uia},
    mail::{Address, link},
};
use axum::Router;
use hearth_store::records::EmailPurpose;
use http::{StatusCode, Uri};
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedClientSecret, OwnedSessionId, SessionId, UInt,
    api::{
        client::account::{
            ThirdPartyIdRemovalStatus, add_3pid, bind_3pid, delete_3pid, get_3pids,
            request_3pid_management_token_via_email, request_3pid_management_token_via_msisdn,
            request_password_change_token_via_email, request_password_change_token_via_msisdn,
            request_registration_token_via_email, request_registration_token_via_msisdn, unbind_3pid,
        },
        error::ErrorKind,
    },
    thirdparty::{Medium, ThirdPartyIdentifier, ThirdPartyIdentifierInit},
};
use std::{net::IpAddr, sync::Arc};

/// Longest `next_link`, in bytes. Clients put their own state into it.
const LONGEST_LINK: usize = 2_048;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(request_registration_token_via_email)
        .endpoint(request_registration_token_via_msisdn)
        .endpoint(request_password_change_token_via_email)
        .endpoint(request_password_change_token_via_msisdn)
        .endpoint(request_3pid_management_token_via_email)
        .endpoint(request_3pid_management_token_via_msisdn)
        .endpoint(get_3pids)
        .endpoint(add_3pid)
        .endpoint(bind_3pid)
        .endpoint(delete_3pid)
        .endpoint(unbind_3pid)
}

/// `POST /_matrix/client/v3/register/email/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registeremailrequesttoken>
pub async fn request_registration_token_via_email(
    app: Arc<App>,
    caller: Anyone,
    request: request_registration_token_via_email::v3::Request,
) -> Result<request_registration_token_via_email::v3::Response, Error> {
    if app.settings.now().registration != Registration::Email {
        return Err(denied("Nobody signs up here by a mail address."));
    }
    let wanted = Wanted {
        purpose: EmailPurpose::SignUp,
        email: request.email,
        client_secret: request.client_secret,
        send_attempt: request.send_attempt,
        next_link: request.next_link,
    };
    Ok(request_registration_token_via_email::v3::Response::new(write_letter(&app, caller.ip, wanted).await?))
}

/// `POST /_matrix/client/v3/register/msisdn/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registermsisdnrequesttoken>
pub async fn request_registration_token_via_msisdn(
    _app: Arc<App>,
    _caller: Anyone,
    _request: request_registration_token_via_msisdn::v3::Request,
) -> Result<request_registration_token_via_msisdn::v3::Response, Error> {
    Err(phone_numbers_denied())
}

/// `POST /_matrix/client/v3/account/password/email/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordemailrequesttoken>
pub async fn request_password_change_token_via_email(
    app: Arc<App>,
    caller: Anyone,
    request: request_password_change_token_via_email::v3::Request,
) -> Result<request_password_change_token_via_email::v3::Response, Error> {
    let wanted = Wanted {
        purpose: EmailPurpose::Password,
        email: request.email,
        client_secret: request.client_secret,
        send_attempt: request.send_attempt,
        next_link: request.next_link,
    };
    Ok(request_password_change_token_via_email::v3::Response::new(write_letter(&app, caller.ip, wanted).await?))
}

/// `POST /_matrix/client/v3/account/password/msisdn/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordmsisdnrequesttoken>
pub async fn request_password_change_token_via_msisdn(
    _app: Arc<App>,
    _caller: Anyone,
    _request: request_password_change_token_via_msisdn::v3::Request,
) -> Result<request_password_change_token_via_msisdn::v3::Response, Error> {
    // No account has a phone number, so this tells nobody anything.
    let message = "No account has that phone number. Ask whoever runs this server for a new password.";
    Err(Error::new(StatusCode::BAD_REQUEST, ErrorKind::ThreepidNotFound, message))
}

/// `POST /_matrix/client/v3/account/3pid/email/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidemailrequesttoken>
pub async fn request_3pid_management_token_via_email(
    app: Arc<App>,
    caller: Anyone,
    request: request_3pid_management_token_via_email::v3::Request,
) -> Result<request_3pid_management_token_via_email::v3::Response, Error> {
    let wanted = Wanted {
        purpose: EmailPurpose::Add,
        email: request.email,
        client_secret: request.client_secret,
        send_attempt: request.send_attempt,
        next_link: request.next_link,
    };
    Ok(request_3pid_management_token_via_email::v3::Response::new(write_letter(&app, caller.ip, wanted).await?))
}

/// `POST /_matrix/client/v3/account/3pid/msisdn/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidmsisdnrequesttoken>
pub async fn request_3pid_management_token_via_msisdn(
    _app: Arc<App>,
    _caller: Anyone,
    _request: request_3pid_management_token_via_msisdn::v3::Request,
) -> Result<request_3pid_management_token_via_msisdn::v3::Response, Error> {
    Err(phone_numbers_denied())
}

/// What the three endpoints that ask for a letter are given.
struct Wanted {
    purpose: EmailPurpose,
    email: String,
    client_secret: OwnedClientSecret,
    send_attempt: UInt,
    next_link: Option<String>,
}

/// Has a letter written, unless the request repeats another. Returns the session's identifier.
async fn write_letter(app: &Arc<App>, ip: IpAddr, wanted: Wanted) -> Result<OwnedSessionId, Error> {
    if app.settings.now().mail.is_none() {
        return Err(denied("This server sends no mail. Ask whoever runs it."));
    }
    let now = app.clock.now();
    app.limits.check_mail_request(ip, now)?;
    let address = Address::parse(&wanted.email).ok_or_else(|| Error::invalid("That is no mail address."))?;
    let next_link = wanted.next_link.filter(|link| !link.is_empty());
    if !next_link.as_deref().is_none_or(is_next_link) {
        return Err(Error::invalid("`next_link` must be a link that begins with https:// or http://."));
    }
    let session = email_sessions::key(wanted.purpose, address.canonical(), wanted.client_secret.as_str());
    let sid = SessionId::parse(link::sid(&session)).map_err(|error| Error::internal(&error))?;
    let send_attempt = wanted.send_attempt.into();
    let asked = Asked { purpose: wanted.purpose, address, session, send_attempt, next_link, now };
    if email_sessions::is_repeated(&app.store.snapshot()?, &asked)? {
        return Ok(sid);
    }
    app.limits.check_letter(asked.address.canonical(), now)?;
    let token = Secret::new("hre", &app.random);
    let shared = Arc::clone(app);
    app.store.change(move |change| email_sessions::ask(change, &shared.config, &shared.mail, &asked, &token)).await?;
    Ok(sid)
}

/// Nothing but a plain web address may stand in a page that this server shows.
fn is_next_link(link: &str) -> bool {
    let is_web = link.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    is_web && link.len() <= LONGEST_LINK && link.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `GET /_matrix/client/v3/account/3pid`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3account3pid>
pub async fn get_3pids(
    app: Arc<App>,
    caller: Caller,
    _request: get_3pids::v3::Request,
) -> Result<get_3pids::v3::Response, Error> {
    let at = |millis| MilliSecondsSinceUnixEpoch(UInt::new_saturating(millis));
    let listed = emails::of_user(&app.store.snapshot()?, &caller.user)?.into_iter().map(|(address, record)| {
        ThirdPartyIdentifier::from(ThirdPartyIdentifierInit {
            address,
            medium: Medium::Email,
            validated_at: at(record.validated_at),
            added_at: at(record.added_at),
        })
    });
    Ok(get_3pids::v3::Response::new(listed.collect()))
}

/// `POST /_matrix/client/v3/account/3pid/add`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidadd>
pub async fn add_3pid(
    app: Arc<App>,
    caller: Caller,
    request: add_3pid::v3::Request,
) -> Result<add_3pid::v3::Response, Error> {
    let credentials =
        Credentials { sid: request.sid.to_string(), client_secret: request.client_secret.as_str().to_owned() };
    let now = app.clock.now();
    // What is wrong with the request is said before anybody goes through the trouble of authentication.
    {
        let read = app.store.snapshot()?;
        let email = email_sessions::proved(&read, EmailPurpose::Add, &credentials, now)?;
        emails::check_free(&read, &email.canonical, &caller.user)?;
    }
    let purpose = Purpose::new("add address").with(&credentials.sid).with(&credentials.client_secret);
    uia::require(&app, &caller, purpose, request.auth.as_ref()).await?;
    app.store
        .change(move |change| {
            let email = email_sessions::spend(change, EmailPurpose::Add, &credentials, now)?;
            emails::add(change, &caller.user, &email, now)
        })
        .await?;
    Ok(add_3pid::v3::Response::new())
}

/// `POST /_matrix/client/v3/account/3pid/bind`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidbind>
pub async fn bind_3pid(
    _app: Arc<App>,
    _caller: Caller,
    _request: bind_3pid::v3::Request,
) -> Result<bind_3pid::v3::Response, Error> {
    let message = "This server talks to no identity server.";
    Err(Error::new(StatusCode::BAD_REQUEST, ErrorKind::ServerNotTrusted, message))
}

/// `POST /_matrix/client/v3/account/3pid/delete`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3piddelete>
pub async fn delete_3pid(
    app: Arc<App>,
    caller: Caller,
    request: delete_3pid::v3::Request,
) -> Result<delete_3pid::v3::Response, Error> {
    let address = Some(&request.address).filter(|_| request.medium == Medium::Email);
    if let Some(address) = address.and_then(|address| Address::parse(address)) {
        app.store.change(move |change| emails::remove(change, &caller.user, address.canonical())).await?;
    }
    // No identity server knows of it.
    Ok(delete_3pid::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}

/// `POST /_matrix/client/v3/account/3pid/unbind`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidunbind>
pub async fn unbind_3pid(
    _app: Arc<App>,
    _caller: Caller,
    _request: unbind_3pid::v3::Request,
) -> Result<unbind_3pid::v3::Response, Error> {
    Ok(unbind_3pid::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}

/// 403 `M_THREEPID_DENIED`
fn denied(message: &str) -> Error {
    Error::new(StatusCode::FORBIDDEN, ErrorKind::ThreepidDenied, message)
}

fn phone_numbers_denied() -> Error {
    denied("This server keeps no phone numbers.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_link_is_a_plain_web_address() {
        for good in [
            "https://app.example.org",
            "http://localhost:8080/#/register?client_secret=a&session_id=b",
            "https://[::1]/a?b=c%20d",
        ] {
            assert!(is_next_link(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//example.org",
            "/here",
            "example.org",
            "https://",
            "https://bank.example@evil.example/",
            "https://example.org/ a",
            "https://example.org/\r\nX: y",
            "https://example.org/#\u{202e}",
            &format!("https://example.org/{}", "a".repeat(LONGEST_LINK)),
        ] {
            assert!(!is_next_link(bad), "{bad}");
        }
    }
}
