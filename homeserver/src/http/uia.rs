//! User-interactive authentication over HTTP: what a handler calls before it does something for which
//! an access token is not enough.
//! <https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api>

use super::{App, Caller, Error};
use crate::{
    accounts::{
        passwords::Verdict,
        registration,
        uia::{Flow, Progress, Purpose, Stage},
        users,
    },
    config::Registration,
};
use http::StatusCode;
use ruma::{
    OwnedUserId,
    api::{
        client::uiaa::{AuthData, AuthFlow, AuthType, UiaaInfo, UserIdentifier},
        error::{ErrorKind, StandardErrorBody},
    },
};
use std::net::IpAddr;

/// What a logged-in user is asked for.
const PASSWORD: &[Flow] = &[&[Stage::Password]];
/// What everybody is asked for who wants to sign up where that is open.
const DUMMY: &[Flow] = &[&[Stage::Dummy]];
/// What everybody is asked for who wants to sign up where that takes a token.
const TOKEN: &[Flow] = &[&[Stage::RegistrationToken]];

/// Has the caller prove anew who they are, for one purpose and once. The purpose names all that the
/// request will do, so that the proof is good for that alone:
///
/// ```text
/// let purpose = Purpose::new("delete device").with(request.device_id.as_str());
/// uia::require(&app, &caller, purpose, request.auth.as_ref()).await?;
/// ```
///
/// # Errors
/// 401 with the flows until the proof is complete, or `M_LIMIT_EXCEEDED`.
pub async fn require(app: &App, caller: &Caller, purpose: Purpose, auth: Option<&AuthData>) -> Result<(), Error> {
    let purpose = purpose.of(&caller.user, &caller.device);
    advance(app, &purpose, PASSWORD, caller.ip, Some(caller), auth).await?;
    Ok(())
}

/// Has somebody prove that they may sign up. Returns the token of `REGISTRATION_TOKENS` that the
/// account will use up, if any.
///
/// # Errors
/// 401 with the flows until the proof is complete, 403 where nobody may sign up, or
/// `M_LIMIT_EXCEEDED`.
pub async fn require_for_registration(app: &App, ip: IpAddr, auth: Option<&AuthData>) -> Result<Option<String>, Error> {
    let flows = match app.settings.now().registration {
        Registration::Closed | Registration::Email => {
            return Err(Error::forbidden("Nobody can sign up on this server."));
        }
        Registration::Token => TOKEN,
        Registration::Open => DUMMY,
    };
    // Clients fetch the flows with an empty request and fill in the name later, so the session is for
    // signing up and not for one name.
    let progress = advance(app, &Purpose::new("register"), flows, ip, None, auth).await?;
    Ok(progress.registration_token.filter(|token| !is_server_wide(app, token)))
}

/// The registration token is good, as far as one can tell before it is used.
///
/// # Errors
/// Failures of the store.
pub fn registration_token_is_good(app: &App, token: &str) -> Result<bool, Error> {
    Ok(is_server_wide(app, token) || registration::token_is_good(&app.store.snapshot()?, token, app.clock.now())?)
}

fn is_server_wide(app: &App, token: &str) -> bool {
    use crate::accounts::sessions::hash;
    // Hashes, so that the time of the comparison tells nothing of the token.
    app.config.registration_token.as_ref().is_some_and(|right| hash(right) == hash(token))
}

async fn advance(
    app: &App,
    purpose: &Purpose,
    flows: &[Flow],
    ip: IpAddr,
    caller: Option<&Caller>,
    auth: Option<&AuthData>,
) -> Result<Progress, Error> {
    let mut progress = app.uia.open(purpose, auth.and_then(AuthData::session), app.clock.now(), &app.random);
    // Without `auth`, or with a session alone, the client asks how things stand.
    let Some(auth) = auth else { return Err(challenge(&progress, flows, None)) };
    if let Some(kind) = auth.auth_type() {
        let stage = match auth {
            AuthData::Password(_) => Some(Stage::Password),
            AuthData::RegistrationToken(_) => Some(Stage::RegistrationToken),
            AuthData::Dummy(_) => Some(Stage::Dummy),
            _ => None,
        };
        match stage {
            // Completed stages are not tried again.
            Some(stage) if progress.completed.contains(&stage) => {}
            Some(stage) if progress.awaits(stage, flows) => {
                let token = match check(app, auth, ip, caller).await? {
                    Ok(token) => token,
                    Err(reason) => return Err(challenge(&progress, flows, Some((ErrorKind::Forbidden, reason)))),
                };
                app.uia.complete(&mut progress, stage, token);
            }
            _ => {
                let reason = format!("{kind} is not what comes next here.");
                return Err(challenge(&progress, flows, Some((ErrorKind::Unrecognized, reason))));
            }
        }
    }
    if !progress.is_complete(flows) {
        return Err(challenge(&progress, flows, None));
    }
    app.uia.finish(&progress.session);
    Ok(progress)
}

