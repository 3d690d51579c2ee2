//! Streams between the homeserver, its commands and the repository. Nothing of them is written to the card on the way.

use crate::{app::App, jobs, problem::Problem};
use bytes::{Buf as _, Bytes};
use hearth_replication::{Counts, Progress};
use hearth_system::Output;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::{
    io::{self, PipeWriter, Read, Write as _},
    ops::ControlFlow,
    sync::Arc,
    thread,
};
use tokio::sync::mpsc;

/// Pieces of a body that wait to be read.
const PIECES: usize = 8;

/// A body that arrives on the runtime, read by a thread that may wait. One that breaks off is an error and no end.
#[derive(Debug)]
pub struct BodyReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
    ended: bool,
}

impl BodyReader {
    /// Takes up the body; to be called on the runtime.
    pub fn new(mut body: Incoming) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES);
        tokio::spawn(async move {
            while let Some(frame) = body.frame().await {
                let piece = match frame {
                    Ok(frame) => frame.into_data().map(Ok).unwrap_or_else(|_| Ok(Bytes::new())),
                    Err(error) => Err(io::Error::other(error)),
                };
                let broken = piece.is_err();
                if sender.send(piece).await.is_err() || broken {
                    return;
                }
            }
            // An empty piece of its own says that this is the end and not a sender that was dropped.
            let _ = sender.send(Err(io::ErrorKind::UnexpectedEof.into())).await;
        });
        Self { pieces, piece: Bytes::new(), ended: false }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.ended || buffer.is_empty() {
                return Ok(0);
            }
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => self.ended = true,
                Some(Err(error)) => return Err(error),
                None => return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the homeserver's stream broke off")),
            }
        }
        let length = buffer.len().min(self.piece.len());
        if let Some(start) = buffer.get_mut(..length) {
            self.piece.copy_to_slice(start);
        }
        Ok(length)
    }
}

/// Runs one of the homeserver's commands on what `produce` writes, and gives what both said. Blocks.
///
/// # Errors
/// The producer's error first, for a command that got half a stream can only complain of that; then the machine's, and
/// `replica_refused` where the command itself did not accept the stream.
pub fn into_command<T>(
    app: &App,
    arguments: &[&str],
    produce: impl FnOnce(&mut PipeWriter) -> Result<T, Problem>,
) -> Result<(T, Output), Problem> {
    let (mut reader, mut writer) = io::pipe().map_err(|error| Problem::internal(&error))?;
    let system = Arc::clone(&app.system);
    let (produced, output) = thread::scope(|scope| {
        let command = scope.spawn(move || {
            let output = system.run_homeserver(arguments, &mut reader);
            // A command that ended early must not leave the producer waiting.
            drop(reader);
            output
        });
        let produced = produce(&mut writer).and_then(|value| {
            writer.flush().map_err(|error| Problem::internal(&error))?;
            Ok(value)
        });
        drop(writer);
        (produced, command.join())
    });
    let output = output.map_err(|_| Problem::internal(&"running the homeserver's command panicked"))?;
    match (produced, output) {
        (Ok(value), Ok(output)) if output.success => Ok((value, output)),
        // What the command said is the cause where it stopped reading.
        (Err(problem), Ok(output)) if !output.success && problem.code == "replica_refused" => {
            Err(refused(&output, problem))
        }
        (Err(problem), _) => Err(problem),
        (_, Err(error)) => Err(error.into()),
        (Ok(_), Ok(output)) => Err(refused(
            &output,
            Problem::new(
                http::StatusCode::UNPROCESSABLE_ENTITY,
                "replica_refused",
                "The homeserver did not accept the replica's database.",
                "Choose another replica; this one is not whole.",
            ),
        )),
    }
}

fn refused(output: &Output, problem: Problem) -> Problem {
    problem.with("detail", output.stderr.trim())
}

/// Shows a repository's counts as a step's fraction or, where the end is not known, as bytes.
pub fn progress(job: &jobs::Progress, step: &'static str) -> Progress {
    let job = job.clone();
    Progress::new(move |Counts { read, total, .. }| {
        match total.filter(|total| *total > 0) {
            #[expect(clippy::cast_precision_loss, reason = "a bar on a page")]
            Some(total) => job.fraction(step, read as f64 / total as f64),
            None => job.detail(step, format!("{} MB", read / 1_000_000)),
        }
        ControlFlow::Continue(())
    })
}
