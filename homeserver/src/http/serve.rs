//! The accept loop: connections in, requests to the router, an orderly end.

use super::{
    limits,
    places::{Place, Places},
    stream::{Stream, first_bytes},
    tls,
};
use axum::{Router, extract::ConnectInfo};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower::ServiceExt as _;

/// Longest time for a TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long requests may go on once the server is told to stop. Long polls end with their connection and are asked again.
const FAREWELL: Duration = Duration::from_secs(2);
/// Requests at one time within an HTTP/2 connection.
const STREAMS: u32 = 64;
/// Bytes of bodies that an HTTP/2 connection may have sent before they are asked for. They lie in memory while their requests
/// wait for their turn (`memory.rs`), and are in no account there.
const WINDOW: u32 = 128 << 10;

/// What the server puts up with. Every state that a connection can be in has an end: a handshake, a head, a body and an answer
/// have their times, each HTTP/1 connection waits for its next request no longer than for a head, and HTTP/2 asks from time
/// to time whether anybody is there.
#[derive(Debug, Clone, Copy)]
struct Terms {
    /// Connections at one time; further ones wait to be accepted.
    connections: usize,
    /// Connections of one network at one time, of a large household's or an office's many clients; further ones are closed.
    each: Option<usize>,
    /// Longest time until it shows what HTTP a client speaks.
    silence: Duration,
    /// Longest time in which a client takes no byte of an answer.
    patience: Duration,
    /// How long at least a connection is kept on which nothing is asked; twice as long at most. Beside the silent ones this
    /// ends those whose clients answer HTTP/2's pings, but leave their answers where they are.
    idle: Duration,
}

impl Terms {
    /// A server without TLS stands behind a proxy, which brings everybody's connections and has to count them itself.
    fn usual(is_public: bool) -> Self {
        Self {
            connections: 4096,
            each: is_public.then_some(256),
            silence: limits::HEAD_TIME,
            patience: Duration::from_secs(60),
            idle: Duration::from_secs(5 * 60),
        }
    }
}

/// Serves on all of the listeners until `stop` comes, then lets running requests end for a moment.
pub async fn serve(
    listeners: Vec<TcpListener>,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let terms = Terms::usual(tls.is_some());
    serve_on(terms, listeners, tls, router, stop).await;
}

async fn serve_on(
    terms: Terms,
    listeners: Vec<TcpListener>,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let places = Places::new(terms.connections, terms.each);
    let (ending, _) = watch::channel(());
    let mut stop = pin!(stop);
    for turn in 0.. {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listeners, turn, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (router, tls, ending) = (router.clone(), tls.clone(), ending.subscribe());
        tokio::spawn(async move {
            let _place = place;
            match tls {
                None => connection(stream, peer, router, terms, ending).await,
                Some(tls) => match timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) if is_challenge(&stream) => farewell(stream).await,
                    Ok(Ok(stream)) => connection(stream, peer, router, terms, ending).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
                },
            }
        });
    }
    drop(listeners);
    ending.send_replace(());
    if timeout(FAREWELL, ending.closed()).await.is_err() {
        tracing::debug!("some requests were still running when the server stopped");
    }
}

