//! What every part of the agent has at hand.

use crate::{
    attempts::Attempts, certificates::Certificates, config::Config, health::Watch, homeserver::Homeserver, jobs::Jobs,
    network::Trial, ports::Ports, problem::Problem, random::Random, replicas::Volumes, sessions::Sessions,
    state::Store,
};
use hearth_reachability::Nonces;
use hearth_system::{Paths, System};
use std::sync::Arc;

/// The parts of a running agent.
#[expect(missing_debug_implementations, reason = "the machine behind `system` has none")]
pub struct App {
    /// Settings.
    pub config: Config,
    /// The machine.
    pub system: Arc<dyn System>,
    /// Where things lie on it.
    pub paths: Paths,
    /// Chance.
    pub random: Random,
    /// What is remembered.
    pub store: Store,
    /// The setup code as it is shown.
    pub setup_code_shown: String,
    /// The setup code in its normal form.
    pub setup_code: String,
    /// Who is logged in.
    pub sessions: Sessions,
    /// Wrong setup codes.
    pub claims: Attempts,
    /// Wrong logins.
    pub logins: Attempts,
    /// Wrong recovery keys.
    pub recoveries: Attempts,
    /// Work in the background.
    pub jobs: Jobs,
    /// The homeserver's socket.
    pub homeserver: Homeserver,
    /// Authority, certificates and challenges.
    pub certificates: Certificates,
    /// Keys of the backup volumes, and the restore that is being prepared.
    pub volumes: Volumes,
    /// By which the box knows itself again when it is checked.
    pub nonces: Nonces,
    /// The network setting that is being tried.
    pub trial: Trial,
    /// Who has which port.
    pub ports: Ports,
    /// What the watch over homeserver and storage has seen.
    pub watch: Watch,
}

impl App {
    /// Has the machine do something on a thread that may wait.
    ///
    /// # Errors
    /// The machine's, as a [`Problem`].
    pub async fn machine<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn System) -> hearth_system::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let system = Arc::clone(&self.system);
        blocking(move || work(&*system).map_err(Problem::from)).await
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.system.now_ms()
    }

    /// Where people find the page: `https://hearth.local:8443/`.
    #[must_use]
    pub fn dashboard_url(&self) -> String {
        self.page_url(&format!("{}.local", self.watch.hostname()))
    }

    /// Where clients reach the homeserver by this name.
    #[must_use]
    pub fn url_of(&self, host: &str) -> String {
        match self.config.https.port() {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    }

    /// Where clients reach the homeserver, once it has a name.
    #[must_use]
    pub fn base_url(&self) -> Option<String> {
        self.store.read(|state| state.setup.host.clone()).map(|host| self.url_of(&host))
    }

    /// The page by a certain name of the box.
    #[must_use]
    pub fn page_url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.config.listen.port())
    }
}

/// Does blocking work on a thread for that.
///
/// # Errors
/// The work's.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Problem::internal(&error)))
}
