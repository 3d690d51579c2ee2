//! A database that can't be written any more: the process ends, for a new one is the only cure.

use crate::{
    process::{Process, wait_until},
    tls::ports,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
};

/// Changes of half a MiB; the disk is full long before the last.
const MOST: usize = 100;

/// Sends a request and returns the answer as it came; empty where there is none.
fn ask(port: u16, method: &str, path: &str, token: &str, body: &Value) -> String {
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        // A server that ends just now may be gone before it has read or said everything.
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    }
    answer
}

/// It went on and answered every request by a 500, where no watchdog ended it.
#[test]
fn a_server_whose_database_cannot_be_written_ends_with_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let configuration = format!(
        "server_name = \"example.org\"\ndata = {data:?}\nlisten = \"127.0.0.1:0\"\nplain = true\nregistration = \"open\"\n\
         rate_limits = false\n"
    );
    fs::write(folder.path().join("homeserver.toml"), configuration).unwrap();
    let mut process = Process::start(folder.path(), |_| ());
    let new = json!({ "username": "ann", "password": "8 letters", "auth": { "type": "m.login.dummy" } });
    let answer = ask(ports(process.child.id())[0], "POST", "/_matrix/client/v3/register", "", &new);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let token = serde_json::from_str::<Value>(body).unwrap()["access_token"].as_str().unwrap().to_owned();
    process.signal("TERM");
    assert!(process.child.wait().unwrap().success());

    // No file may grow by more than a MiB. The size is given in blocks of 512 bytes.
    let blocks = fs::metadata(data.join("hearth.redb")).unwrap().len() / 512 + 2048;
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh", &blocks.to_string()])
        .args([env!("CARGO_BIN_EXE_hearth-homeserver"), "run", "--config"])
        .arg(folder.path().join("homeserver.toml"))
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env("HEARTH_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = Process::of(command);
    let port = ports(process.child.id())[0];
    let is_stored = |n: usize| {
        let path = format!("/_matrix/client/v3/user/@ann:example.org/account_data/org.example.{n}");
        ask(port, "PUT", &path, &token, &json!({ "x": "y".repeat(500_000) })).starts_with("HTTP/1.1 200")
    };
    let stored = (0..MOST).take_while(|n| is_stored(*n)).count();
    assert!(stored < MOST, "the disk was never full");
    wait_until("the end of the process", || process.child.try_wait().unwrap().is_some());
    assert!(!process.child.wait().unwrap().success(), "a manager that looks at the status would not start it anew");
    let mut words = String::new();
    process.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("The database failed: "), "{words}");
}