async fn accept(
    listeners: &[TcpListener],
    turn: usize,
    places: &Arc<Places>,
) -> Option<(TcpStream, SocketAddr, Place)> {
    let free = places.free().await?;
    // Whichever has one; another is asked first each time, so that a busy one keeps none waiting.
    let any = poll_fn(|context| {
        let in_turn = listeners.iter().cycle().skip(turn % listeners.len().max(1)).take(listeners.len());
        let ready = in_turn.into_iter().find_map(|listener| match listener.poll_accept(context) {
            Poll::Ready(accepted) => Some(accepted),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    });
    match any.await {
        Ok((stream, peer)) => {
            // Answers are small and waited for; Nagle's algorithm would hold them back.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
            }
            let place = places.give(free, peer.ip());
            if place.is_none() {
                tracing::debug!(%peer, "a connection was closed at once: its network has as many as it may");
            }
            Some((stream, peer, place?))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            // Out of file descriptors, most likely: give those that are open a moment to close.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// A certificate authority has seen what it came for in the handshake.
fn is_challenge(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(tls::CHALLENGE)
}

async fn farewell(mut stream: TlsStream<TcpStream>) {
    // It may be gone already; there is nothing left to say.
    let _ = stream.shutdown().await;
}

/// Serves a connection to its end. `ending` changes when the server is told to stop.
async fn connection<S>(mut stream: S, peer: SocketAddr, router: Router, terms: Terms, mut ending: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let first = tokio::select! {
        first = timeout(terms.silence, first_bytes(&mut stream)) => first,
        _ = ending.changed() => return,
    };
    let first = match first {
        Ok(Ok(first)) => first,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "a connection ended before it began"),
        Err(_) => return tracing::debug!(%peer, "a connection was closed: its client says nothing"),
    };
    let requests = Arc::new(Requests::default());
    let counted = Arc::clone(&requests);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let (router, under_way) = (router.clone(), counted.begin());
        async move {
            let answer = router.oneshot(request).await;
            drop(under_way);
            answer
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HEAD_BYTES)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(u32::try_from(limits::HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(60));
    let stream = TokioIo::new(Stream::new(stream, first, terms.patience));
    let mut connection = pin!(builder.serve_connection_with_upgrades(stream, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        _ = ending.changed() => Err(()),
        () = requests.none_for(terms.idle) => Err(()),
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(()) => {
            // What is under way may still come to its end.
            connection.as_mut().graceful_shutdown();
            match timeout(terms.patience, connection).await {
                Ok(ended) => ended,
                Err(_) => return tracing::debug!(%peer, "a connection was closed that would not end by itself"),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended in an error");
    }
}

/// The requests of a connection: whether there are any.
#[derive(Debug, Default)]
struct Requests {
    begun: AtomicU64,
    /// Of these; one is over once its handler is, whatever the client makes of the answer.
    ended: AtomicU64,
}

/// A request that has no answer yet.
struct UnderWay(Arc<Requests>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Requests {
    fn begin(self: &Arc<Self>) -> UnderWay {
        self.begun.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Waits until none was begun and none under way for so long. Looks now and then, so that a request costs two additions.
    async fn none_for(&self, time: Duration) {
        let mut before = None;
        loop {
            let (begun, ended) = (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
            if begun == ended && before == Some(begun) {
                return;
            }
            before = (begun == ended).then_some(begun);
            tokio::time::sleep(time).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::sync::Mutex;
    use tokio::{
        io::AsyncReadExt as _,
        sync::oneshot::{self, Receiver},
    };

    /// Longest time for what must happen.
    const TIME: Duration = Duration::from_secs(30);
    /// The preface of HTTP/2 and empty settings.
    const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    /// Terms under which nothing ends by itself while a test runs.
    fn lenient() -> Terms {
        let (silence, patience, idle) = (TIME * 4, TIME * 4, TIME * 4);
        Terms { connections: 64, each: None, silence, patience, idle }
    }

    async fn serve_test(terms: Terms, router: Router) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_on(terms, vec![listener], None, router, std::future::pending()));
        address
    }

    fn small() -> Router {
        Router::new().route("/", get(|| async { "here" }))
    }

    async fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may have closed it already.
        let _ = stream.write_all(bytes).await;
        stream
    }

    /// Asks for the small page; whether it came.
    async fn ask(stream: &mut TcpStream) -> bool {
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut answer = Vec::new();
        let read = async {
            while !answer.ends_with(b"here") {
                if stream.read_buf(&mut answer).await.unwrap_or(0) == 0 {
                    return false;
                }
            }
            true
        };
        asked.is_ok() && timeout(TIME, read).await.expect("an answer or an end")
    }

    /// Reads until the server closes, and returns what came before.
    async fn rest(stream: &mut TcpStream) -> Vec<u8> {
        let mut bytes = Vec::new();
        // An end by an error is one as well.
        let _ = timeout(TIME, stream.read_to_end(&mut bytes)).await.expect("the server never closes");
        bytes
    }

    /// Such connections were kept for ever, for it had not been decided yet which timer was theirs.
    #[tokio::test]
    async fn a_connection_that_says_nothing_is_closed() {
        let terms = Terms { silence: Duration::from_millis(50), ..lenient() };
        let address = serve_test(terms, small()).await;
        for begin in ["", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
            assert!(rest(&mut connect(address, begin.as_bytes()).await).await.is_empty(), "{begin}");
        }
    }

    #[tokio::test]
    async fn one_network_does_not_take_all_places() {
        let address = serve_test(Terms { each: Some(2), ..lenient() }, small()).await;
        let (mut one, mut two) = (connect(address, b"").await, connect(address, b"").await);
        assert!(ask(&mut one).await && ask(&mut two).await);
        assert!(!ask(&mut connect(address, b"").await).await, "a third is closed");
        assert!(ask(&mut one).await, "those that are there go on");
        drop(one);
        let again = async {
            while !ask(&mut connect(address, b"").await).await {
                tokio::task::yield_now().await;
            }
        };
        timeout(TIME, again).await.expect("the place is free again");
    }

    #[tokio::test]
    async fn a_client_that_leaves_its_answer_unread_does_not_keep_its_place() {
        // More than the sockets between the two hold.
        let large = Router::new().route("/large", get(|| async { vec![0_u8; 64 << 20] })).merge(small());
        let terms = Terms { connections: 1, patience: Duration::from_millis(50), ..lenient() };
        let address = serve_test(terms, large).await;
        let unread = connect(address, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(ask(&mut connect(address, b"").await).await, "the next one has its turn");
        drop(unread);
    }

    /// HTTP/2 pings, and is content with whoever answers; this one is there and does nothing at all.
    #[tokio::test]
    async fn a_connection_on_which_nothing_is_asked_is_closed() {
        let brief = Duration::from_millis(50);
        let address = serve_test(Terms { patience: brief, idle: brief, ..lenient() }, small()).await;
        let said = rest(&mut connect(address, HTTP2).await).await;
        let kinds: Vec<u8> = frames(&said).into_iter().map(|(kind, _)| kind).collect();
        assert!(kinds.contains(&GOAWAY), "it is told so first: {kinds:?}");
        let mut stream = connect(address, b"").await;
        assert!(ask(&mut stream).await);
        assert!(rest(&mut stream).await.is_empty());
    }

    #[tokio::test]
    async fn a_request_that_is_answered_late_is_not_nothing() {
        let (tell, told) = oneshot::channel::<()>();
        let told: Arc<Mutex<Option<Receiver<()>>>> = Arc::new(Mutex::new(Some(told)));
        let late = get(move || {
            let told = told.lock().unwrap().take().unwrap();
            async move { told.await.map_or("gone", |()| "here") }
        });
        let idle = Duration::from_millis(20);
        let address = serve_test(Terms { idle, ..lenient() }, Router::new().route("/", late)).await;
        let mut stream = connect(address, b"").await;
        let answer = tokio::spawn(async move { ask(&mut stream).await });
        tokio::time::sleep(idle * 10).await;
        tell.send(()).unwrap();
        assert!(answer.await.unwrap());
    }

    /// A MiB for each of four thousand connections was more than a board has.
    #[tokio::test]
    async fn little_of_a_body_is_taken_before_it_is_asked_for() {
        let brief = Duration::from_millis(50);
        let address = serve_test(Terms { patience: brief, idle: brief, ..lenient() }, small()).await;
        let frames = frames(&rest(&mut connect(address, HTTP2).await).await);
        let settings = frames.iter().find(|(kind, _)| *kind == SETTINGS).expect("the server's settings");
        let window = settings.1.chunks_exact(6).find_map(|setting| setting.strip_prefix(&[0, 4])).expect("a window");
        assert_eq!(window, WINDOW.to_be_bytes());
        // By the protocol the connection's own begins with 64 KiB less a byte.
        let more = frames.iter().find(|(kind, _)| *kind == WINDOW_UPDATE).expect("the connection's window");
        assert_eq!(more.1, (WINDOW - 65_535).to_be_bytes());
    }

    const SETTINGS: u8 = 4;
    const WINDOW_UPDATE: u8 = 8;
    const GOAWAY: u8 = 7;

    /// HTTP/2 frames: their types and what is in them.
    fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut found = Vec::new();
        while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let Some((payload, rest)) = rest.split_at_checked(length) else { break };
            found.push((head[3], payload.to_vec()));
            bytes = rest;
        }
        found
    }
}
