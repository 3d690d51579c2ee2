//! Bytes on a connection, before anybody knows whether they are HTTP.

use crate::house::House;
use hearth_homeserver::http::serve;
use std::{
    cell::OnceCell,
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};
use tokio::net::TcpListener;

/// Longest time in which a connection must be over once the client has closed its half.
const TIME: Duration = Duration::from_secs(20);

thread_local! {
    static SERVER: OnceCell<SocketAddr> = const { OnceCell::new() };
}

/// Tries one input.
pub fn run(data: &[u8]) {
    let address = SERVER.with(|server| *server.get_or_init(start));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIME)).unwrap();
    stream.set_write_timeout(Some(TIME)).unwrap();
    // A server that has read enough closes, and then neither writing nor reading succeeds.
    let sent = stream.write_all(data).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
            panic!("the connection goes on after its end ({sent:?})")
        }
        _ => {}
    }
    let head = String::from_utf8_lossy(&answer);
    assert!(!head.contains("HTTP/1.1 5") && !head.contains("HTTP/1.0 5"), "{head}");
}

/// Starts a server on a thread of its own, which ends with the process.
fn start() -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let House { runtime, router, .. } = House::new();
        runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            serve::serve(vec![listener], None, router, std::future::pending()).await;
        });
    });
    told.recv().unwrap()
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        "GET /_matrix/client/versions HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /_matrix/client/versions HTTP/1.0\r\n\r\n",
        "POST /_matrix/client/v3/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /_matrix/client/v3/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "POST /_matrix/client/v3/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "POST /_matrix/client/v3/login HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        "PUT http://elsewhere.example/%FF HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}",
        "\r\n\r\n\r\n",
    ]);
    // HTTP/2: the preface, empty settings, and a request for `/` by indexed headers.
    let preface: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let request: &[u8] = &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86];
    seeds.push([preface, settings, request].concat());
    seeds.push([preface, settings, request, &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]].concat());
    seeds.push(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(40_000)).into_bytes());
    seeds
}
