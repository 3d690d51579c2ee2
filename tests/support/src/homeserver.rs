//! One homeserver process: start, stop, kill, start again on the same data.

use std::{
    fmt,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{binary::homeserver_binary, log::Log, port::free_port, process::spawn_bound, shared::Target};

/// How long a server may take from its start until it says `ready`. Generous: a debug build on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long a server may take from SIGTERM to its end.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// What a test may choose about the server it starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The domain of its users.
    pub server_name: String,
    /// The registration token that signing up takes.
    pub token: String,
    /// Further arguments after those of the contract.
    pub extra_arguments: Vec<String>,
    /// Environment variables to set, such as a log filter.
    pub environment: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server_name: "hearth.test".to_owned(),
            token: "come-in".to_owned(),
            extra_arguments: Vec::new(),
            environment: Vec::new(),
        }
    }
}

/// Why a server did not start, as a sentence with its log.
#[derive(Clone)]
pub struct StartError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

// `unwrap` prints Debug; the log should be readable there too.
impl fmt::Debug for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A running (or stopped, or killed) homeserver with a temporary data folder and a port that stay its own.
///
/// Dropping it kills the process by its pid and removes the folder. If the test is failing, its log is printed.
pub struct Homeserver {
    options: Options,
    binary: PathBuf,
    data: TempDir,
    port: u16,
    child: Option<Child>,
    log: Log,
}

impl Homeserver {
    /// Starts a server on a fresh data folder and waits until it is ready.
    ///
    /// # Panics
    ///
    /// With a sentence, when there is no binary or it doesn't get ready.
    pub fn start(options: Options) -> Self {
        Self::try_start(options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Homeserver::start`], with the reason as a value.
    pub fn try_start(options: Options) -> Result<Self, StartError> {
        let binary = homeserver_binary().map_err(StartError)?;
        let data = tempfile::Builder::new()
            .prefix("hearth-test-")
            .tempdir()
            .map_err(|error| StartError(format!("no temporary folder could be made: {error}")))?;
        let mut server = Self { options, binary, data, port: free_port(), child: None, log: Log::default() };
        let lines = server.launch()?;
        server.wait_until_ready(&lines)?;
        Ok(server)
    }

    /// Starts the process again, on the same data and port, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// With a sentence, when it is still running or doesn't get ready.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "restart() is for a server that was stopped or killed before");
        self.launch().and_then(|lines| self.wait_until_ready(&lines)).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts the process and kills it after `delay`, ready or not: a power cut while it recovers from the last one.
    pub fn restart_and_kill_after(&mut self, delay: Duration) {
        assert!(self.child.is_none(), "only a server that doesn't run can be started");
        self.launch().unwrap_or_else(|error| panic!("{error}"));
        thread::sleep(delay);
        self.kill9();
    }

    /// Ends the process by SIGKILL and waits for its end: the nearest thing to a power cut that a process can be given.
    ///
    /// # Panics
    ///
    /// When the process had already ended by itself, for a crash must not pass as our doing.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("kill9() is for a running server");
        if let Some(status) = child.try_wait().expect("the server's state can be asked") {
            panic!("the homeserver ended by itself ({status}) before it was killed; its log:\n{}", self.log.since(0));
        }
        child.kill().expect("the server can be killed");
        child.wait().expect("the killed server can be waited for");
        self.log.push("=== killed by SIGKILL ===".to_owned());
    }

    /// Asks the process to stop (SIGTERM) and waits for its end.
    ///
    /// # Panics
    ///
    /// When it takes longer than [`STOP_WITHIN`].
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("stop() is for a running server");
        terminate(&child);
        let status = wait_for_end(&mut child, STOP_WITHIN).unwrap_or_else(|| {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the homeserver had not stopped {STOP_WITHIN:?} after SIGTERM; its log:\n{}", self.log.since(0))
        });
        self.log.push(format!("=== stopped by SIGTERM: {status} ==="));
        status
    }

    /// Runs `check --data DIR` of the server's binary on the data of this stopped server.
    ///
    /// # Errors
    ///
    /// What it printed, when it doesn't exit with 0.
    pub fn check(&self) -> Result<String, String> {
        assert!(self.child.is_none(), "the check wants the store for itself: stop the server first");
        let output = Command::new(&self.binary)
            .args(["check", "--data"])
            .arg(self.data_folder())
            .output()
            .map_err(|error| format!("{} could not be run: {error}", self.binary.display()))?;
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(printed) } else { Err(format!("{}: {printed}", output.status)) }
    }

    /// Where clients reach it, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything a client needs to sign up here.
    pub fn target(&self) -> Target {
        Target { url: self.url(), token: self.options.token.clone() }
    }

    /// The folder that `--data` named.
    pub fn data_folder(&self) -> &Path {
        self.data.path()
    }

    /// The process id, for tests that measure or signal it; `None` when it doesn't run.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Starts the process; what it prints on stdout also goes to the receiver.
    fn launch(&mut self) -> Result<Receiver<String>, StartError> {
        let mut command = Command::new(&self.binary);
        command
            .arg("run")
            .arg("--data")
            .arg(self.data.path())
            .args(["--server-name", &self.options.server_name])
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .arg("--plain")
            .args(["--token", &self.options.token])
            .arg("--no-rate-limits")
            .args(&self.options.extra_arguments)
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            // The log is shown in plain text.
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn_bound(command)
            .map_err(|error| StartError(format!("{} could not be started: {error}", self.binary.display())))?;
        let (sender, lines) = channel();
        self.log.follow(child.stderr.take().expect("stderr is piped"), None);
        self.log.follow(child.stdout.take().expect("stdout is piped"), Some(sender));
        self.child = Some(child);
        Ok(lines)
    }

    fn wait_until_ready(&mut self, lines: &Receiver<String>) -> Result<(), StartError> {
        let child = self.child.as_mut().expect("launch() came before");
        let expected = format!("ready http://127.0.0.1:{}", self.port);
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.trim_end_matches('/') == expected => break,
                Ok(line) if line.starts_with("ready ") => {
                    return Err(StartError(format!("the homeserver said `{line}` where `{expected}` was expected")));
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.failure(format!("was not ready after {READY_WITHIN:?}")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = wait_for_end(child, Duration::from_secs(2))
                        .map_or_else(|| "closed its output".to_owned(), |status| format!("ended ({status})"));
                    return Err(self.failure(format!("{ended} before it was ready")));
                }
            }
        }
        // The line is a promise: whoever reads it may connect at once.
        TcpStream::connect(("127.0.0.1", self.port))
            .map(drop)
            .map_err(|error| self.failure(format!("said that it was ready, and then refused a connection: {error}")))
    }

    fn failure(&self, what: String) -> StartError {
        StartError(format!("the homeserver {what}; its log:\n{}", self.log.since(0)))
    }
}

impl Drop for Homeserver {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            terminate(&child);
            if wait_for_end(&mut child, Duration::from_secs(5)).is_none() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        self.log.show_if_failing(0);
    }
}

/// Sends SIGTERM to a child that has not been waited for, so its pid can't be anybody else's.
fn terminate(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid fits"));
    let _ = kill(pid, Signal::SIGTERM);
}

/// The status of `child` once it has ended, or `None` if it still runs after `limit`.
fn wait_for_end(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("the server's state can be asked") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
