//! A client of the owner's socket, of few words: one request, one connection.

use http::StatusCode;
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// Who administers the server at that socket. Blocks: call it from a thread that may.
#[derive(Debug, Clone)]
pub struct Owner(pub PathBuf);

/// A response.
#[derive(Debug)]
pub struct Response {
    pub request: String,
    pub status: StatusCode,
    pub body: Vec<u8>,
    /// It came to its end, and was not cut off.
    pub whole: bool,
}

impl Owner {
    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, "")
    }

    pub fn post(&self, path: &str, body: Value) -> Response {
        self.send("POST", path, &body.to_string())
    }

    pub fn put(&self, path: &str, body: Value) -> Response {
        self.send("PUT", path, &body.to_string())
    }

    pub fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, "")
    }

    pub fn send(&self, method: &str, path: &str, body: &str) -> Response {
        let bytes = exchange(&self.0, method, path, body).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let (body, whole) = if head.contains("transfer-encoding: chunked") {
            dechunked(&bytes[end..])
        } else {
            (bytes[end..].to_vec(), true)
        };
        Response { request: format!("{method} {path}"), status, body, whole }
    }
}

/// Sends a request and reads until the server closes.
pub fn exchange(socket: &Path, method: &str, path: &str, body: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: hearth\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    // A server may answer before it has read everything, and be gone by then.
    let sent = stream.write_all(format!("{head}{body}").as_bytes());
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes).and(sent) {
        Err(error) if bytes.is_empty() => Err(error),
        _ => Ok(bytes),
    }
}

fn dechunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return (body, true);
        }
        let Some(chunk) = bytes.get(line + 2..line + 2 + length) else { return (body, false) };
        body.extend_from_slice(chunk);
        bytes = &bytes[line + 4 + length..];
    }
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        self.status(200)
    }

    #[track_caller]
    pub fn status(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.request, String::from_utf8_lossy(&self.body));
        self.json()
    }

    #[track_caller]
    pub fn error(self, status: u16, errcode: &str) {
        let body = self.json();
        assert_eq!((self.status.as_u16(), &body["errcode"]), (status, &json!(errcode)), "{}: {body}", self.request);
        assert!(body["error"].is_string(), "{body}");
    }
}
