//! User-interactive authentication over HTTP: what a handler calls before it does something for which
//! an access token is not enough.
//! <https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api>

use super::{App, Caller, Error};
use crate::{
    accounts::{
        AccountError,
        email_sessions::{self, Credentials},
        emails,
        passwords::Verdict,
        registration,
        uia::{Flow, Progress, Proofs, Purpose, Stage},
        users,
    },
    config::Registration,
    mail::Address,
};
use hearth_store::records::EmailPurpose;
use http::StatusCode;
use ruma::{
    OwnedUserId,
    api::{
        client::uiaa::{AuthData, AuthFlow, AuthType, UiaaInfo, UserIdentifier},
        error::{ErrorKind, StandardErrorBody},
    },
};
use std::net::{IpAddr, Ipv4Addr};

/// What a logged-in user is asked for.
const PASSWORD: &[Flow] = &[&[Stage::Password]];
/// What everybody is asked for who wants to sign up where that is open.
const DUMMY: &[Flow] = &[&[Stage::Dummy]];
/// What everybody is asked for who wants to sign up where that takes a token.
const TOKEN: &[Flow] = &[&[Stage::RegistrationToken]];
/// What everybody is asked for who wants to sign up where that takes a mail address, or has forgotten the password.
const EMAIL: &[Flow] = &[&[Stage::EmailIdentity]];

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
    let asker = Asker { ip: caller.ip, caller: Some(caller), email: None };
    advance(app, &purpose, PASSWORD, asker, auth).await?;
    Ok(())
}

/// Has somebody who is not logged in prove that the mail address of an account is theirs, for one purpose and once.
/// Returns the session that proves it; the change that uses it spends it.
///
/// # Errors
/// 401 with the flows until the proof is complete.
pub async fn require_email(app: &App, purpose: Purpose, auth: Option<&AuthData>) -> Result<Credentials, Error> {
    // No stage of this flow counts guesses by where they come from: there is nothing that could be guessed.
    let ip = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let asker = Asker { ip, caller: None, email: Some(EmailPurpose::Password) };
    let progress = advance(app, &purpose, EMAIL, asker, auth).await?;
    progress.proofs.email.ok_or_else(|| AccountError::EmailNotConfirmed.into())
}

/// Has somebody prove that they may sign up. Returns what the account will use up: the token of
/// `REGISTRATION_TOKENS`, the session that proves a mail address.
///
/// # Errors
/// 401 with the flows until the proof is complete, 403 where nobody may sign up, or
/// `M_LIMIT_EXCEEDED`.
pub async fn require_for_registration(app: &App, ip: IpAddr, auth: Option<&AuthData>) -> Result<Proofs, Error> {
    let settings = app.settings.now();
    let flows = match settings.registration {
        // The file may say `email` before the owner has set how mail is sent.
        Registration::Email if settings.mail.is_some() => EMAIL,
        Registration::Closed | Registration::Email => {
            return Err(Error::forbidden("Nobody can sign up on this server."));
        }
        Registration::Token => TOKEN,
        Registration::Open => DUMMY,
    };
    // Clients fetch the flows with an empty request and fill in the name later, so the session is for
    // signing up and not for one name.
    let asker = Asker { ip, caller: None, email: Some(EmailPurpose::SignUp) };
    let mut proofs = advance(app, &Purpose::new("register"), flows, asker, auth).await?.proofs;
    proofs.registration_token = proofs.registration_token.filter(|token| !is_server_wide(app, token));
    Ok(proofs)
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

/// Who proves something.
#[derive(Clone, Copy)]
struct Asker<'c> {
    /// Where the request comes from.
    ip: IpAddr,
    /// Whoever is logged in.
    caller: Option<&'c Caller>,
    /// What a mail address must have been confirmed for.
    email: Option<EmailPurpose>,
}

