//! Who sends a request, by the authentication that ruma's metadata asks for.

use super::{App, Error};
use crate::accounts::{devices, sessions};
use ruma::{
    OwnedDeviceId, OwnedUserId, UserId,
    api::auth_scheme::{
        AccessToken, AccessTokenOptional, AppserviceTokenOptional, AuthScheme, NoAccessToken, NoAuthentication,
    },
};
use std::{net::IpAddr, sync::Arc};

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
    /// `M_MISSING_TOKEN` or `M_UNKNOWN_TOKEN`, 401.
    fn caller(
        app: &Arc<App>,
        request: &http::Request<bytes::Bytes>,
        ip: IpAddr,
    ) -> impl Future<Output = Result<Self::Caller, Error>> + Send;

    /// The user to count the request for.
    fn user(caller: &Self::Caller) -> Option<&UserId>;
}

impl CallerScheme for NoAuthentication {
    type Caller = Anyone;
    async fn caller(_: &Arc<App>, _: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Anyone, Error> {
        Ok(Anyone { ip })
    }
    fn user(_: &Anyone) -> Option<&UserId> {
        None
    }
}

impl CallerScheme for NoAccessToken {
    type Caller = Anyone;
    async fn caller(_: &Arc<App>, _: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Anyone, Error> {
        Ok(Anyone { ip })
    }
    fn user(_: &Anyone) -> Option<&UserId> {
        None
    }
}

impl CallerScheme for AccessToken {
    type Caller = Caller;
    async fn caller(app: &Arc<App>, request: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Caller, Error> {
        by_token(app, request, ip).await?.ok_or_else(Error::missing_token)
    }
    fn user(caller: &Caller) -> Option<&UserId> {
        Some(&caller.user)
    }
}

impl CallerScheme for AccessTokenOptional {
    type Caller = Option<Caller>;
    async fn caller(
        app: &Arc<App>,
        request: &http::Request<bytes::Bytes>,
        ip: IpAddr,
    ) -> Result<Option<Caller>, Error> {
        by_token(app, request, ip).await
    }
    fn user(caller: &Option<Caller>) -> Option<&UserId> {
        caller.as_ref().map(|caller| &*caller.user)
    }
}

/// Logging in and signing up. No application services yet; and a client's stale token must not keep it
/// from logging in anew, so tokens are not looked at.
impl CallerScheme for AppserviceTokenOptional {
    type Caller = Anyone;
    async fn caller(_: &Arc<App>, _: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Anyone, Error> {
        Ok(Anyone { ip })
    }
    fn user(_: &Anyone) -> Option<&UserId> {
        None
    }
}

async fn by_token(app: &Arc<App>, request: &http::Request<bytes::Bytes>, ip: IpAddr) -> Result<Option<Caller>, Error> {
    let Some(token) = AccessTokenOptional::extract_authentication(request).map_err(|_| Error::missing_token())? else {
        return Ok(None);
    };
    let now = app.clock.now();
    let session = sessions::by_access_token(&app.store.snapshot()?, &token, now)?;
    if session.unconfirmed {
        app.store.change(move |change| sessions::confirm(change, &session.token)).await?;
    }
    if app.last_seen.note(&session.token, &session.user, &session.device, ip, now) {
        store_last_seen(app, session.user.clone(), session.device.clone(), ip, now);
    }
    Ok(Some(Caller { user: session.user, device: session.device, token: session.token, ip }))
}

/// Nobody waits for this: it is worth no delay, and lost it is worth nothing.
fn store_last_seen(app: &Arc<App>, user: OwnedUserId, device: OwnedDeviceId, ip: IpAddr, now: u64) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let stored = app.store.change(move |change| devices::seen(change, &user, &device, now, ip.to_string())).await;
        if let Err(error) = stored {
            tracing::warn!(%error, "the last use of a device could not be stored");
        }
    });
}
