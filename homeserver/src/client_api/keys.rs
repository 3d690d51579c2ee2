//! Keys for end-to-end encryption: published, asked for, claimed, signed.
//! <https://spec.matrix.org/v1.19/client-server-api/#key-management-api>

use crate::{
    accounts::{devices, uia::Purpose},
    e2ee::{
        E2eeError,
        cross_signing::{self, Key, Upload, Usage},
        device_keys::{self, DeviceKeys},
        device_lists, fallback_keys,
        key_json::{self, ClaimableKey},
        one_time_keys,
        signatures::{self, Refusal},
    },
    http::{App, Caller, Error, Routes as _, uia},
    sync::Token,
};
use axum::Router;
use hearth_store::{Read, StreamPos, tables::USERS};
use ruma::{
    OwnedOneTimeKeyId, OwnedServerName, OwnedUserId, ServerName, UInt, UserId,
    api::client::keys::{claim_keys, get_key_changes, get_keys, upload_keys, upload_signatures, upload_signing_keys},
    encryption::{CrossSigningKey, OneTimeKey},
    serde::Raw,
};
use serde_json::{json, value::RawValue};
use std::{collections::BTreeMap, sync::Arc};

/// So many keys can be signed in one request. A client signs its user's few devices and those whom the user verifies.
const MAX_SIGNED: usize = 500;
/// So many keys can be claimed in one request.
const MAX_CLAIMED: usize = 10_000;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(upload_keys)
        .endpoint(get_keys)
        .endpoint(claim_keys)
        .endpoint(get_key_changes)
        .endpoint(upload_signing_keys)
        .endpoint(upload_signatures)
}

/// What is asked of this server, and what of others.
pub(super) struct Split<T> {
    /// By local user.
    pub local: BTreeMap<OwnedUserId, T>,
    /// By server, then by user.
    pub remote: BTreeMap<OwnedServerName, BTreeMap<OwnedUserId, T>>,
}

impl<T> Split<T> {
    /// Splits a request by the servers of the users.
    pub(super) fn new(by_user: BTreeMap<OwnedUserId, T>, here: &ServerName) -> Self {
        let mut split = Self { local: BTreeMap::new(), remote: BTreeMap::new() };
        for (user, asked) in by_user {
            if user.server_name() == here {
                split.local.insert(user, asked);
            } else {
                split.remote.entry(user.server_name().to_owned()).or_default().insert(user, asked);
            }
        }
        split
    }

    /// The answer for servers that could not be reached: all of them, as long as there is no federation.
    fn failures(&self) -> BTreeMap<String, serde_json::Value> {
        let failure = json!({ "errcode": "M_UNKNOWN", "error": "This server could not be reached.", "status": 503 });
        self.remote.keys().map(|server| (server.to_string(), failure.clone())).collect()
    }
}

/// `POST /_matrix/client/v3/keys/upload`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload>
pub async fn upload_keys(
    app: Arc<App>,
    caller: Caller,
    request: upload_keys::v3::Request,
) -> Result<upload_keys::v3::Response, Error> {
    let device_keys = request
        .device_keys
        .map(|keys| DeviceKeys::parse(&caller.user, &caller.device, keys.json().get()))
        .transpose()?;
    let one_time = claimable(request.one_time_keys, one_time_keys::MAX_KEYS)?;
    let fallback = claimable(request.fallback_keys, one_time_keys::MAX_KEYS)?;
    let (user, device) = (caller.user, caller.device);
    let counts = if device_keys.is_none() && one_time.is_empty() && fallback.is_empty() {
        // Clients ask for the counts with an empty upload; that needs no change.
        one_time_keys::counts(&app.store.snapshot()?, &user, &device)?
    } else {
        let work = move |change: &mut hearth_store::Change<'_>| {
            // The device may have been removed since the token was looked at; keys without a device would stay for ever.
            if devices::get(change, &user, &device)?.is_none() {
                return Err(Error::unknown_token(false));
            }
            if let Some(keys) = device_keys {
                device_keys::upload(change, &user, &device, &keys)?;
            }
            one_time_keys::upload(change, &user, &device, one_time)?;
            fallback_keys::upload(change, &user, &device, fallback)?;
            Ok(one_time_keys::counts(change, &user, &device)?)
        };
        app.store.change(work).await?
    };
    let counts = counts.into_iter().map(|(algorithm, count)| (algorithm.into(), UInt::new_saturating(count)));
    Ok(upload_keys::v3::Response::new(counts.collect()))
}

