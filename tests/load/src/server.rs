//! A homeserver that this program started, and therefore ends.

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    ffi::OsString,
    fs::File,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// From its start until a server answers.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// From SIGTERM until a server is gone. Then it is killed.
const GONE_WITHIN: Duration = Duration::from_secs(15);
/// From util-linux. It sets what should happen to a process when its parent dies, then becomes that process.
const SETPRIV: &str = "/usr/bin/setpriv";

pub struct Server {
    child: Child,
    pub url: String,
    log: PathBuf,
}

impl Server {
    /// Starts a program that prints a line `ready URL` when it serves. What it prints otherwise goes to `log`.
    pub async fn start(program: &Path, arguments: &[OsString], log: &Path) -> Result<Server> {
        let stderr = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let mut lines = stderr.try_clone()?;
        let mut child = command(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let stdout = child.stdout.take();
        // From here on dropping this value ends the process.
        let mut server = Server { child, url: String::new(), log: log.to_owned() };
        let (announce, announced) = oneshot::channel();
        let mut announce = Some(announce);
        let stdout = BufReader::new(stdout.context("a started server has no stdout")?);
        // Reads to the end, ready or not: a server that nobody reads from stands still once the pipe is full.
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("ready ")
                    && let Some(announce) = announce.take()
                {
                    let _ = announce.send(url.trim().to_owned());
                }
                let _ = writeln!(lines, "{line}");
            }
        });
        match tokio::time::timeout(READY_WITHIN, announced).await {
            Ok(Ok(url)) => server.url = url,
            Ok(Err(_)) => bail!("{} ended before it was ready:\n{}", program.display(), server.last_words()),
            Err(_) => bail!("{} was not ready in time:\n{}", program.display(), server.last_words()),
        }
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines.split_at(lines.len().saturating_sub(20)).1.join("\n")
    }
}

impl Drop for Server {
    /// Ends the process and waits until it is gone. Blocks, for nothing else is left to do.
    fn drop(&mut self) {
        // Still unreaped, so the pid can't have become another's.
        if let (Ok(None), Ok(pid)) = (self.child.try_wait(), i32::try_from(self.child.id())) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let give_up = Instant::now() + GONE_WITHIN;
        while Instant::now() < give_up {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, asked to end with this one even when this one is killed. The pid stays the program's own.
fn command(program: &Path) -> Command {
    if !Path::new(SETPRIV).exists() {
        return Command::new(program);
    }
    let mut command = Command::new(SETPRIV);
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// A port of loopback that nothing listened on a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn shell(script: &str) -> [OsString; 2] {
        ["-c".into(), script.into()]
    }

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("hearth-load-{}-{name}.log", std::process::id()))
    }

    #[tokio::test]
    async fn a_started_server_is_ended_when_dropped() {
        let log = log("dropped");
        let script = "echo starting; echo ready http://127.0.0.1:1; exec sleep 60";
        let server = Server::start(Path::new("/bin/sh"), &shell(script), &log).await.unwrap();
        assert_eq!(server.url, "http://127.0.0.1:1");
        let folder = PathBuf::from(format!("/proc/{}", server.pid()));
        assert!(folder.exists());
        drop(server);
        assert!(!folder.exists());
        fs::remove_file(log).unwrap();
    }

    #[tokio::test]
    async fn a_server_that_gives_up_is_quoted() {
        let log = log("quoted");
        let outcome = Server::start(Path::new("/bin/sh"), &shell("echo no room at the inn >&2"), &log).await;
        let error = outcome.err().unwrap().to_string();
        assert!(error.contains("ended before it was ready") && error.contains("no room at the inn"), "{error}");
        fs::remove_file(log).unwrap();
    }
}
