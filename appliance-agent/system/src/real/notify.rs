//! systemd's notification protocol: datagrams of `KEY=value` lines to the socket that the environment names.

use crate::{Error, Notify, Result};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Who started this process, if somebody who wants to hear of it.
#[derive(Debug, Default)]
pub(super) struct Supervisor {
    socket: Option<SocketAddr>,
    pub watchdog: Option<Duration>,
}

impl Supervisor {
    pub fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|name| address(name.as_bytes()));
        // The watchdog may be meant for another process that handed its environment down.
        let mine = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let watchdog = std::env::var("WATCHDOG_USEC").ok().filter(|_| mine).and_then(|text| text.parse().ok());
        Self { socket, watchdog: watchdog.map(Duration::from_micros) }
    }

    pub fn tell(&self, what: &Notify) -> Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let send = || UnixDatagram::unbound()?.send_to_addr(message(what).as_bytes(), socket);
        send().map(drop).map_err(|error| Error::file("write", "NOTIFY_SOCKET", error))
    }
}

/// A path, or a name of the kernel's own where it begins with `@`.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
    }
}

fn message(what: &Notify) -> String {
    match what {
        Notify::Ready => "READY=1".to_owned(),
        Notify::Alive => "WATCHDOG=1".to_owned(),
        Notify::Stopping => "STOPPING=1".to_owned(),
        // A second line would be a message of its own.
        Notify::Status(text) => format!("STATUS={}", text.replace(['\n', '\r'], " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(name: &[u8], bind: impl FnOnce(&SocketAddr) -> UnixDatagram) {
        let socket = address(name).unwrap();
        let ear = bind(&socket);
        let supervisor = Supervisor { socket: Some(socket), watchdog: None };
        supervisor.tell(&Notify::Ready).unwrap();
        supervisor.tell(&Notify::Status("two\nlines".to_owned())).unwrap();
        let mut buffer = [0; 64];
        let length = ear.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");
        let length = ear.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"STATUS=two lines");
    }

    #[test]
    fn sockets_with_a_path_and_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        heard(path.as_os_str().as_bytes(), |_| UnixDatagram::bind(&path).unwrap());
        let name = format!("@hearth-test-{}", std::process::id());
        heard(name.as_bytes(), |socket| UnixDatagram::bind_addr(socket).unwrap());
    }

    #[test]
    fn nobody_there_is_no_error() {
        Supervisor::default().tell(&Notify::Alive).unwrap();
    }
}
