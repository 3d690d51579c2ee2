//! The account: whose it is, its password, its end.

use super::device;
use crate::{
    accounts::{AccountError, email_sessions, emails, passwords, uia::Purpose, users},
    e2ee,
    http::{App, Caller, Error, Routes as _, uia},
};
use axum::Router;
use hearth_store::records::EmailPurpose;
use ruma::api::client::account::{ThirdPartyIdRemovalStatus, change_password, deactivate, whoami};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(whoami).endpoint(change_password).endpoint(deactivate)
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
    let Some(caller) = caller else { return reset_password(app, request).await };
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

/// The same for somebody who has forgotten the password: whoever reads the letters to the account's address may set a new
/// one.
async fn reset_password(
    app: Arc<App>,
    request: change_password::v3::Request,
) -> Result<change_password::v3::Response, Error> {
    if app.settings.now().mail.is_none() {
        return Err(Error::missing_token());
    }
    check_new_password(&request.new_password)?;
    let purpose = Purpose::new("reset password").with(&request.new_password).with([u8::from(request.logout_devices)]);
    let credentials = uia::require_email(&app, purpose, request.auth.as_ref()).await?;
    let hash = app.passwords.hash(request.new_password).await?;
    let now = app.clock.now();
    let user = app
        .store
        .change(move |change| {
            let email = email_sessions::spend(change, EmailPurpose::Password, &credentials, now)?;
            // The address may have been taken from the account since the letter was written.
            let user = emails::owner_of(change, &email)?.ok_or(AccountError::EmailNotConfirmed)?;
            users::set_password(change, &user, hash)?;
            if request.logout_devices {
                device::remove_all(change, &user, None)?;
            }
            Ok::<_, Error>(user)
        })
        .await?;
    tracing::info!(%user, "somebody has set a new password by mail");
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
    // Said before anybody goes through the trouble of authentication.
    users::check_not_last_administrator(&app.store.snapshot()?, &caller.user)?;
    let purpose = Purpose::new("deactivate").with([u8::from(request.erase)]);
    uia::require(&app, &caller, purpose, request.auth.as_ref()).await?;
    let (rooms, now) = (app.rooms.clone(), app.clock.now());
    app.store
        .change(move |change| {
            // Checked here again: of two administrators that leave at the same time one comes second.
            users::check_not_last_administrator(change, &caller.user)?;
            for id in users::deactivate(change, &caller.user, request.erase)? {
                device::forget(change, &caller.user, &id)?;
            }
            e2ee::account::removed(change, &caller.user)?;
            Ok::<_, Error>(rooms.leave_all(change, &caller.user, now)?)
        })
        .await?;
    // No identity server knew of its addresses.
    Ok(deactivate::v3::Response::new(ThirdPartyIdRemovalStatus::Success))
}

/// What can be a new password.
///
/// # Errors
/// 400 `M_WEAK_PASSWORD`, `M_INVALID_PARAM`
pub(super) fn check_new_password(password: &str) -> Result<(), Error> {
    Ok(passwords::check_new(password)?)
}
