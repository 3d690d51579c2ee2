//! The account: whose it is, its password, its end; and the addresses that this server keeps none of.

use super::device;
use crate::{
    accounts::{passwords, uia::Purpose, users},
    http::{Anyone, App, Caller, Error, Routes as _, uia},
};
use axum::Router;
use http::StatusCode;
use ruma::api::{
    client::account::{
        ThirdPartyIdRemovalStatus, add_3pid, bind_3pid, change_password, deactivate, delete_3pid, get_3pids,
        request_3pid_management_token_via_email, request_3pid_management_token_via_msisdn,
        request_password_change_token_via_email, request_password_change_token_via_msisdn, unbind_3pid, whoami,
    },
    error::ErrorKind,
};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(whoami)
        .endpoint(change_password)
        .endpoint(deactivate)
        .endpoint(get_3pids)
        .endpoint(add_3pid)
        .endpoint(bind_3pid)
        .endpoint(delete_3pid)
        .endpoint(unbind_3pid)
        .endpoint(request_3pid_management_token_via_email)
        .endpoint(request_3pid_management_token_via_msisdn)
        .endpoint(request_password_change_token_via_email)
        .endpoint(request_password_change_token_via_msisdn)
}

/// `GET /_matrix/client/v3/account/whoami`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami>
pub async fn whoami(
    _app: Arc<App>,
    caller: Caller,
    _request: whoami::v3::Request,
) -> Result<whoami::v3::Response, Error> {
    let mut response = whoami::v3::Response::new(caller.user, false);
    response.device_id = Some(caller.device);
    Ok(response)
}

/// `POST /_matrix/client/v3/account/password`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword>
pub async fn change_password(
    app: Arc<App>,
    caller: Option<Caller>,
    request: change_password::v3::Request,
) -> Result<change_password::v3::Response, Error> {
    // Without a token one would have to prove oneself by an address, of which this server keeps none.
    let caller = caller.ok_or_else(Error::missing_token)?;
    check_new_password(&request.new_password)?;
    let purpose = Purpose::new("change password").with(&request.new_password).with([u8::from(request.logout_devices)]);
    uia::require(&app, &caller, purpose, request.auth.as_ref()).await?;
    let hash = app.passwords.hash(request.new_password).await?;
    app.store
        .change(move |change| {
            users::set_password(change, &caller.user, hash)?;
            if request.logout_devices {
                device::remove_all(change, &caller.user, Some(&caller.device))?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(change_password::v3::Response::new())
}

/// `POST /_matrix/client/v3/account/deactivate`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate>
pub async fn deactivate(
    app: Arc<App>,
    caller: Option<Caller>,
    request: deactivate::v3::Request,
) -> Result<deactivate::v3::Response, Error> {
    let caller = caller.ok_or_else(Error::missing_token)?;
    let purpose = Purpose::new("deactivate").with([u8::from(request.erase)]);
    uia::require(&app, &caller, purpose, request.auth.as_ref()).await?;
    let (rooms, now) = (app.rooms.clone(), app.clock.now());
    app.store
        .change(move |change| {
            for id in users::deactivate(change, &caller.user, request.erase)? {
                device::forget(change, &caller.user, &id)?;
            }
            Ok::<_, Error>(rooms.leave_all(change, &caller.user, now)?)
        })
        .await?;
    // There was nothing to unbind.
    Ok(deactivate::v3::Response::new(ThirdPartyIdRemovalStatus::Success))
}

/// `GET /_matrix/client/v3/account/3pid`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3account3pid>
pub async fn get_3pids(
    _app: Arc<App>,
    _caller: Caller,
    _request: get_3pids::v3::Request,
) -> Result<get_3pids::v3::Response, Error> {
    Ok(get_3pids::v3::Response::new(Vec::new()))
}

/// `POST /_matrix/client/v3/account/3pid/add`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidadd>
pub async fn add_3pid(
    _app: Arc<App>,
    _caller: Caller,
    _request: add_3pid::v3::Request,
) -> Result<add_3pid::v3::Response, Error> {
    // No session was ever validated: none of the requests for a token below succeeds.
    let message = "There is no validated session of that name.";
    Err(Error::new(StatusCode::BAD_REQUEST, ErrorKind::ThreepidAuthFailed, message))
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
    _app: Arc<App>,
    _caller: Caller,
    _request: delete_3pid::v3::Request,
) -> Result<delete_3pid::v3::Response, Error> {
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

/// `POST /_matrix/client/v3/account/3pid/email/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidemailrequesttoken>
pub async fn request_3pid_management_token_via_email(
    _app: Arc<App>,
    _caller: Anyone,
    _request: request_3pid_management_token_via_email::v3::Request,
) -> Result<request_3pid_management_token_via_email::v3::Response, Error> {
    Err(third_party_ids_denied())
}

/// `POST /_matrix/client/v3/account/3pid/msisdn/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidmsisdnrequesttoken>
pub async fn request_3pid_management_token_via_msisdn(
    _app: Arc<App>,
    _caller: Anyone,
    _request: request_3pid_management_token_via_msisdn::v3::Request,
) -> Result<request_3pid_management_token_via_msisdn::v3::Response, Error> {
    Err(third_party_ids_denied())
}

/// `POST /_matrix/client/v3/account/password/email/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordemailrequesttoken>
pub async fn request_password_change_token_via_email(
    _app: Arc<App>,
    _caller: Anyone,
    _request: request_password_change_token_via_email::v3::Request,
) -> Result<request_password_change_token_via_email::v3::Response, Error> {
    Err(third_party_id_not_found())
}

/// `POST /_matrix/client/v3/account/password/msisdn/requestToken`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordmsisdnrequesttoken>
pub async fn request_password_change_token_via_msisdn(
    _app: Arc<App>,
    _caller: Anyone,
    _request: request_password_change_token_via_msisdn::v3::Request,
) -> Result<request_password_change_token_via_msisdn::v3::Response, Error> {
    Err(third_party_id_not_found())
}

/// What can be a password. Whether it is a good one is for the client to say, which can say it while it is typed.
///
/// # Errors
/// 400 `M_WEAK_PASSWORD`
pub(super) fn check_new_password(password: &str) -> Result<(), Error> {
    Ok(passwords::check_new(password)?)
}

/// 403 `M_THREEPID_DENIED`: this server keeps no addresses and no phone numbers.
pub(super) fn third_party_ids_denied() -> Error {
    let message = "This server keeps no mail addresses and no phone numbers.";
    Error::new(StatusCode::FORBIDDEN, ErrorKind::ThreepidDenied, message)
}

/// 400 `M_THREEPID_NOT_FOUND`: so no account has this one.
fn third_party_id_not_found() -> Error {
    let message = "No account has that address. Ask whoever runs this server for a new password.";
    Error::new(StatusCode::BAD_REQUEST, ErrorKind::ThreepidNotFound, message)
}