fn claimable(keys: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>, limit: usize) -> Result<Vec<ClaimableKey>, E2eeError> {
    if keys.len() > limit {
        return Err(E2eeError::TooLarge(format!("These are more than {limit} keys.")));
    }
    keys.iter().map(|(name, key)| ClaimableKey::parse(name.as_str(), key.json())).collect()
}

/// `POST /_matrix/client/v3/keys/query`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery>
pub async fn get_keys(
    app: Arc<App>,
    caller: Caller,
    request: get_keys::v3::Request,
) -> Result<get_keys::v3::Response, Error> {
    let asked = Split::new(request.device_keys, &app.config.server_name);
    let mut response = get_keys::v3::Response::new();
    response.failures = asked.failures();
    let snapshot = app.store.snapshot()?;
    for (user, devices) in asked.local {
        // A user without devices is known to have none; one that there isn't is missing.
        if !snapshot.contains(USERS, user.as_str())? {
            continue;
        }
        let keys = device_keys::query(&snapshot, &caller.user, &user, &devices)?;
        let keys =
            keys.into_iter().map(|(device, keys)| Ok((device.into(), raw(keys)?))).collect::<Result<_, Error>>()?;
        response.device_keys.insert(user.clone(), keys);
        let keys = cross_signing::query(&snapshot, &caller.user, &user)?;
        let tables = [
            (keys.master, &mut response.master_keys),
            (keys.self_signing, &mut response.self_signing_keys),
            (keys.user_signing, &mut response.user_signing_keys),
        ];
        for (key, table) in tables {
            if let Some(key) = key {
                table.insert(user.clone(), raw(key)?);
            }
        }
    }
    Ok(response)
}

fn raw<T>(json: String) -> Result<Raw<T>, Error> {
    Raw::from_json_string(json).map_err(|error| Error::internal(&error))
}

/// `POST /_matrix/client/v3/keys/claim`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim>
pub async fn claim_keys(
    app: Arc<App>,
    _: Caller,
    request: claim_keys::v3::Request,
) -> Result<claim_keys::v3::Response, Error> {
    if request.one_time_keys.values().map(BTreeMap::len).sum::<usize>() > MAX_CLAIMED {
        return Err(Error::too_large());
    }
    let asked = Split::new(request.one_time_keys, &app.config.server_name);
    let failures = asked.failures();
    let claimed = if asked.local.is_empty() {
        BTreeMap::new()
    } else {
        app.store.change(move |change| claim(change, asked.local)).await?
    };
    let mut response = claim_keys::v3::Response::new(claimed);
    response.failures = failures;
    Ok(response)
}

type Wanted = BTreeMap<OwnedUserId, BTreeMap<ruma::OwnedDeviceId, ruma::OneTimeKeyAlgorithm>>;

fn claim(
    change: &mut hearth_store::Change<'_>,
    wanted: Wanted,
) -> Result<BTreeMap<OwnedUserId, claim_keys::v3::OneTimeKeys>, Error> {
    let mut all = BTreeMap::new();
    for (user, devices) in wanted {
        let mut of_user = claim_keys::v3::OneTimeKeys::new();
        for (device, algorithm) in devices {
            let Some(key) = one_time_keys::claim(change, user.as_str(), device.as_str(), algorithm.as_ref())? else {
                continue;
            };
            let name = OwnedOneTimeKeyId::try_from(key.name).map_err(|error| Error::internal(&error))?;
            of_user.insert(device, BTreeMap::from([(name, raw(key.json)?)]));
        }
        if !of_user.is_empty() {
            all.insert(user, of_user);
        }
    }
    Ok(all)
}

/// `GET /_matrix/client/v3/keys/changes`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges>
pub async fn get_key_changes(
    app: Arc<App>,
    caller: Caller,
    request: get_key_changes::v3::Request,
) -> Result<get_key_changes::v3::Response, Error> {
    let from = position(&request.from)?;
    // Only a hint: of each user the newest change alone is known, and it may lie behind `to`.
    position(&request.to)?;
    let snapshot = app.store.snapshot()?;
    let delta = device_lists::delta(&snapshot, &caller.user, from, StreamPos(u64::MAX), |_| true)?;
    let parse =
        |users: std::collections::BTreeSet<String>| users.iter().filter_map(|user| UserId::parse(user).ok()).collect();
    Ok(get_key_changes::v3::Response::new(parse(delta.changed), parse(delta.left)))
}

