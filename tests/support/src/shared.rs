//! One server for all tests of a binary: starting one per test would cost more than most tests do.

use std::{
    env,
    sync::{Arc, Mutex, Weak},
};

use crate::{
    homeserver::{Homeserver, Options},
    log::Log,
};

/// A homeserver that somebody can sign up on.
#[derive(Clone, Debug)]
pub struct Target {
    /// Base URL without a slash at the end.
    pub url: String,
    /// The registration token.
    pub token: String,
}

/// A test's hold on the shared server. The server stops when the last test lets go.
pub struct Shared {
    target: Target,
    /// `None` when the environment names a running server.
    server: Option<Arc<Homeserver>>,
    mark: usize,
}

static SERVER: Mutex<Weak<Homeserver>> = Mutex::new(Weak::new());

/// The server that all tests of this binary share: the one the environment names, or one that is started when the
/// first test asks.
///
/// # Panics
///
/// With a sentence, when there is none and none can be started.
pub fn shared() -> Shared {
    if let Ok(url) = env::var("HEARTH_TEST_URL") {
        let token = env::var("HEARTH_TEST_TOKEN").expect("HEARTH_TEST_URL needs HEARTH_TEST_TOKEN beside it");
        let target = Target { url: url.trim_end_matches('/').to_owned(), token };
        return Shared { target, server: None, mark: 0 };
    }
    // A test that failed to start it must not fail the others by a poisoned lock: each says its own sentence.
    let mut slot = SERVER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let server = slot.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Homeserver::start(Options::default()));
        *slot = Arc::downgrade(&server);
        server
    });
    Shared { target: server.target(), mark: server.log().mark(), server: Some(server) }
}

impl Shared {
    /// Where it is and what it takes to sign up.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The server's log, when the server is ours.
    fn log(&self) -> Option<&Log> {
        self.server.as_deref().map(Homeserver::log)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(log) = self.log() {
            log.show_if_failing(self.mark);
        }
    }
}
