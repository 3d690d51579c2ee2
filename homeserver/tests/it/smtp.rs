//! The mail server of `tests/peers/smtp`, started for a test.

use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::Duration,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Longest time for something that must happen. The first start of all installs the server.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long is waited for what must not happen.
const QUIET: Duration = Duration::from_millis(400);

/// A running mail server, which ends with this.
pub struct Relay {
    child: Child,
    orders: ChildStdin,
    letters: UnboundedReceiver<Value>,
    done: UnboundedReceiver<Value>,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Relay {
    /// Starts a server that takes everything from everybody.
    pub async fn open() -> Self {
        Self::start(&[]).await
    }

    /// Starts one with options of the program.
    pub async fn start(options: &[&str]) -> Self {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/smtp/relay");
        let mut child = Command::new(&program)
            .arg("serve")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} needs python3 with venv: {error}", program.display()));
        let orders = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (ready_to, mut ready) = unbounded_channel();
        let (letters_to, letters) = unbounded_channel();
        let (done_to, done) = unbounded_channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap();
                let to = [("ready", &ready_to), ("letter", &letters_to), ("done", &done_to)];
                let (name, to) = to.into_iter().find(|(name, _)| line.get(name).is_some()).unwrap();
                // The test may be over.
                let _ = to.send(line[name].clone());
            }
        });
        let port = tokio::time::timeout(PATIENCE, ready.recv()).await.unwrap_or_default();
        let port =
            port.expect("the mail server did not start: its words stand above; it needs python3 with venv, and PyPI");
        Self { child, orders, letters, done, port: u16::try_from(port.as_u64().unwrap()).unwrap() }
    }

    /// The next letter.
    pub async fn letter(&mut self) -> Value {
        let letter = tokio::time::timeout(PATIENCE, self.letters.recv()).await;
        letter.expect("no letter came").expect("the mail server ended")
    }

    /// No letter comes.
    pub async fn stays_empty(&mut self) {
        if let Ok(letter) = tokio::time::timeout(QUIET, self.letters.recv()).await {
            panic!("a letter came: {letter:?}");
        }
    }

    /// Has the next `times` of a stage answered by `text`, every one where there is no number; as usual again where the
    /// text is empty.
    pub async fn answer(&mut self, stage: &str, text: &str, times: Option<u32>) {
        let order = json!({ "reply": { "stage": stage, "text": text, "times": times } });
        writeln!(self.orders, "{order}").unwrap();
        tokio::time::timeout(PATIENCE, self.done.recv()).await.expect("the mail server does not listen");
    }

    /// As the owner sets it, without a login.
    pub fn settings(&self) -> Value {
        json!({
            "host": "127.0.0.1", "port": self.port, "security": "none", "user": "",
            "from": "Hearth at home <hearth@example.org>",
        })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
