//! The homeserver as a process of this one: started, watched and started again as systemd would, and ended with it.

use super::clock::milliseconds;
use super::lock;
use super::record::Log;
use crate::command::{ends_within, pidfd};
use crate::{Error, Paths, Result, ServiceState, ServiceStatus};
use rustix::process::{Pid, Signal, kill_process, pidfd_send_signal};
use rustix::time::ClockId;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// The service.
#[derive(Debug)]
pub(super) struct Homeserver {
    place: Place,
    now: Arc<(Mutex<Now>, Condvar)>,
}

#[derive(Clone, Debug)]
struct Place {
    program: PathBuf,
    configuration: PathBuf,
    notify: PathBuf,
    log: Arc<Log>,
}

#[derive(Debug)]
struct Now {
    wanted: bool,
    /// Whether a thread looks after it.
    tended: bool,
    status: ServiceStatus,
}

const READY_WITHIN: Duration = Duration::from_secs(120);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);
const MOST_RESTARTS: u64 = 5;

impl Homeserver {
    pub fn new(program: &Path, paths: &Paths, log: Arc<Log>) -> Self {
        let place = Place {
            program: program.to_owned(),
            configuration: paths.homeserver.join("homeserver.toml"),
            notify: paths.run.join("notify.socket"),
            log,
        };
        let status = ServiceStatus { state: ServiceState::Stopped, restarts: 0, pid: None, last_words: None };
        Self { place, now: Arc::new((Mutex::new(Now { wanted: false, tended: false, status }), Condvar::new())) }
    }

    pub fn program(&self) -> &Path {
        &self.place.program
    }

    pub fn status(&self) -> ServiceStatus {
        lock(&self.now.0).status.clone()
    }

    pub fn start(&self) -> Result<()> {
        let (mutex, changed) = &*self.now;
        let mut now = lock(mutex);
        now.wanted = true;
        if !now.tended {
            now.tended = true;
            now.status = ServiceStatus { state: ServiceState::Starting, restarts: 0, pid: None, last_words: None };
            let (place, shared) = (self.place.clone(), Arc::clone(&self.now));
            // A thread of its own: the process ends with the thread that started it.
            thread::spawn(move || tend(&place, &shared));
        }
        let starting = |now: &mut Now| now.status.state == ServiceState::Starting;
        let (now, late) = match changed.wait_timeout_while(now, READY_WITHIN, starting) {
            Ok((now, late)) => (now, late.timed_out()),
            Err(poisoned) => (poisoned.into_inner().0, false),
        };
        match now.status.state {
            ServiceState::Running => Ok(()),
            _ if late => failed("start", "it does not say that it is ready"),
            _ => failed("start", now.status.last_words.as_deref().unwrap_or("it was stopped meanwhile")),
        }
    }

    pub fn stop(&self) -> Result<()> {
        let (mutex, changed) = &*self.now;
        let mut now = lock(mutex);
        now.wanted = false;
        changed.notify_all();
        if let Some(pid) = now.status.pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // While it is tended it is not waited for by anybody else, so the number is still its own.
            let _ = kill_process(pid, Signal::TERM);
        }
        let (now, late) = match changed.wait_timeout_while(now, STOPPED_WITHIN, |now| now.tended) {
            Ok((now, late)) => (now, late.timed_out()),
            Err(poisoned) => (poisoned.into_inner().0, false),
        };
        drop(now);
        if late { failed("stop", "it does not end") } else { Ok(()) }
    }
}

impl Drop for Homeserver {
    fn drop(&mut self) {
        // Who ends this process is told elsewhere; the homeserver ends with it in any case.
        let _ = self.stop();
    }
}

fn failed(verb: &'static str, last_words: &str) -> Result<()> {
    Err(Error::ServiceFailed { verb, last_words: last_words.to_owned() })
}

