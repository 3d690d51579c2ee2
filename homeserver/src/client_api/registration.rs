//! Signing up.

use super::{account, device};
use crate::{
    accounts::{
        devices::Login,
        profiles,
        registration::{self, NewAccount},
        sessions::Tokens,
    },
    http::{Anyone, App, Error, Routes as _, uia},
    push,
};
use axum::Router;
use http::StatusCode;
use ruma::{
    OwnedUserId,
    api::{
        client::account::{
            check_registration_token_validity, get_username_availability,
            register::{self, LoginType, RegistrationKind},
        },
        client::uiaa::AuthData,
        error::ErrorKind,
    },
};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(register).endpoint(get_username_availability).endpoint(check_registration_token_validity)
}

/// `POST /_matrix/client/v3/register`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register>
pub async fn register(
    app: Arc<App>,
    caller: Anyone,
    request: register::v3::Request,
) -> Result<register::v3::Response, Error> {
    if request.kind != RegistrationKind::User {
        let message = "Guests are not served here.";
        return Err(Error::new(StatusCode::FORBIDDEN, ErrorKind::GuestAccessForbidden, message));
    }
    if request.login_type == Some(LoginType::ApplicationService) {
        return Err(Error::forbidden("No application service may sign users up here."));
    }
    let now = app.clock.now();
    // Clients ask every other second whether the letter's link was followed, until it was; that costs nothing, and each
    // account costs a letter.
    if !matches!(request.auth, Some(AuthData::EmailIdentity(_))) {
        app.limits.check_entry(caller.ip, now)?;
    }

    // What is wrong with the request is said before anybody goes through the trouble of authentication.
    let user = match &request.username {
        Some(name) => user_id(&app, name)?,
        None => user_id(&app, &app.random.word(12))?,
    };
    registration::check_free(&app.store.snapshot()?, &user)?;
    let login = if request.inhibit_login {
        None
    } else {
        Some(Login {
            device: device::id(&app, request.device_id)?,
            display_name: device::name(request.initial_device_display_name)?,
            tokens: Tokens::new(&app.random, now, request.refresh_token),
            now,
            ip: caller.ip.to_string(),
        })
    };
    let missing = || Error::missing("A password is missing.");
    match &request.password {
        Some(password) => account::check_new_password(password)?,
        // A request without `auth` only asks for the flows; the password may come with a later one.
        None if request.auth.is_none() => {}
        None => return Err(missing()),
    }
    let proofs = uia::require_for_registration(&app, caller.ip, request.auth.as_ref()).await?;
    let password_hash = app.passwords.hash(request.password.ok_or_else(missing)?).await?;

    let (token, email) = (proofs.registration_token, proofs.email);
    let account = NewAccount { user: user.clone(), password_hash, token, email, now, login: login.clone() };
    // People see the name as they wrote it, capitals and all.
    let shown = request.username.filter(|name| !name.starts_with('@'));
    app.store
        .change(move |change| {
            registration::register(change, &account)?;
            push::rules::begin(change, &account.user)?;
            if let Some(name) = shown {
                profiles::set(change, &account.user, "displayname", &name.into())?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    tracing::info!(%user, "somebody signed up");

    let mut response = register::v3::Response::new(user);
    if let Some(login) = login {
        response.expires_in = login.tokens.expires_in();
        response.access_token = Some(login.tokens.access.reveal());
        response.refresh_token = login.tokens.refresh.map(crate::accounts::sessions::Secret::reveal);
        response.device_id = Some(login.device);
    }
    Ok(response)
}

/// `GET /_matrix/client/v3/register/available`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3registeravailable>
pub async fn get_username_availability(
    app: Arc<App>,
    _caller: Anyone,
    request: get_username_availability::v3::Request,
) -> Result<get_username_availability::v3::Response, Error> {
    registration::check_free(&app.store.snapshot()?, &user_id(&app, &request.username)?)?;
    Ok(get_username_availability::v3::Response::new(true))
}

/// `GET /_matrix/client/v1/register/m.login.registration_token/validity`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity>
pub async fn check_registration_token_validity(
    app: Arc<App>,
    caller: Anyone,
    request: check_registration_token_validity::v1::Request,
) -> Result<check_registration_token_validity::v1::Response, Error> {
    // This is a way of guessing as good as signing up is.
    let guess = app.limits.guess("register", caller.ip, app.clock.now())?;
    let valid = uia::registration_token_is_good(&app, &request.token)?;
    if valid {
        guess.take_back(app.clock.now());
    }
    Ok(check_registration_token_validity::v1::Response::new(valid))
}

fn user_id(app: &App, name: &str) -> Result<OwnedUserId, Error> {
    registration::user_id(name, &app.config.server_name).ok_or_else(|| {
        let message = "A user name may have the letters a to z, digits, and the characters . _ = - / +";
        Error::new(StatusCode::BAD_REQUEST, ErrorKind::InvalidUsername, message)
    })
}
