//! Tells the service manager how the server is: `READY=1`, `STOPPING=1`, and a sign of life while the store answers.
//! <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>

use hearth_store::{Store, StoreError};
use std::{
    convert::Infallible,
    ffi::{OsStr, OsString},
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

/// How often it is looked whether the store still takes changes: where it does not, every request fails until that was seen.
const LOOK: Duration = Duration::from_secs(2);

/// The way to the service manager, if there is one.
#[derive(Debug)]
pub struct Manager {
    socket: Option<OsString>,
    /// So often at least it wants a sign of life.
    watchdog: Option<Duration>,
}

impl Manager {
    /// As the environment says: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` where it is meant for this process.
    #[must_use]
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let is_ours = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = text("WATCHDOG_USEC").filter(|_| is_ours).and_then(|micros| micros.parse().ok());
        Self::new(std::env::var_os("NOTIFY_SOCKET"), watchdog.map(Duration::from_micros))
    }

    /// A manager that listens on that socket; a name that begins with `@` is in the abstract name space.
    #[must_use]
    pub fn new(socket: Option<OsString>, watchdog: Option<Duration>) -> Self {
        Self { socket: socket.filter(|socket| !socket.is_empty()), watchdog }
    }

    /// The server answers.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The server is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Returns once the store takes no changes any more, which it never will again: the process is to end and be started
    /// anew, whoever does that. Until then gives signs of life for as long as the store's writer answers; one that hangs is
    /// for the manager to end.
    pub async fn watch(&self, store: &Store) -> StoreError {
        tokio::select! {
            error = failure(store) => error,
            never = self.give_signs(store) => match never {},
        }
    }

    async fn give_signs(&self, store: &Store) -> Infallible {
        let Some(limit) = self.watchdog else { return std::future::pending().await };
        let every = limit / 3;
        loop {
            // A change that changes nothing costs no commit, but it takes its turn in the writer's queue.
            let answered = tokio::time::timeout(every, store.change(|_| Ok::<_, StoreError>(()))).await;
            match answered {
                Ok(Ok(())) => self.tell("WATCHDOG=1"),
                Ok(Err(error)) => tracing::error!(%error, "the store takes no changes"),
                Err(_) => tracing::error!("the store has not answered in time"),
            }
            tokio::time::sleep(every).await;
        }
    }

    fn tell(&self, words: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = send(socket, words)
        {
            tracing::warn!(%error, words, "the service manager could not be told");
        }
    }
}

/// Why the store takes no changes any more, once that is so.
async fn failure(store: &Store) -> StoreError {
    loop {
        if let Err(error) = store.health() {
            return error;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn send(socket: &OsStr, words: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(words.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_store::Options;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_manager_hears_of_the_start_and_of_life_but_not_once_the_store_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let manager = Manager::new(Some(path.into()), Some(Duration::from_millis(30)));
        manager.ready();
        assert_eq!(heard(&socket), "READY=1");
        let store = Store::open(&folder.path().join("hearth.redb"), Options::default()).unwrap();
        let watched = store.clone();
        let watch = tokio::spawn(async move { manager.watch(&watched).await });
        for _ in 0..3 {
            assert_eq!(heard(&socket), "WATCHDOG=1");
        }
        store.close();
        // It ends by itself, so a closed store gives no sign of life.
        assert!(matches!(watch.await.unwrap(), StoreError::Closed));
    }

    /// Without a watchdog nobody looked, and the process went on without a database.
    #[tokio::test]
    async fn the_store_is_watched_also_where_no_manager_wants_signs_of_life() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("hearth.redb"), Options::default()).unwrap();
        let watched = store.clone();
        let watch = tokio::spawn(async move { Manager::new(None, None).watch(&watched).await });
        store.close();
        assert!(matches!(watch.await.unwrap(), StoreError::Closed));
    }

    #[test]
    fn abstract_names_and_no_manager_at_all() {
        let name = format!("hearth-notify-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Manager::new(Some(format!("@{name}").into()), None).stopping();
        assert_eq!(heard(&socket), "STOPPING=1");
        Manager::new(None, None).ready();
    }
}
