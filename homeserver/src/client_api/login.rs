//! Logging in, staying logged in, logging out.

use super::device;
use crate::{
    accounts::{
        AccountError,
        devices::{self, Login},
        login_tokens,
        sessions::{self, Secret, Tokens},
        uia::Purpose,
        users,
    },
    http::{Anyone, App, Caller, Error, Routes as _, uia},
    mail::Address,
};
use axum::Router;
use http::StatusCode;
use ruma::{
    OwnedUserId, ServerName, UserId,
    api::{
        IncomingRequest, Metadata,
        client::{
            session::{
                get_login_token, get_login_types,
                get_login_types::v3::{LoginType, PasswordLoginType, TokenLoginType},
                login::{
                    self,
                    v3::{DiscoveryInfo, HomeserverInfo, LoginInfo},
                },
                logout, logout_all, refresh_token,
            },
            uiaa::UserIdentifier,
        },
        error::{DeserializationError, ErrorKind},
    },
};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(get_login_types)
        .endpoint(login)
        .endpoint(refresh_token)
        .endpoint(get_login_token)
        .endpoint(logout)
        .endpoint(logout_all)
}

/// `GET /_matrix/client/v3/login`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login>
pub async fn get_login_types(
    _app: Arc<App>,
    _caller: Anyone,
    _request: get_login_types::v3::Request,
) -> Result<get_login_types::v3::Response, Error> {
    let mut token = TokenLoginType::new();
    token.get_login_token = true;
    let password = LoginType::Password(PasswordLoginType::new());
    Ok(get_login_types::v3::Response::new(vec![password, LoginType::Token(token)]))
}

/// ruma's request for logging in, read only once it is known to have a type: without one its reader
/// would panic.
#[derive(Debug)]
pub struct LoginRequest(login::v3::Request);

impl Metadata for LoginRequest {
    const METHOD: http::Method = login::v3::Request::METHOD;
    const RATE_LIMITED: bool = login::v3::Request::RATE_LIMITED;
    type Authentication = <login::v3::Request as Metadata>::Authentication;
    type PathBuilder = <login::v3::Request as Metadata>::PathBuilder;
    const PATH_BUILDER: Self::PathBuilder = login::v3::Request::PATH_BUILDER;
}

impl IncomingRequest for LoginRequest {
    type EndpointError = <login::v3::Request as IncomingRequest>::EndpointError;
    type OutgoingResponse = login::v3::Response;

    fn try_from_http_request_inner(
        request: http::Request<&[u8]>,
        path_args: &[&str],
    ) -> Result<Self, DeserializationError> {
        #[derive(serde::Deserialize)]
        struct Typed {
            #[serde(rename = "type")]
            _type: String,
        }
        serde_json::from_slice::<Typed>(request.body())?;
        Ok(Self(login::v3::Request::try_from_http_request_inner(request, path_args)?))
    }
}

/// `POST /_matrix/client/v3/login`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login>
pub async fn login(app: Arc<App>, caller: Anyone, request: LoginRequest) -> Result<login::v3::Response, Error> {
    let LoginRequest(request) = request;
    let now = app.clock.now();
    app.limits.check_entry(caller.ip, now)?;
    let login = Login {
        device: device::id(&app, request.device_id)?,
        display_name: device::name(request.initial_device_display_name)?,
        tokens: Tokens::new(&app.random, now, request.refresh_token),
        now,
        ip: caller.ip.to_string(),
    };
    let user = match request.login_info {
        LoginInfo::Password(info) => by_password(&app, caller, info, login.clone()).await?,
        LoginInfo::Token(info) => by_token(&app, &info.token, login.clone()).await?,
        LoginInfo::ApplicationService(_) => {
            return Err(Error::forbidden("No application service may log in here."));
        }
        other => {
            let message = format!("This server knows no login of the type {}.", other.login_type());
            return Err(Error::new(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message));
        }
    };
    let mut response = login::v3::Response::new(user, login.tokens.access.clone().reveal(), login.device);
    response.expires_in = login.tokens.expires_in();
    response.refresh_token = login.tokens.refresh.map(Secret::reveal);
    response.well_known = app.config.base_url.as_ref().map(|url| DiscoveryInfo::new(HomeserverInfo::new(url.clone())));
    Ok(response)
}

