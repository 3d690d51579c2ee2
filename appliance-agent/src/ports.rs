//! Who has port 443: the agent until the homeserver takes it.

use crate::{
    app::App,
    http::{Listening, PlainHost, plain_router, router, serve, tls_redirect_router},
    problem::Problem,
    state::Phase,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

/// How often a port that is still held by who had it before is tried again, and how often at most.
const AGAIN: Duration = Duration::from_millis(200);
const TRIES: u32 = 50;

/// Where authorities look for the answers to their challenges (RFC 8555, 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

#[derive(Debug)]
struct Held {
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// The listeners.
#[derive(Debug)]
pub struct Ports {
    https: tokio::sync::Mutex<Option<Held>>,
    stop: watch::Sender<bool>,
}

impl Default for Ports {
    fn default() -> Self {
        Self { https: tokio::sync::Mutex::new(None), stop: watch::channel(false).0 }
    }
}

impl Ports {
    /// Ends all listeners.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

struct Redirects(Arc<App>);

impl PlainHost for Redirects {
    fn answer(&self, path: &str) -> Option<String> {
        match path.strip_prefix(CHALLENGES) {
            Some(token) => self.0.certificates.challenge(token),
            None => self.0.nonces.answer(path),
        }
    }

    fn is_kept(&self, path: &str) -> bool {
        path.starts_with(CHALLENGES) || path.starts_with(hearth_reachability::NONCE_PATH)
    }

    fn target(&self, host: Option<&str>) -> String {
        let (phase, public) = self.0.store.read(|state| (state.phase, state.setup.host.clone()));
        match host {
            // The public name belongs to the homeserver.
            Some(host) if phase == Phase::Ready && public.as_deref() == Some(host) => {
                self.0.base_url().unwrap_or_else(|| self.0.dashboard_url())
            }
            Some(host) => self.0.page_url(host),
            None => self.0.dashboard_url(),
        }
    }
}

/// Serves the page and the API.
///
/// # Errors
/// Where the address can't be listened on.
pub async fn serve_page(app: &Arc<App>) -> Result<(SocketAddr, JoinHandle<()>), Problem> {
    let listener = listen(app.config.listen).await?;
    let address = listener.local_addr().map_err(|error| Problem::internal(&error))?;
    let listening = Listening {
        listener,
        tls: Some(acceptor(app)?),
        router: router(app, crate::api::routes()),
        stop: app.ports.stop.subscribe(),
    };
    Ok((address, tokio::spawn(serve(listening))))
}

/// Serves redirects and ACME challenges over plain HTTP.
///
/// # Errors
/// Where the address can't be listened on.
pub async fn serve_plain(app: &Arc<App>) -> Result<JoinHandle<()>, Problem> {
    let listening = Listening {
        listener: listen(app.config.http).await?,
        tls: None,
        router: plain_router(Arc::new(Redirects(Arc::clone(app)))),
        stop: app.ports.stop.subscribe(),
    };
    Ok(tokio::spawn(serve(listening)))
}

/// Takes port 443, if it is not held already.
///
/// # Errors
/// Where it can't be listened on.
pub async fn take_https(app: &Arc<App>) -> Result<(), Problem> {
    let mut held = app.ports.https.lock().await;
    if held.is_some() {
        return Ok(());
    }
    let (stop, stopped) = watch::channel(false);
    let listening = Listening {
        listener: listen(app.config.https).await?,
        tls: Some(acceptor(app)?),
        router: tls_redirect_router(Arc::new(Redirects(Arc::clone(app)))),
        stop: stopped,
    };
    *held = Some(Held { stop, serving: tokio::spawn(serve(listening)) });
    Ok(())
}

/// Gives port 443 away; it is free when this returns.
pub async fn release_https(app: &App) {
    if let Some(Held { stop, serving }) = app.ports.https.lock().await.take() {
        stop.send_replace(true);
        if let Err(error) = serving.await {
            tracing::error!(%error, "the listener on port 443 ended in an error");
        }
    }
}

fn acceptor(app: &App) -> Result<TlsAcceptor, Problem> {
    let config = app.certificates.resolver().server_config()?;
    Ok(TlsAcceptor::from(config))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Problem> {
    let mut tries = 0;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            // The homeserver or a former agent is just ending.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => {
                return Err(Problem::new(
                    http::StatusCode::SERVICE_UNAVAILABLE,
                    "port_in_use",
                    format!("{address} can't be listened on: {error}."),
                    "Another program has the port: stop it, or choose another port in the configuration.",
                ));
            }
        }
    }
}