/// Starts it, waits for its end, and starts it again for as long as it is wanted, also where it never got ready: the homeserver of a box that
/// was just ended may hold ports and database for a moment more.
fn tend(place: &Place, shared: &(Mutex<Now>, Condvar)) {
    let (mutex, changed) = shared;
    loop {
        let tell = |pid, ready| {
            let mut now = lock(mutex);
            now.status.pid = Some(pid);
            now.status.state = if ready { ServiceState::Running } else { ServiceState::Starting };
            changed.notify_all();
            now.wanted
        };
        let (ran, words) = match run(place, &tell) {
            Ok(words) => (true, words),
            Err(error) => (false, error.to_string()),
        };
        let mut now = lock(mutex);
        now.status.pid = None;
        if !now.wanted {
            now.status.state = ServiceState::Stopped;
        } else if !ran || now.status.restarts >= MOST_RESTARTS {
            now.wanted = false;
            now.status.state = ServiceState::Failed;
            now.status.last_words = Some(words);
        } else {
            now.status.restarts += 1;
            now.status.state = ServiceState::Starting;
            changed.notify_all();
            let waited = changed.wait_timeout_while(now, PAUSE, |now| now.wanted);
            let mut now = match waited {
                Ok((now, _)) => now,
                Err(poisoned) => poisoned.into_inner().0,
            };
            if now.wanted {
                continue;
            }
            now.status.state = ServiceState::Stopped;
            now.tended = false;
            changed.notify_all();
            return;
        }
        now.tended = false;
        changed.notify_all();
        return;
    }
}

/// One life of the process: its last words. `tell` hears its number, and again when it is ready, and says whether it is still wanted.
fn run(place: &Place, tell: &dyn Fn(u32, bool) -> bool) -> io::Result<String> {
    if !place.configuration.exists() {
        return Err(io::Error::other("there is no configuration yet"));
    }
    match std::fs::remove_file(&place.notify) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let ear = UnixDatagram::bind(&place.notify)?;
    ear.set_read_timeout(Some(Duration::from_millis(50)))?;
    // setpriv becomes the program, which the kernel then ends when the thread that runs this ends: with this process.
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(&place.program)
        .args(["run", "--config"])
        .arg(&place.configuration)
        .env("NOTIFY_SOCKET", &place.notify)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if !tell(child.id(), false) {
        // It was stopped before anybody knew its number.
        child.kill()?;
    }
    let words = Arc::new(Mutex::new(String::new()));
    let readers = [
        child.stdout.take().map(|stream| listen(stream, place, &words)),
        child.stderr.take().map(|stream| listen(stream, place, &words)),
    ];
    if until_ready(&ear, &mut child)? {
        tell(child.id(), true);
    }
    child.wait()?;
    for reader in readers.into_iter().flatten() {
        // It only ends by the stream's end.
        let _ = reader.join();
    }
    let words = lock(&words).clone();
    Ok(words)
}

/// Whether it said so before it ended or the time was up; in the latter case it is ended.
fn until_ready(ear: &UnixDatagram, child: &mut Child) -> io::Result<bool> {
    let pidfd = pidfd(child)?;
    let began = milliseconds(ClockId::Boottime);
    let mut buffer = [0; 4096];
    loop {
        match ear.recv(&mut buffer) {
            Ok(length) => {
                let message = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
                if message.lines().any(|line| line == "READY=1") {
                    return Ok(true);
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if ends_within(&pidfd, Duration::ZERO) {
            return Ok(false);
        }
        if u128::from(milliseconds(ClockId::Boottime).saturating_sub(began)) > READY_WITHIN.as_millis() {
            // An error here means that it has just ended by itself.
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
            return Ok(false);
        }
    }
}

/// Its lines go to the machine's log; the last five are kept.
fn listen(stream: impl Read + Send + 'static, place: &Place, words: &Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    let (log, words) = (Arc::clone(&place.log), Arc::clone(words));
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            log.add(milliseconds(ClockId::Realtime), "homeserver", &line);
            let mut words = lock(&words);
            let kept: Vec<&str> = words.lines().rev().take(4).collect();
            let kept: String = kept.into_iter().rev().map(|line| format!("{line}\n")).collect();
            *words = kept + &crate::logs::tidy(&line);
        }
    })
}
