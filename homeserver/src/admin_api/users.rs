//! The accounts of this server.

use super::{Answer, done, given::Given, ok, with_status};
use crate::{
    accounts::{
        AccountError, devices, passwords, profiles,
        registration::{self, NewAccount},
        users,
    },
    e2ee,
    http::{App, Error},
    push,
};
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post, put},
};
use http::StatusCode;
use ruma::{OwnedUserId, UserId, api::error::ErrorKind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Routes of this chapter.
pub(super) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .route("/v1/users", get(list).post(create))
        .route("/v1/users/{name}/password", put(set_password))
        .route("/v1/users/{name}/admin", put(set_admin))
        .route("/v1/users/{name}/deactivate", post(deactivate))
}

#[derive(Serialize)]
struct Listed {
    user_id: OwnedUserId,
    admin: bool,
    deactivated: bool,
    /// Milliseconds since the Unix epoch, as the next.
    created_at: u64,
    last_seen_at: Option<u64>,
    devices: usize,
}

/// `GET /v1/users`
async fn list(State(app): State<Arc<App>>) -> Answer {
    let read = app.store.snapshot()?;
    let lately = app.last_seen.by_user();
    let mut listed = Vec::new();
    for (user_id, record) in users::all(&read)? {
        let devices = devices::all(&read, &user_id)?;
        let stored = devices.iter().filter_map(|(_, device)| device.last_seen_at).max();
        listed.push(Listed {
            admin: record.admin,
            deactivated: record.deactivated,
            created_at: record.created_at,
            last_seen_at: stored.max(lately.get(&user_id).copied()),
            devices: devices.len(),
            user_id,
        });
    }
    ok(&serde_json::json!({ "users": listed }))
}

/// A password, or its hash where it was hashed elsewhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    password_hash: Option<String>,
    #[serde(default)]
    admin: bool,
}

/// `POST /v1/users`
async fn create(State(app): State<Arc<App>>, Given(new): Given<NewUser>) -> Answer {
    let user = registration::user_id(&new.name, &app.config.server_name).ok_or_else(|| {
        let message = "A user name may have the letters a to z, digits, and the characters . _ = - / +";
        Error::new(StatusCode::BAD_REQUEST, ErrorKind::InvalidUsername, message)
    })?;
    registration::check_free(&app.store.snapshot()?, &user)?;
    let password_hash = match (new.password, new.password_hash) {
        (Some(password), None) => hash(&app, password).await?,
        (None, Some(hash)) => {
            passwords::check_foreign_hash(&hash)?;
            hash
        }
        (None, None) => return Err(Error::missing("A password is missing, or its hash.")),
        (Some(_), Some(_)) => return Err(Error::invalid("Give the password or its hash, not both.")),
    };
    let account =
        NewAccount { user: user.clone(), password_hash, token: None, email: None, now: app.clock.now(), login: None };
    // People see the name as it was written, capitals and all.
    let shown = Some(new.name).filter(|name| !name.starts_with('@'));
    app.store
        .change(move |change| {
            registration::register(change, &account)?;
            push::rules::begin(change, &account.user)?;
            if let Some(name) = shown {
                profiles::set(change, &account.user, "displayname", &name.into())?;
            }
            if new.admin {
                users::set_admin(change, &account.user, true)?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    tracing::info!(%user, admin = new.admin, "the owner made an account");
    with_status(StatusCode::CREATED, &serde_json::json!({ "user_id": user }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: String,
    #[serde(default)]
    logout: bool,
}

/// `PUT /v1/users/{name}/password`
async fn set_password(State(app): State<Arc<App>>, Path(name): Path<String>, Given(new): Given<NewPassword>) -> Answer {
    let user = named(&app, &name)?;
    let hash = hash(&app, new.password).await?;
    app.store
        .change(move |change| {
            users::set_password(change, &user, hash)?;
            if new.logout {
                e2ee::devices::remove_all(change, &user, None)?;
            }
            Ok::<_, AccountError>(())
        })
        .await?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Admin {
    admin: bool,
}

/// `PUT /v1/users/{name}/admin`
async fn set_admin(State(app): State<Arc<App>>, Path(name): Path<String>, Given(new): Given<Admin>) -> Answer {
    let user = named(&app, &name)?;
    app.store.change(move |change| users::set_admin(change, &user, new.admin)).await?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deactivate {
    #[serde(default)]
    erase: bool,
}

/// `POST /v1/users/{name}/deactivate`
async fn deactivate(State(app): State<Arc<App>>, Path(name): Path<String>, Given(how): Given<Deactivate>) -> Answer {
    let user = named(&app, &name)?;
    let (rooms, now) = (app.rooms.clone(), app.clock.now());
    app.store
        .change(move |change| {
            users::check_not_last_administrator(change, &user)?;
            for device in users::deactivate(change, &user, how.erase)? {
                e2ee::devices::removed(change, &user, &device)?;
            }
            e2ee::account::removed(change, &user)?;
            Ok::<_, Error>(rooms.leave_all(change, &user, now)?)
        })
        .await?;
    done()
}

/// The user whom a path names, by full id or by the part before the colon.
fn named(app: &App, name: &str) -> Result<OwnedUserId, Error> {
    let read = app.store.snapshot()?;
    let user = users::by_identifier(&read, name, &app.config.server_name)?.ok_or(AccountError::NoSuchUser)?;
    is_active(&read, &user)?;
    Ok(user)
}

fn is_active(read: &impl hearth_store::Read, user: &UserId) -> Result<(), AccountError> {
    if users::is_active(read, user)? { Ok(()) } else { Err(AccountError::NoSuchUser) }
}

async fn hash(app: &App, password: String) -> Result<String, Error> {
    passwords::check_new(&password)?;
    Ok(app.passwords.hash(password).await?)
}