async fn advance(
    app: &App,
    purpose: &Purpose,
    flows: &[Flow],
    asker: Asker<'_>,
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
            AuthData::EmailIdentity(_) => Some(Stage::EmailIdentity),
            _ => None,
        };
        match stage {
            // Completed stages are not tried again.
            Some(stage) if progress.completed.contains(&stage) => {}
            Some(stage) if progress.awaits(stage, flows) => {
                let proofs = match check(app, auth, asker).await? {
                    Ok(proofs) => proofs,
                    Err(reason) => {
                        // Clients ask again and again until the link was followed, and know by this code that it wasn't.
                        let not_yet = stage == Stage::EmailIdentity;
                        let kind = if not_yet { ErrorKind::Unauthorized } else { ErrorKind::Forbidden };
                        return Err(challenge(&progress, flows, Some((kind, reason))));
                    }
                };
                app.uia.complete(&mut progress, stage, proofs);
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
async fn check(app: &App, auth: &AuthData, asker: Asker<'_>) -> Result<Result<Proofs, String>, Error> {
    let Asker { ip, caller, email } = asker;
    match auth {
        AuthData::Dummy(_) => Ok(Ok(Proofs::default())),
        AuthData::RegistrationToken(stage) => {
            let guess = app.limits.guess("register", ip, app.clock.now())?;
            if registration_token_is_good(app, &stage.token)? {
                guess.take_back(app.clock.now());
                return Ok(Ok(Proofs { registration_token: Some(stage.token.clone()), email: None }));
            }
            Ok(Err("This registration token is not (or no longer) good.".to_owned()))
        }
        AuthData::Password(stage) => {
            let Some(caller) = caller else { return Ok(Err("Nobody is logged in.".to_owned())) };
            // Somebody else's password, right or wrong, proves nothing about the caller.
            if user_of(app, &stage.identifier)?.is_none_or(|user| user != caller.user) {
                return Ok(Err("This is not the user who is logged in.".to_owned()));
            }
            match check_password(app, Some(&caller.user), caller.user.as_str(), stage.password.clone(), ip).await? {
                Some(_) => Ok(Ok(Proofs::default())),
                None => Ok(Err("The password is wrong.".to_owned())),
            }
        }
        AuthData::EmailIdentity(stage) => {
            let creds = &stage.thirdparty_id_creds;
            let credentials =
                Credentials { sid: creds.sid.to_string(), client_secret: creds.client_secret.to_string() };
            let Some(purpose) = email else { return Ok(Err("A mail address proves nothing here.".to_owned())) };
            match email_sessions::proved(&app.store.snapshot()?, purpose, &credentials, app.clock.now()) {
                Ok(_) => Ok(Ok(Proofs { registration_token: None, email: Some(credentials) })),
                Err(AccountError::EmailNotConfirmed) => {
                    Ok(Err("The mail address is not confirmed yet: follow the link in the letter.".to_owned()))
                }
                Err(error) => Err(error.into()),
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
        UserIdentifier::Email(id) => match Address::parse(&id.address) {
            Some(address) => Ok(emails::owner(&app.store.snapshot()?, address.canonical())?),
            None => Ok(None),
        },
        // This server keeps no phone numbers.
        _ => Ok(None),
    }
}

/// Compares a password, and returns the stored hash that it matches. Takes as long for a user that
/// doesn't exist; `name` is what wrong passwords are counted under.
///
/// # Errors
/// `M_LIMIT_EXCEEDED` after too many wrong ones, or while too many are being checked.
pub async fn check_password(
    app: &App,
    user: Option<&OwnedUserId>,
    name: &str,
    password: String,
    ip: IpAddr,
) -> Result<Option<String>, Error> {
    let guess = app.limits.guess(name, ip, app.clock.now())?;
    let stored = match user {
        Some(user) => users::password_hash(&app.store.snapshot()?, user)?,
        None => None,
    };
    let verdict = app.passwords.check(password, stored.clone()).await;
    if !matches!(verdict, Ok(Verdict::Wrong)) {
        // Also where too many are being checked, and nobody has learnt whether this one is right.
        guess.take_back(app.clock.now());
    }
    match verdict? {
        Verdict::Right => Ok(stored),
        Verdict::RightButDated(hash) => {
            if let (Some(user), Some(dated)) = (user.cloned(), stored) {
                let hash = hash.clone();
                app.store.change(move |change| users::rehash_password(change, &user, &dated, hash)).await?;
            }
            Ok(Some(hash))
        }
        Verdict::Wrong => Ok(None),
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
        Stage::EmailIdentity => AuthType::EmailIdentity,
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