/// Checks what was sent for a stage. The inner error is for the client to try again.
async fn check(
    app: &App,
    auth: &AuthData,
    ip: IpAddr,
    caller: Option<&Caller>,
) -> Result<Result<Option<String>, String>, Error> {
    match auth {
        AuthData::Dummy(_) => Ok(Ok(None)),
        AuthData::RegistrationToken(stage) => {
            app.limits.check_guess("register", ip, app.clock.now())?;
            if registration_token_is_good(app, &stage.token)? {
                return Ok(Ok(Some(stage.token.clone())));
            }
            app.limits.wrong_guess("register", ip, app.clock.now());
            Ok(Err("This registration token is not (or no longer) good.".to_owned()))
        }
        AuthData::Password(stage) => {
            let Some(caller) = caller else { return Ok(Err("Nobody is logged in.".to_owned())) };
            // Somebody else's password, right or wrong, proves nothing about the caller.
            if user_of(app, &stage.identifier)?.is_none_or(|user| user != caller.user) {
                return Ok(Err("This is not the user who is logged in.".to_owned()));
            }
            match check_password(app, Some(&caller.user), caller.user.as_str(), stage.password.clone(), ip).await? {
                Some(_) => Ok(Ok(None)),
                None => Ok(Err("The password is wrong.".to_owned())),
            }
        }
        _ => Ok(Err("This server does not know such a stage.".to_owned())),
    }
}

/// The user of this server that an identifier stands for.
///
/// # Errors
/// Failures of the store.
pub fn user_of(app: &App, identifier: &UserIdentifier) -> Result<Option<OwnedUserId>, Error> {
    match identifier {
        UserIdentifier::Matrix(id) => {
            Ok(users::by_identifier(&app.store.snapshot()?, &id.user, &app.config.server_name)?)
        }
        // This server keeps no addresses and no phone numbers.
        _ => Ok(None),
    }
}

/// Compares a password, and returns the stored hash that it matches. Takes as long for a user that
/// doesn't exist; `name` is what wrong passwords are counted under.
///
/// # Errors
/// `M_LIMIT_EXCEEDED` after too many wrong ones.
pub async fn check_password(
    app: &App,
    user: Option<&OwnedUserId>,
    name: &str,
    password: String,
    ip: IpAddr,
) -> Result<Option<String>, Error> {
    app.limits.check_guess(name, ip, app.clock.now())?;
    let stored = match user {
        Some(user) => users::password_hash(&app.store.snapshot()?, user)?,
        None => None,
    };
    match app.passwords.check(password, stored.clone()).await? {
        Verdict::Right => Ok(stored),
        Verdict::RightButDated(hash) => {
            if let (Some(user), Some(dated)) = (user.cloned(), stored) {
                let hash = hash.clone();
                app.store.change(move |change| users::rehash_password(change, &user, &dated, hash)).await?;
            }
            Ok(Some(hash))
        }
        Verdict::Wrong => {
            app.limits.wrong_guess(name, ip, app.clock.now());
            Ok(None)
        }
    }
}

fn challenge(progress: &Progress, flows: &[Flow], error: Option<(ErrorKind, String)>) -> Error {
    let stages = |stages: &[Stage]| stages.iter().copied().map(auth_type).collect::<Vec<_>>();
    let mut info = UiaaInfo::new(flows.iter().map(|flow| AuthFlow::new(stages(flow))).collect());
    info.completed = stages(&progress.completed);
    info.session = Some(progress.session.clone());
    // The specification's example shows an object, and some clients insist on one.
    info.params = serde_json::value::to_raw_value(&serde_json::json!({})).ok();
    info.auth_error = error.map(|(kind, message)| Box::new(StandardErrorBody::new(kind, message)));
    Error::Uiaa(Box::new(info))
}

const fn auth_type(stage: Stage) -> AuthType {
    match stage {
        Stage::Password => AuthType::Password,
        Stage::RegistrationToken => AuthType::RegistrationToken,
        Stage::Dummy => AuthType::Dummy,
    }
}

impl From<crate::accounts::passwords::PasswordError> for Error {
    fn from(error: crate::accounts::passwords::PasswordError) -> Self {
        use crate::accounts::passwords::PasswordError;
        match error {
            PasswordError::Busy => Self::limit_exceeded(std::time::Duration::from_secs(2)),
            PasswordError::Failed(_) => Self::internal(&error),
        }
    }
}

/// 403 for somebody whose name or password is wrong; the two are not told apart.
#[must_use]
pub fn wrong_password() -> Error {
    Error::new(StatusCode::FORBIDDEN, ErrorKind::Forbidden, "The user name or the password is wrong.")
}