/// The position in a token of `/sync`.
fn position(token: &str) -> Result<StreamPos, Error> {
    Token::parse(token).map(|token| token.position).ok_or_else(|| Error::invalid("That token is not of this server."))
}

/// `POST /_matrix/client/v3/keys/device_signing/upload`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload>
pub async fn upload_signing_keys(
    app: Arc<App>,
    caller: Caller,
    request: upload_signing_keys::v3::Request,
) -> Result<upload_signing_keys::v3::Response, Error> {
    let parse = |usage, key: Option<Raw<CrossSigningKey>>| {
        key.map(|key| Key::parse(&caller.user, usage, key.json().get())).transpose()
    };
    let keys = Upload {
        master: parse(Usage::Master, request.master_key)?,
        self_signing: parse(Usage::SelfSigning, request.self_signing_key)?,
        user_signing: parse(Usage::UserSigning, request.user_signing_key)?,
    };
    // Whether it is needed only the change can say: two first uploads may come at once.
    match store_signing_keys(&app, &caller, &keys, false).await {
        Ok(()) => {}
        Err(E2eeError::NeedsAuthentication) => {
            let mut purpose = Purpose::new("replace cross-signing keys");
            for key in [&keys.master, &keys.self_signing, &keys.user_signing] {
                // A client may write the same key in another order the second time.
                let sorted = key.as_ref().and_then(|key| serde_json::to_string(&key.object).ok());
                purpose = purpose.with(sorted.unwrap_or_default());
            }
            uia::require(&app, &caller, purpose, request.auth.as_ref()).await?;
            store_signing_keys(&app, &caller, &keys, true).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(upload_signing_keys::v3::Response::new())
}

async fn store_signing_keys(app: &App, caller: &Caller, keys: &Upload, authenticated: bool) -> Result<(), E2eeError> {
    let (user, keys) = (caller.user.clone(), keys.clone());
    app.store.change(move |change| cross_signing::upload(change, &user, &keys, authenticated)).await
}

/// `POST /_matrix/client/v3/keys/signatures/upload`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload>
pub async fn upload_signatures(
    app: Arc<App>,
    caller: Caller,
    request: upload_signatures::v3::Request,
) -> Result<upload_signatures::v3::Response, Error> {
    if request.signed_keys.values().map(|keys| keys.iter().count()).sum::<usize>() > MAX_SIGNED {
        return Err(Error::too_large());
    }
    let mut checked = Vec::new();
    let mut refused = Vec::new();
    {
        let snapshot = app.store.snapshot()?;
        for (owner, keys) in &request.signed_keys {
            for (name, key) in keys {
                match check_signed(&snapshot, &caller.user, owner, name, key)? {
                    Ok(key) => checked.push(key),
                    Err(refusal) => refused.push((owner.to_string(), name.to_owned(), refusal)),
                }
            }
        }
    }
    if !checked.is_empty() {
        let signer = caller.user;
        let overtaken = app.store.change(move |change| signatures::store(change, &signer, &checked)).await?;
        refused.extend(overtaken.into_iter().map(|(owner, name)| (owner, name, Refusal::OtherKey)));
    }
    let mut failures: BTreeMap<String, BTreeMap<String, serde_json::Value>> = BTreeMap::new();
    for (owner, name, refusal) in refused {
        let (errcode, error) = match refusal {
            Refusal::NotFound => ("M_NOT_FOUND", "There is no such key."),
            Refusal::OtherKey => ("M_INVALID_SIGNATURE", "That is not the key as it was published."),
            Refusal::InvalidSignature => {
                ("M_INVALID_SIGNATURE", "There is no good signature by a key that may sign this.")
            }
        };
        failures.entry(owner).or_default().insert(name, json!({ "errcode": errcode, "error": error }));
    }
    let mut response = upload_signatures::v3::Response::new();
    response.failures = serde_json::from_value(json!(failures)).map_err(|error| Error::internal(&error))?;
    Ok(response)
}

fn check_signed(
    read: &impl Read,
    signer: &UserId,
    owner: &UserId,
    name: &str,
    key: &RawValue,
) -> Result<Result<signatures::Checked, Refusal>, E2eeError> {
    if key.get().len() > crate::e2ee::KEY_BYTES {
        return Ok(Err(Refusal::OtherKey));
    }
    match key_json::object(key.get()) {
        Ok(object) => signatures::check(read, signer, owner, name, &object),
        Err(_) => Ok(Err(Refusal::OtherKey)),
    }
}
