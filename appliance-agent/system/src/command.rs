//! Running other programs: bounded in time and output, keys on standard input alone.

use crate::{Error, Output, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Timespec;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Long enough for anything that only asks or switches something.
pub(crate) const SHORT: Duration = Duration::from_secs(60);
/// Long enough for anything that goes over a slow disk.
pub(crate) const LONG: Duration = Duration::from_secs(30 * 60);

const MOST_ANSWER: u64 = 32 << 20;
const MOST_OUTPUT: u64 = 1 << 20;
const MOST_WORDS: usize = 16 << 10;

/// What a program of the system answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None`: ended by a signal.
    pub status: Option<i32>,
    pub stdout: String,
    /// Without blank ends.
    pub stderr: String,
}

impl Answer {
    /// The words for a log: standard error, or the status where it said nothing.
    pub fn detail(&self) -> String {
        match (self.stderr.is_empty(), self.status) {
            (false, _) => self.stderr.clone(),
            (true, Some(status)) => format!("it ended with status {status}"),
            (true, None) => "it was ended by a signal".to_owned(),
        }
    }
}

/// Runs a program of the system to its end and ends it after `limit`. Its environment holds nothing but a search path and
/// plain English; `input` is all that it gets to read.
pub(crate) fn call<A: AsRef<OsStr>>(
    program: &str,
    arguments: &[A],
    input: Option<&str>,
    limit: Duration,
) -> Result<Answer> {
    let failed = |error: io::Error| Error::ProgramFailed { program: program.to_owned(), detail: error.to_string() };
    let mut command = Command::new(program);
    command.args(arguments);
    bare(&mut command);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A key fits a pipe's buffer, so this waits for nobody. Who closes early says why by itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let pidfd = pidfd(&child).map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let stdout = scope.spawn(|| head(stdout, MOST_ANSWER));
        let stderr = scope.spawn(|| tail(stderr));
        let in_time = ends_within(&pidfd, limit);
        if !in_time {
            // An error here means that it has just ended by itself.
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        }
        let status = child.wait().map_err(failed)?;
        let stdout = stdout.join().unwrap_or_default();
        let stderr = stderr.join().unwrap_or_default();
        if !in_time {
            let detail = format!("it took longer than {} s", limit.as_secs());
            return Err(Error::ProgramFailed { program: program.to_owned(), detail });
        }
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        Ok(Answer { status: status.code(), stdout, stderr })
    })
}

/// As [`call`], and a failure of the program is an error; gives its standard output.
pub(crate) fn ask<A: AsRef<OsStr>>(
    program: &str,
    arguments: &[A],
    input: Option<&str>,
    limit: Duration,
) -> Result<String> {
    let answer = call(program, arguments, input, limit)?;
    if answer.status == Some(0) {
        return Ok(answer.stdout);
    }
    Err(Error::ProgramFailed { program: program.to_owned(), detail: answer.detail() })
}

/// Runs `command` to its end with `input` on its standard input; see [`crate::Services::run_homeserver`].
pub(crate) fn feed(mut command: Command, input: &mut (dyn Read + Send)) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: io::Error| Error::ProgramFailed { program: program.clone(), detail: error.to_string() };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let pidfd = pidfd(&child).map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let stdout = scope.spawn(|| head(stdout, MOST_OUTPUT));
        let stderr = scope.spawn(|| tail(stderr));
        let mut stdin = stdin;
        let fed = stdin.as_mut().map_or(Ok(()), |stdin| pour(input, stdin));
        if fed.is_err() {
            // Before its input is closed: it must not take half of it for the whole.
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        }
        drop(stdin);
        let status = child.wait().map_err(failed)?;
        let stdout = stdout.join().unwrap_or_default();
        let stderr = stderr.join().unwrap_or_default();
        fed.map_err(Error::Input)?;
        Ok(Output { success: status.success(), stdout, stderr })
    })
}

/// An environment without anything of ours.
pub(crate) fn bare(command: &mut Command) {
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// Copies until either side ends. Only the reader's failure is one: who stops reading has its reasons and says them.
fn pour(input: &mut dyn Read, output: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if output.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            return Ok(());
        }
    }
}

pub(crate) fn pidfd(child: &Child) -> io::Result<OwnedFd> {
    Ok(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?)
}

/// Whether a process ends within `limit`.
pub(crate) fn ends_within(pidfd: &OwnedFd, limit: Duration) -> bool {
    let wait = Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    };
    loop {
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&wait)) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// The first bytes of a stream; the rest is read and dropped, so that the writer never waits.
fn head(stream: Option<impl Read>, most: u64) -> Vec<u8> {
    let Some(mut stream) = stream else { return Vec::new() };
    let mut bytes = Vec::new();
    // What was read before an error is still worth having.
    let _ = (&mut stream).take(most).read_to_end(&mut bytes);
    let _ = io::copy(&mut stream, &mut io::sink());
    bytes
}

/// The last words of a stream.
fn tail(stream: Option<impl Read>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut kept = VecDeque::new();
    let mut buffer = vec![0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        kept.extend(buffer.iter().take(read));
        let surplus = kept.len().saturating_sub(MOST_WORDS);
        kept.drain(..surplus);
    }
    let bytes = Vec::from(kept);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_goes_in_and_answers_come_out() {
        let answer = call("sh", &["-c", "cat; echo words >&2; exit 3"], Some("key"), SHORT).unwrap();
        assert_eq!((answer.status, answer.stdout.as_str(), answer.stderr.as_str()), (Some(3), "key", "words"));
        let error = ask("sh", &["-c", "echo words >&2; exit 3"], None, SHORT).unwrap_err();
        assert_eq!(error.params()["detail"], "words");
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let error = call("sleep", &["1000"], None, Duration::from_millis(100)).unwrap_err();
        assert!(error.params()["detail"].as_str().unwrap().contains("longer"), "{error:?}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = call::<&str>("hearth-no-such-program", &[], None, SHORT).unwrap_err();
        assert_eq!(error.params()["program"], "hearth-no-such-program");
    }

    #[test]
    fn nothing_of_our_environment_is_handed_on() {
        let answer = ask("env", &[] as &[&str], None, SHORT).unwrap();
        assert!(answer.lines().all(|line| line.starts_with("PATH=") || line.starts_with("LC_ALL=")), "{answer}");
    }

    #[test]
    fn only_the_last_words_are_kept() {
        let script = "i=0; while [ $i -lt 3000 ]; do echo line-$i >&2; i=$((i+1)); done";
        let answer = call("sh", &["-c", script], None, SHORT).unwrap();
        assert!(answer.stderr.ends_with("line-2999") && answer.stderr.len() <= MOST_WORDS);
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("pulled out"))
        }
    }

    #[test]
    fn a_failed_input_is_never_taken_for_an_ended_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg("cat >/dev/null; touch whole").current_dir(folder.path());
        let error = feed(command, &mut (&b"some"[..]).chain(Broken)).unwrap_err();
        assert_eq!(error.code(), "input_failed");
        assert!(!folder.path().join("whole").exists());
    }

    #[test]
    fn who_stops_reading_says_why() {
        let mut command = Command::new("sh");
        command.arg("-c").arg("echo full >&2; exit 1");
        let output = feed(command, &mut io::repeat(7).take(10 << 20)).unwrap();
        assert_eq!((output.success, output.stderr.as_str()), (false, "full"));
    }
}
