//! The server as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The command.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-homeserver"));
    command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env("HEARTH_LOG", "warn").stdin(Stdio::null());
    command
}

/// A running server, which ends with this.
pub struct Process {
    pub child: Child,
}

impl Process {
    /// Starts a server with the configuration file in `folder` and waits until it is ready.
    pub fn start(folder: &Path, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = command();
        command.arg("run").arg("--config").arg(folder.join("homeserver.toml")).stdout(Stdio::piped());
        configure(&mut command);
        Self::of(command)
    }

    /// Starts a server by a command whose standard output can be read, and waits until it is ready.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with("ready ")), "the server does not say that it is ready");
        Self { child }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command with this on its standard input.
pub fn fed(mut command: Command, input: Vec<u8>) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        // It may refuse before it has read everything.
        let _ = std::io::Write::write_all(&mut stdin, &input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Waits until something is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come");
        thread::sleep(Duration::from_millis(5));
    }
}
