//! Puts a server together from its parts.

pub mod restore;

use crate::{
    accounts::{last_seen::LastSeen, passwords::Passwords, uia::UiaSessions},
    admin_api, client_api,
    clock::{Clock, Random},
    config::{Config, DATABASE},
    http::{
        App, Error,
        limits::Limits,
        tls::{Certificates, TlsError},
    },
    mail::{Queue, queue},
    rooms::{Rooms, typing::Typing},
    settings::Settings,
    sync::{Parts, Syncs},
};
use axum::Router;
use hearth_store::{OpenError, Options, Read as _, Store, StoreError, tables};
use http::{HeaderName, Method, StatusCode, header};
use ruma::signatures::Ed25519KeyPair;
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{Any, CorsLayer},
};

/// Why a server can't start; the words are for its owner.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder can't be used.
    #[error("The folder {0} can't be used: {1}. Choose another with --data, or let the server's user write there.")]
    Folder(String, std::io::Error),
    /// A restore was broken off.
    #[error(
        "In {0} a restore was begun that did not end, and there is no database yet. Restore again; to begin with an empty server instead, remove {1} first."
    )]
    Unfinished(String, String),
    /// The database can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database failed.
    #[error("The database failed: {0}.")]
    Store(#[from] StoreError),
    /// The data belong to a server of another name.
    #[error(
        "The data folder belongs to the server {stored}, not {wanted}. A server's name can't change: start it with --server-name {stored}, or with another --data."
    )]
    OtherName {
        /// The name that the data were made with.
        stored: String,
        /// The name that was asked for.
        wanted: String,
    },
    /// Stored data that can't be used.
    #[error("The database holds something that can't be used: {0}. Restore the newest backup.")]
    Damaged(String),
}

/// Opens the database and puts the parts together.
///
/// # Errors
/// [`StartError`]
///
/// # Panics
/// Outside of tokio's runtime.
pub fn app(mut config: Config, clock: Clock, random: Random) -> Result<Arc<App>, StartError> {
    fs::create_dir_all(&config.data).map_err(|error| StartError::Folder(config.data.display().to_string(), error))?;
    let unfinished = hearth_store::dump::unfinished(&config.database());
    if unfinished.exists() && !config.database().exists() {
        return Err(StartError::Unfinished(config.data.display().to_string(), unfinished.display().to_string()));
    }
    let options = Options { cache_bytes: config.cache_bytes, ..Options::default() };
    let store = Store::open(&config.database(), options)?;

    let name = secret(&store, "server_name", || config.server_name.as_bytes().to_vec())?;
    if name != config.server_name.as_bytes() {
        let stored = String::from_utf8_lossy(&name).into_owned();
        return Err(StartError::OtherName { stored, wanted: config.server_name.to_string() });
    }
    let key_name = secret(&store, "signing_key_name", || random.word(6).into_bytes())?;
    let key = secret(&store, "signing_key", || Ed25519KeyPair::generate().to_vec())?;
    let key = Ed25519KeyPair::from_der(&key, String::from_utf8_lossy(&key_name).into_owned())
        .map_err(|error| StartError::Damaged(format!("the signing key: {error}")))?;
    if config.registration_token.is_none() {
        let token = secret(&store, "registration_token", || random.word(16).into_bytes())?;
        config.registration_token = Some(String::from_utf8_lossy(&token).into_owned());
    }

    let settings =
        Settings::load(&store, config.registration).map_err(|error| StartError::Damaged(error.to_string()))?;
    let rooms = Rooms::new(config.server_name.clone(), key, config.default_room_version.clone());
    rooms.recall(&store.snapshot()?).map_err(|error| StartError::Damaged(error.to_string()))?;
    let typing = Typing::new(clock.now());
    let parts = Parts { store: store.clone(), rooms: rooms.clone(), typing: typing.clone(), clock: clock.clone() };
    let syncs = Syncs::new(parts)?;
    Ok(Arc::new(App {
        limits: Limits::new(config.rate_limits),
        certificates: certificates(&config)?,
        mail: Queue::default(),
        started: Instant::now(),
        snapshots: Arc::new(Semaphore::new(1)),
        config,
        settings,
        clock,
        store,
        passwords: Passwords::new(&random),
        random,
        uia: UiaSessions::default(),
        last_seen: LastSeen::default(),
        rooms,
        typing,
        syncs,
    }))
}

/// Sends letters as they become due; does not return. Dropped in the middle of a letter, it is sent again at the next
/// start.
pub async fn send_mail(app: &App) {
    let (store, settings) = (app.store.clone(), app.settings.clone());
    let (clock, random) = (app.clock.clone(), app.random.clone());
    app.mail.run(queue::Parts { store, settings, clock, random }).await;
}

/// The certificates in the data folder; one is made where there is none.
fn certificates(config: &Config) -> Result<Option<Arc<Certificates>>, TlsError> {
    if config.plain {
        return Ok(None);
    }
    let mut names = vec![config.server_name.host().to_owned(), "localhost".into()];
    names.extend(config.listen.iter().map(|address| address.ip().to_string()));
    names.dedup();
    let public = config.clone();
    Certificates::open(&config.data.join("tls"), names, move |name| public.is_public_name(name)).map(Some)
}

/// A stored secret, made on the first start.
fn secret(store: &Store, name: &'static str, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, StartError> {
    if let Some(secret) = store.snapshot()?.get(tables::SECRETS, name)? {
        return Ok(secret);
    }
    let made = make();
    Ok(store.change_blocking(move |change| {
        change.put(tables::SECRETS, name, &made)?;
        Ok::<_, StoreError>(made)
    })?)
}

/// Everything that the server answers.
pub fn router(app: Arc<App>) -> Router {
    client_api::routes()
        .fallback(|| async { Error::unrecognized(StatusCode::NOT_FOUND).into_http() })
        .method_not_allowed_fallback(|| async { Error::unrecognized(StatusCode::METHOD_NOT_ALLOWED).into_http() })
        // Nothing that is sent may make the server panic; should a library do so all the same, the request fails alone.
        .layer(CatchPanicLayer::custom(|_| Error::internal(&"a handler panicked").into_http()))
        .layer(cors())
        .with_state(app)
}

/// Everything that the admin socket answers.
pub fn admin_router(app: Arc<App>) -> Router {
    admin_api::routes()
        .layer(CatchPanicLayer::custom(|_| Error::internal(&"a handler panicked").into_http()))
        .with_state(app)
}

/// <https://spec.matrix.org/v1.19/client-server-api/#web-browser-clients>
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS])
        .allow_headers([
            header::ORIGIN,
            HeaderName::from_static("x-requested-with"),
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::AUTHORIZATION,
        ])
        .max_age(Duration::from_secs(24 * 60 * 60))
}

/// Closes the database in order, once nothing else holds the app.
pub fn close(app: Arc<App>) {
    app.store.clone().close();
    drop(app);
}

/// Goes through the database of a stopped server, and tells what it found.
///
/// # Errors
/// [`StartError`]; [`StartError::Damaged`] where a row can't be read.
pub fn check(data: &Path) -> Result<String, StartError> {
    let report = hearth_store::check(&data.join(DATABASE), &Options::default())?;
    let mut words = String::new();
    for table in &report.tables {
        if table.rows > 0 {
            words.push_str(&format!("{:>24} {:>10} rows {:>12} bytes\n", table.name, table.rows, table.bytes));
        }
    }
    if !report.is_sound() {
        return Err(StartError::Damaged(report.problems.join("; ")));
    }
    words.push_str("Every page and every row is in order.");
    Ok(words)
}
