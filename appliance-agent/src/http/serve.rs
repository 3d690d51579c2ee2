//! The accept loop: connections in, requests to a router, an orderly end.

use super::guard::Peer;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// Connections at a time on one listener: a household and its browsers.
const CONNECTIONS: usize = 256;
/// The longest that a TLS handshake, and then the head of a request, may take.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The largest head of a request in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// Requests at a time within one HTTP/2 connection.
const STREAMS: u32 = 32;
/// How long requests may go on once the listener is told to stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a listener serves, and until when.
#[expect(missing_debug_implementations, reason = "the TLS acceptor has none")]
pub struct Listening {
    /// The socket.
    pub listener: TcpListener,
    /// TLS, if this is not plain HTTP.
    pub tls: Option<TlsAcceptor>,
    /// Who answers.
    pub router: Router,
    /// Turns true, or goes away, when it is time to stop.
    pub stop: watch::Receiver<bool>,
}

/// Serves until told to stop; the socket is closed when this returns.
pub async fn serve(listening: Listening) {
    let Listening { listener, tls, router, mut stop } = listening;
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of file descriptors, most likely: those that are open get a moment to close.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (router, tls, watcher) = (router.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _permit = permit;
            match tls {
                None => connection(stream, Peer(peer.ip()), router, watcher).await,
                Some(tls) => match tokio::time::timeout(HEAD_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, Peer(peer.ip()), router, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
                },
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::debug!("some requests were still running when a listener stopped");
    }
}

async fn connection<S>(stream: S, peer: Peer, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(60));
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(peer = %peer.0, %error, "a connection ended in an error");
    }
}
