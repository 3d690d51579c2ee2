//! The socket: where it lies, who may come in, and how many at a time.

use crate::http::limits;
use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
};

/// Connections at one time; further ones wait to be accepted.
const CONNECTIONS: usize = 32;
/// How long requests may go on once the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// A socket that can't be made; the words are for the owner.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SocketError(String);

/// An open socket. Its file goes with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// (device, inode) of the file, so that nobody else's is removed.
    file: (u64, u64),
    /// The server's own user, who made the file.
    owner: u32,
}

impl Socket {
    /// Makes the socket, in place of one that a server before left behind.
    ///
    /// # Errors
    /// [`SocketError`], also where another server answers there or something else lies there.
    pub async fn open(path: &Path) -> Result<Self, SocketError> {
        let wrong = |error: &dyn std::fmt::Display| {
            SocketError(format!(
                "The admin socket {} can't be made: {error}. Check the setting admin_socket, and that the server's user may write in that folder.",
                path.display()
            ))
        };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(&error)),
            Ok(there) if !there.file_type().is_socket() => {
                return Err(wrong(&"something else lies there, and is left alone"));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(wrong(&"another server is running and answers there"));
            }
            Ok(_) => {}
        }
        // Made under another name, closed to all others, and only then put in its place: nobody finds it open for a
        // moment, and what a server before left there is replaced in one step.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(&error)),
            _ => {}
        }
        let listener = UnixListener::bind(&fresh).map_err(|error| wrong(&error))?;
        let made = fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))
            .and_then(|()| fs::symlink_metadata(&fresh))
            .and_then(|file| fs::rename(&fresh, path).map(|()| file))
            .map_err(|error| wrong(&error))?;
        Ok(Self { listener, path: path.to_owned(), file: (made.dev(), made.ino()), owner: made.uid() })
    }

    /// Answers root and the server's own user until `stop` is set or gone.
    pub async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                accepted = async {
                    let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
                    Some((self.accept().await?, permit))
                } => accepted,
            };
            let Some((stream, permit)) = accepted else { continue };
            let (router, watcher) = (router.clone(), graceful.watcher());
            tokio::spawn(async move {
                let _permit = permit;
                let mut builder = hyper::server::conn::http1::Builder::new();
                builder
                    .timer(TokioTimer::new())
                    .header_read_timeout(limits::HEAD_TIME)
                    .max_buf_size(limits::HEAD_BYTES);
                let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(%error, "a connection to the admin socket ended in an error");
                }
            });
        }
        if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
            tracing::debug!("some requests to the admin socket were still running when the server stopped");
        }
    }

    async fn accept(&self) -> Option<UnixStream> {
        let stream = match self.listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the admin socket could not be accepted");
                // Out of file descriptors, most likely: give those that are open a moment to close.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return None;
            }
        };
        // The file's mode keeps others out; this holds where somebody has opened it to them.
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == 0 || peer.uid() == self.owner => Some(stream),
            Ok(peer) => {
                tracing::warn!(uid = peer.uid(), "somebody who may not was at the admin socket");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "it could not be seen who was at the admin socket");
                None
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == self.file);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the admin socket could not be removed");
        }
    }
}
