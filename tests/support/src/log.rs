//! What the server under test printed, kept to be shown when a test fails.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, mpsc::Sender},
    thread,
};

/// Lines kept in memory. A kill test makes many restarts; their beginnings matter less than the end.
const KEPT: usize = 4_000;

/// Lines shown for a failed test.
const SHOWN: usize = 200;

/// The lines that a server printed on both its streams, across restarts.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    kept: std::collections::VecDeque<String>,
    /// How many lines there have been in all; a mark is such a number.
    total: usize,
}

impl Log {
    /// Reads `stream` to its end on a thread of its own; each line also goes to `listener` while it listens.
    pub fn follow(&self, stream: impl Read + Send + 'static, listener: Option<Sender<String>>) {
        let log = self.clone();
        thread::spawn(move || {
            // Lossy, because a server that prints broken UTF-8 must still not be blocked on a full pipe.
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if let Some(listener) = &listener {
                    // Nobody listens any more once the server is ready.
                    let _ = listener.send(line.clone());
                }
                log.push(line);
            }
        });
    }

    /// Adds a line of the test's own, so that restarts can be told apart.
    pub fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap();
        if lines.kept.len() == KEPT {
            lines.kept.pop_front();
        }
        lines.kept.push_back(line);
        lines.total += 1;
    }

    /// The place where the next line will stand.
    pub fn mark(&self) -> usize {
        self.0.lock().unwrap().total
    }

    /// The last lines since `mark`, one per line, with a note when earlier ones are left out.
    pub fn since(&self, mark: usize) -> String {
        let lines = self.0.lock().unwrap();
        let wanted = (lines.total - mark).min(lines.kept.len()).min(SHOWN);
        let mut text = String::new();
        if wanted < lines.total - mark {
            text = format!("... {} earlier lines ...\n", lines.total - mark - wanted);
        }
        for line in lines.kept.iter().skip(lines.kept.len() - wanted) {
            text += line;
            text.push('\n');
        }
        text
    }

    /// Prints what came since `mark` if the calling thread is failing. To be called from `drop`.
    pub fn show_if_failing(&self, mark: usize) {
        if thread::panicking() {
            eprintln!("--- the homeserver's log during this test ---\n{}--- end of the log ---", self.since(mark));
        }
    }
}