async fn by_password(app: &App, caller: Anyone, info: login::v3::Password, login: Login) -> Result<OwnedUserId, Error> {
    #[expect(deprecated, reason = "the form of before identifiers, which bots still send")]
    let (user, medium, address) = (info.user, info.medium, info.address);
    let identifier = match (info.identifier, user, medium, address) {
        (Some(identifier), ..) => identifier,
        (None, Some(user), ..) => UserIdentifier::Matrix(ruma::api::client::uiaa::MatrixUserIdentifier::new(user)),
        (None, None, Some(medium), Some(address)) => UserIdentifier::third_party_id(medium.into(), address),
        _ => return Err(Error::missing("It is not said who logs in.")),
    };
    let user = uia::user_of(app, &identifier)?;
    let name = guessed_at(&identifier, &app.config.server_name);
    let checked = uia::check_password(app, user.as_ref(), &name, info.password, caller.ip).await?;
    let Some(user) = user else { return Err(uia::wrong_password()) };
    if !users::is_active(&app.store.snapshot()?, &user)? {
        let message = "This account was deactivated.";
        return Err(Error::new(StatusCode::FORBIDDEN, ErrorKind::UserDeactivated, message));
    }
    let Some(checked) = checked else { return Err(uia::wrong_password()) };
    app.store
        .change(move |change| {
            // The password may have been changed since it was checked, and with it every device logged out.
            if users::password_hash(change, &user)?.as_ref() != Some(&checked) {
                return Err(uia::wrong_password());
            }
            device::log_in(change, &user, &login)?;
            Ok::<_, Error>(user)
        })
        .await
}

/// What wrong passwords are counted under: what was given, in the one form of all its ways of writing, and never the user
/// whom it leads to. Otherwise it would show in whose guesses are counted together which mail addresses have an account.
fn guessed_at(identifier: &UserIdentifier, server: &ServerName) -> String {
    match identifier {
        UserIdentifier::Matrix(id) => {
            let small = id.user.to_ascii_lowercase();
            UserId::parse_with_server_name(small.as_str(), server).map_or(small, |user| user.to_string())
        }
        UserIdentifier::Email(id) => match Address::parse(&id.address) {
            Some(address) => address.canonical().to_owned(),
            None => id.address.clone(),
        },
        // This server keeps no phone numbers.
        _ => String::new(),
    }
}

async fn by_token(app: &App, token: &str, login: Login) -> Result<OwnedUserId, Error> {
    let token = sessions::hash(token);
    let user = app
        .store
        .change(move |change| {
            // A token past its end must go as well, so this is no failure of the change.
            let Ok(user) = login_tokens::spend(change, &token, login.now) else { return Ok(None) };
            device::log_in(change, &user, &login)?;
            Ok::<_, Error>(Some(user))
        })
        .await?;
    user.ok_or_else(|| Error::forbidden("The login token is not (or no longer) good."))
}

/// `POST /_matrix/client/v3/refresh`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3refresh>
pub async fn refresh_token(
    app: Arc<App>,
    caller: Anyone,
    request: refresh_token::v3::Request,
) -> Result<refresh_token::v3::Response, Error> {
    let used = sessions::hash(&request.refresh_token);
    let now = app.clock.now();
    let tokens = Tokens::new(&app.random, now, true);
    let stored = tokens.clone();
    app.store
        .change(move |change| {
            let (user, device) = sessions::refresh(change, &used, &stored, now)?;
            // What is noted of requests counts from the login on, or from here: it is stored with the token's beginning.
            devices::seen(change, &user, &device, now, caller.ip.to_string())
        })
        .await?;
    let mut response = refresh_token::v3::Response::new(tokens.access.clone().reveal());
    response.expires_in_ms = tokens.expires_in();
    response.refresh_token = tokens.refresh.map(Secret::reveal);
    Ok(response)
}

/// `POST /_matrix/client/v1/login/get_token`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token>
pub async fn get_login_token(
    app: Arc<App>,
    caller: Caller,
    request: get_login_token::v1::Request,
) -> Result<get_login_token::v1::Response, Error> {
    uia::require(&app, &caller, Purpose::new("login token"), request.auth.as_ref()).await?;
    let token = Secret::new("hrl", &app.random);
    let (hash, now) = (token.hash(), app.clock.now());
    app.store
        .change(move |change| {
            // The device may have been logged out since the request came, and with it what it asked for before.
            if devices::get(change, &caller.user, &caller.device)?.is_none() {
                return Err(AccountError::UnknownToken { soft_logout: false });
            }
            login_tokens::issue(change, &caller.user, &hash, now)
        })
        .await?;
    Ok(get_login_token::v1::Response::new(login_tokens::LIFETIME, token.reveal()))
}

/// `POST /_matrix/client/v3/logout`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout>
pub async fn logout(
    app: Arc<App>,
    caller: Caller,
    _request: logout::v3::Request,
) -> Result<logout::v3::Response, Error> {
    app.store.change(move |change| device::remove(change, &caller.user, &[caller.device])).await?;
    Ok(logout::v3::Response::new())
}

/// `POST /_matrix/client/v3/logout/all`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logoutall>
pub async fn logout_all(
    app: Arc<App>,
    caller: Caller,
    _request: logout_all::v3::Request,
) -> Result<logout_all::v3::Response, Error> {
    app.store.change(move |change| device::remove_all(change, &caller.user, None)).await?;
    Ok(logout_all::v3::Response::new())
}
