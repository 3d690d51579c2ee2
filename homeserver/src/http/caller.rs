//! Who sends a request, by the authentication that ruma's metadata asks for.

use super::{App, Error};
use crate::accounts::sessions;
use ruma::{
    OwnedDeviceId, OwnedUserId,
    api::auth_scheme::{
        AccessToken, AccessTokenOptional, AppserviceTokenOptional, AuthScheme, NoAccessToken, NoAuthentication,
    },
};
use std::net::IpAddr;

/// A logged-in client.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub user: OwnedUserId,
    /// The device, that is: the login.
    pub device: OwnedDeviceId,
    /// SHA-256 of the access token.
    pub token: [u8; 32],
    /// Where the request came from.
    pub ip: IpAddr,
}

/// A sender of whom nothing is known but the address.
#[derive(Debug, Clone, Copy)]
pub struct Anyone {
    /// Where the request came from.
    pub ip: IpAddr,
}

/// An authentication scheme together with the caller that it yields. A handler whose caller type
/// does not belong to its endpoint's scheme does not compile.
pub trait CallerScheme: AuthScheme {
    /// What handlers of such endpoints get.
    type Caller: Send + 'static;

    /// Finds the caller of a request.
    ///
    /// # Errors
    /// `M_MISSING_TOKEN`, `M_UNKNOWN_TOKEN` or `M_USER_DEACTIVATED`, all 401 or 403.
    fn caller(app: &App, request: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Self::Caller, Error>;
}

impl CallerScheme for NoAuthentication {
    type Caller = Anyone;
    fn caller(_: &App, _: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Anyone, Error> {
        Ok(Anyone { ip })
    }
}

impl CallerScheme for NoAccessToken {
    type Caller = Anyone;
    fn caller(_: &App, _: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Anyone, Error> {
        Ok(Anyone { ip })
    }
}

impl CallerScheme for AccessToken {
    type Caller = Caller;
    fn caller(app: &App, request: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Caller, Error> {
        optional(app, request, ip)?.ok_or_else(Error::missing_token)
    }
}

impl CallerScheme for AccessTokenOptional {
    type Caller = Option<Caller>;
    fn caller(app: &App, request: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Option<Caller>, Error> {
        optional(app, request, ip)
    }
}

impl CallerScheme for AppserviceTokenOptional {
    type Caller = Option<Caller>;
    fn caller(app: &App, request: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Option<Caller>, Error> {
        // A client's stale token must not keep it from logging in anew.
        Ok(optional(app, request, ip).unwrap_or(None))
    }
}

fn optional(app: &App, request: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Option<Caller>, Error> {
    let Some(token) = AccessTokenOptional::extract_authentication(request).map_err(|_| Error::missing_token())? else {
        return Ok(None);
    };
    let session = sessions::by_access_token(&app.store.snapshot()?, &token, app.clock.now())?;
    Ok(Some(Caller { user: session.user, device: session.device, token: session.token, ip }))
}
