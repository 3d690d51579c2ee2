//! From power-on to serving. Every step may have been done already, and may be interrupted.

use crate::{
    app::{App, blocking},
    attempts::Attempts,
    certificates::{self, Certificates},
    checks,
    config::Config,
    health::{self, Watch},
    homeserver::{self, Homeserver},
    jobs::Jobs,
    mdns, network, ports,
    problem::Problem,
    random::Random,
    readable,
    replicas::{self, KeyFile, Scratch, Volumes, remove_folder},
    restore,
    sessions::Sessions,
    setup::apply,
    state::{CertificateChoice, CertificateKind, Phase, State, Store},
    welcome,
};
use hearth_system::{Notify, Paths, System, atomic};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::task::{JoinHandle, JoinSet};

/// From one attempt to start the homeserver to the next.
const AGAIN: Duration = Duration::from_secs(30);

/// A running agent.
pub struct Running {
    /// Its parts.
    pub app: Arc<App>,
    /// Where the page is served.
    pub address: SocketAddr,
    page: JoinHandle<()>,
    tasks: JoinSet<()>,
    mdns: Option<mdns_sd::ServiceDaemon>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Puts the parts together. Blocks.
///
/// # Errors
/// What keeps the box from coming up.
pub fn open(config: Config, system: Arc<dyn System>, random: Random) -> Result<Arc<App>, Problem> {
    let paths = system.paths();
    // Before anything that looks at the time.
    match system.restore_clock(None) {
        Ok(None) => {}
        Ok(Some(restored)) => tracing::info!(?restored, "the clock was behind and has been set forward"),
        Err(error) => tracing::warn!(%error, "the clock can't be set"),
    }
    atomic::folder(&paths.agent, 0o700, None)?;
    atomic::folder(&paths.volumes, 0o700, None)?;
    let certificates = Certificates::open(&config, &paths, system.homeserver_owner(), system.now_ms())?;
    let keys = KeyFile::open(&paths.agent.join("volumes.json"));
    let store = Store::open(&paths.agent.join("state.json"), || from_the_homeserver(&paths, &certificates, &keys));
    let machine = system.machine_id().unwrap_or_default();
    tracing::info!(machine, phase = ?store.phase(), "the agent starts");
    let setup_code_shown = welcome::setup_code(&paths.agent, &random)?;
    let app = Arc::new(App {
        homeserver: Homeserver::new(system.admin_socket()),
        watch: Watch::new(system.hostname()?),
        setup_code: readable::normal(&setup_code_shown),
        setup_code_shown,
        sessions: Sessions::default(),
        claims: Attempts::default(),
        logins: Attempts::default(),
        recoveries: Attempts::default(),
        jobs: Jobs::new(random.clone()),
        volumes: Volumes::new(keys),
        nonces: hearth_reachability::Nonces::default(),
        trial: network::Trial::default(),
        ports: ports::Ports::default(),
        certificates,
        config,
        system,
        paths,
        random,
        store,
    });
    if let Err(problem) = restore::finish_switch(&app) {
        // The page has to come up all the same; the restore tries it again.
        tracing::error!(%problem, "a restore could not be finished");
    }
    if app.store.phase() == Phase::Ready {
        for_the_homeserver(&app);
    }
    if let Err(error) = remove_folder(&Scratch::place(&app)) {
        tracing::warn!(%error, "what a restore test left can't be removed");
    }
    // What was only being tried when the power went. Once more below where it fails, when the page is there.
    if let Err(error) = app.system.revert_network() {
        tracing::warn!(%error, "the network can't be set as it was kept");
    }
    certificates::look_at_local(&app)?;
    app.certificates.look_at_public();
    Ok(app)
}

/// What is known of a box whose own memory is lost or never was. One with a homeserver's data is in use: its people come in by the homeserver,
/// and the setup code must not let anybody make it another's.
fn from_the_homeserver(paths: &Paths, certificates: &Certificates, keys: &KeyFile) -> State {
    let mut state = State::default();
    if !paths.homeserver.join("hearth.redb").exists() {
        return state;
    }
    tracing::error!("what the agent remembered is lost: the box goes on with what the homeserver knows");
    state.phase = Phase::Ready;
    if let Some((server_name, host)) = homeserver::names(&paths.homeserver) {
        // Or the box's own certificate would take the place of one that everybody trusts.
        state.setup.certificate = certificates.is_from_outside().then(|| CertificateChoice {
            kind: CertificateKind::Acme,
            email: None,
            names: vec![host.clone()],
        });
        (state.setup.server_name, state.setup.host) = (Some(server_name), Some(host));
    }
    // Of several nobody knows which is the one that stays in the box.
    if let [volume] = keys.volumes().as_slice() {
        state.volume = Some(volume.0.clone());
    }
    state
}

/// What a homeserver in use needs to start, put in place where a card has lost or torn it, or a switch that was finished just now left it to
/// this. Blocks.
fn for_the_homeserver(app: &App) {
    if let Err(problem) = certificates::place_local_if_chosen(app) {
        tracing::warn!(%problem, "the certificate of the public name can't be put in place");
    }
    let folder = &app.paths.homeserver;
    let names = app.store.read(|state| state.setup.server_name.clone().zip(state.setup.host.clone()));
    // What the owner has changed since is in the database.
    if let (None, Some((server_name, host))) = (homeserver::names(folder), names) {
        match homeserver::write(app, folder, Some(&server_name), Some(&host)) {
            Ok(()) => tracing::warn!("the homeserver's configuration could not be read, and was written anew"),
            Err(problem) => tracing::warn!(%problem, "the homeserver's configuration can't be written anew"),
        }
    }
}

/// Serves, goes on with what was interrupted, and looks after the box.
///
/// # Errors
/// Where the page can't be served.
pub async fn run(app: Arc<App>) -> Result<Running, Problem> {
    let (address, page) = ports::serve_page(&app).await?;
    // The page is what counts; without the other ports it is still there.
    if let Err(problem) = ports::serve_plain(&app).await {
        tracing::error!(%problem, "nothing is served over plain HTTP");
    }
    if app.store.phase() != Phase::Ready
        && let Err(problem) = ports::take_https(&app).await
    {
        tracing::error!(%problem, "nothing is served on the port of HTTPS");
    }
    let mdns = if app.config.mdns {
        mdns::announce(&app).inspect_err(|error| tracing::warn!(%error, "the box does not answer for its name")).ok()
    } else {
        None
    };
    let worker = Arc::clone(&app);
    if let Err(problem) = blocking(move || Ok(welcome::show(&worker)?)).await {
        tracing::warn!(%problem, "address and setup code can't be shown, or taken away");
    }
    app.machine(|system| system.notify(&Notify::Ready)).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(network::put_back(Arc::clone(&app)));
    tasks.spawn(go_on(Arc::clone(&app)));
    tasks.spawn(health::keep_alive(Arc::clone(&app)));
    tasks.spawn(health::keep_watch(Arc::clone(&app)));
    tasks.spawn(health::keep_time(Arc::clone(&app)));
    tasks.spawn(certificates::keep_local(Arc::clone(&app)));
    tasks.spawn(certificates::keep_renewing(Arc::clone(&app)));
    tasks.spawn(checks::keep_open(Arc::clone(&app)));
    tasks.spawn(checks::keep_looking(Arc::clone(&app)));
    tasks.spawn(replicas::keep_replicating(Arc::clone(&app)));
    Ok(Running { app, address, page, tasks, mdns })
}

/// What the phase wants: the homeserver up, or what a power cut interrupted.
async fn go_on(app: Arc<App>) {
    match app.store.phase() {
        Phase::Unclaimed => {}
        Phase::Setup => {
            if app.store.read(|state| state.setup.applying)
                && let Err(problem) = apply::start(&app)
            {
                tracing::warn!(%problem, "the setup can't go on by itself");
            }
        }
        Phase::Restoring => {
            if let Err(problem) = restore::go_on(&app) {
                tracing::warn!(%problem, "the restore can't go on by itself");
            }
        }
        Phase::Ready => {
            while let Err(problem) = app.machine(|system| system.start_homeserver()).await {
                tracing::error!(%problem, "the homeserver does not start");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

impl Running {
    /// Serves until `stop` comes, then ends in order.
    pub async fn until(mut self, stop: impl Future<Output = ()>) {
        stop.await;
        let app = self.app;
        app.ports.stop();
        ports::release_https(&app).await;
        self.tasks.shutdown().await;
        if let Err(error) = self.page.await {
            tracing::error!(%error, "serving the page ended in an error");
        }
        if let Some(mdns) = self.mdns
            && let Err(error) = mdns.shutdown()
        {
            tracing::debug!(%error, "mDNS did not end in order");
        }
        if let Err(problem) = health::note_storage(&app).await {
            tracing::warn!(%problem, "the storage can't be counted");
        }
        let ended = app.machine(|system| {
            system.save_clock()?;
            system.notify(&Notify::Stopping)
        });
        if let Err(problem) = ended.await {
            tracing::warn!(%problem, "the time can't be kept");
        }
    }
}
