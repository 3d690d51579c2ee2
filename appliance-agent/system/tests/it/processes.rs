//! The homeserver as a process of the faked machine. A script stands for it: what is tested is who starts and ends it.

use crate::machine::code;
use hearth_system::{Fake, LogUnit, Measure, ServiceState, Services};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Says that it is ready as the service manager expects it, and then does `then`.
fn program(folder: &Path, then: &str) -> PathBuf {
    let path = folder.join("homeserver");
    let script = format!(
        "#!/usr/bin/env python3\nimport os, signal, socket, sys, time\n\
         def ready():\n    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n    s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])\n\
         {then}\n"
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn machine(folder: &Path, then: &str) -> Fake {
    let fake = Fake::open(&folder.join("machine"), &program(folder, then)).unwrap();
    fs::write(folder.join("machine/data/homeserver/homeserver.toml"), "").unwrap();
    fake
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

fn lives(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

const STAY: &str = "print('INFO serving', sys.argv[1:], flush=True)\nready()\nwhile True: signal.pause()";

#[test]
fn started_watched_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let fake = machine(folder.path(), STAY);
    assert_eq!(fake.homeserver_status().unwrap().state, ServiceState::Stopped);
    fake.start_homeserver().unwrap();
    fake.start_homeserver().unwrap();
    let status = fake.homeserver_status().unwrap();
    let pid = status.pid.unwrap();
    assert!(status.state == ServiceState::Running && lives(pid));
    until("its words are logged", || !fake.logs(LogUnit::Homeserver, 5).unwrap().is_empty());
    let line = fake.logs(LogUnit::Homeserver, 5).unwrap().remove(0);
    assert!(line.text.contains("'run', '--config'"), "{line:?}");

    fake.restart_homeserver().unwrap();
    let other = fake.homeserver_status().unwrap().pid.unwrap();
    assert!(other != pid && lives(other) && !lives(pid));
    fake.stop_homeserver().unwrap();
    fake.stop_homeserver().unwrap();
    assert!(!lives(other));
    assert_eq!(fake.homeserver_status().unwrap().state, ServiceState::Stopped);
    fake.start_homeserver().unwrap();
    let last = fake.homeserver_status().unwrap().pid.unwrap();
    drop(fake);
    assert!(!lives(last), "it ends with the machine");
}

#[test]
fn one_that_falls_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let fake = machine(folder.path(), STAY);
    fake.start_homeserver().unwrap();
    let pid = fake.homeserver_status().unwrap().pid.unwrap();
    std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    until("it runs again", || {
        let status = fake.homeserver_status().unwrap();
        status.state == ServiceState::Running && status.pid != Some(pid) && status.restarts == 1
    });
}

/// As one whose ports are still held by the one before it.
#[test]
fn one_that_falls_before_it_is_ready_is_started_again_too() {
    let folder = tempfile::tempdir().unwrap();
    let first = "mark = sys.argv[0] + '.mark'\nif not os.path.exists(mark):\n    open(mark, 'w').close()\n    sys.exit('in use')";
    let fake = machine(folder.path(), &format!("{first}\n{STAY}"));
    fake.start_homeserver().unwrap();
    assert_eq!(fake.homeserver_status().unwrap().restarts, 1);
}

#[test]
fn one_that_does_not_come_up_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let fake = machine(folder.path(), "print('the database is damaged', file=sys.stderr)\nsys.exit(1)");
    let error = fake.start_homeserver().unwrap_err();
    assert_eq!(
        (error.code(), error.params()["last_words"].as_str()),
        ("service_failed", Some("the database is damaged"))
    );
    let status = fake.homeserver_status().unwrap();
    assert_eq!((status.state, status.last_words.as_deref()), (ServiceState::Failed, Some("the database is damaged")));
}

#[test]
fn without_a_configuration_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let fake = machine(folder.path(), STAY);
    fs::remove_file(folder.path().join("machine/data/homeserver/homeserver.toml")).unwrap();
    assert_eq!(code(fake.start_homeserver()), "service_failed");
}

#[test]
fn faults_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let fake = machine(folder.path(), STAY);
    let faults = |text: &str| fs::write(folder.path().join("machine/faults.toml"), text).unwrap();
    faults("homeserver_start_fails = \"no room\"");
    assert_eq!(fake.start_homeserver().unwrap_err().params()["last_words"], "no room");
    faults("homeserver_failed = \"it fell\"");
    let status = fake.homeserver_status().unwrap();
    assert_eq!((status.state, status.last_words.as_deref()), (ServiceState::Failed, Some("it fell")));
    faults("homeserver_stop_fails = true");
    assert_eq!(code(fake.stop_homeserver()), "service_failed");
    faults("homeserver_command_fails = \"bad snapshot\"");
    let output = fake.run_homeserver(&["restore"], &mut std::io::empty()).unwrap();
    assert_eq!((output.success, output.stderr.as_str()), (false, "bad snapshot"));
}

#[test]
fn commands_get_their_input() {
    let folder = tempfile::tempdir().unwrap();
    let fake = machine(folder.path(), "print(sys.argv[1], len(sys.stdin.buffer.read()))");
    let mut input = std::io::Read::take(std::io::repeat(7), 3 << 20);
    let output = fake.run_homeserver(&["verify-snapshot"], &mut input).unwrap();
    assert_eq!((output.success, String::from_utf8(output.stdout).unwrap().trim()), (true, "verify-snapshot 3145728"));
}
