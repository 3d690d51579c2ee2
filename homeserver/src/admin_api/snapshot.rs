//! The database as one stream, while the server runs.

use super::Answer;
use crate::{
    http::{App, Error},
    rooms,
};
use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use bytes::Bytes;
use hearth_store::Snapshot;
use http::{HeaderValue, StatusCode, header};
use hyper::body::Frame;
use ruma::api::error::ErrorKind;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{runtime::Handle, sync::mpsc};

/// Pieces, of 64 KiB, that wait for whoever reads.
const WAITING: usize = 8;
/// A reader that takes nothing for so long has gone to sleep, and keeps the database's old pages from being used anew.
const STALLED: Duration = Duration::from_secs(120);
/// Routes of this chapter.
pub(super) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route("/v1/snapshot", get(snapshot))
}

/// `GET /v1/snapshot`: a consistent snapshot. Every change that was acknowledged before this answer began is in it.
/// The stream is cut off where it can't be finished; its end holds a checksum.
async fn snapshot(State(app): State<Arc<App>>) -> Answer {
    // Each reads the whole database, and holds its old pages.
    let Ok(turn) = Arc::clone(&app.snapshots).try_acquire_owned() else {
        let message = "Another snapshot is being taken; there is one at a time.";
        return Err(Error::new(StatusCode::CONFLICT, ErrorKind::Unknown, message));
    };
    let read = app.store.snapshot()?;
    let (pieces, waiting) = mpsc::channel(WAITING);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        dump(&read, Output { pieces: pieces.clone(), runtime }, &pieces);
    });
    let mut response = Response::new(Body::new(Pieces(waiting)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

fn dump(read: &Snapshot, output: Output, pieces: &mpsc::Sender<io::Result<Bytes>>) {
    match read.dump(output, rooms::state::nodes_in_order) {
        Ok(dumped) => {
            tracing::info!(bytes = dumped.bytes, rows = dumped.rows, position = %dumped.position, "a snapshot was taken");
        }
        Err(error) => {
            tracing::warn!(%error, "a snapshot could not be finished");
            // Breaks the connection off, so that nobody takes the part for the whole; one that is gone needs no telling.
            drop(pieces.try_send(Err(io::Error::other(error))));
        }
    }
}

/// Hands pieces on as they are taken.
struct Output {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = self.pieces.send(Ok(Bytes::copy_from_slice(bytes)));
        match self.runtime.block_on(async { tokio::time::timeout(STALLED, piece).await }) {
            Ok(Ok(())) => Ok(bytes.len()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the reader is gone")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the reader takes nothing")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
