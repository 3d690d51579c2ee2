//! User-interactive authentication: which stages a session has completed.
//! <https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api>
//!
//! Sessions live in memory only: they last minutes, and a client whose session is gone is given a
//! new one. Checking what a client sends for a stage, and the 401, are `http::uia`'s part.

use super::email_sessions::Credentials;
use crate::clock::Random;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lru::LruCache;
use ruma::{DeviceId, UserId};
use sha2::{Digest as _, Sha256};
use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How long a session may take from its first request.
const LIFETIME: u64 = 10 * 60 * 1000;
/// Sessions kept at most; the one unused longest gives way. Some 200 bytes each.
const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// One step of proving who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `m.login.password`
    Password,
    /// `m.login.registration_token`
    RegistrationToken,
    /// `m.login.email.identity`
    EmailIdentity,
    /// `m.login.dummy`
    Dummy,
}

/// Stages in the order in which they must be completed.
pub type Flow = &'static [Stage];

/// What a session authorises, to the letter: a session begun for one thing never authorises another.
#[derive(Clone)]
pub struct Purpose(Sha256);

impl Purpose {
    /// Something that one endpoint does; any name that no other endpoint uses.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        Self(Sha256::new()).with(endpoint)
    }

    /// The purpose narrowed by a part of the request: the device to delete, the key to upload.
    #[must_use]
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        // The length before each part keeps ("ab", "c") apart from ("a", "bc").
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// The purpose narrowed to one caller.
    #[must_use]
    pub fn of(self, user: &UserId, device: &DeviceId) -> Self {
        self.with(user.as_str()).with(device.as_str())
    }
}

impl std::fmt::Debug for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Purpose")
    }
}

/// What stages have brought to light that is used up when the authentication is.
#[derive(Clone, Default)]
pub struct Proofs {
    /// The registration token of its stage.
    pub registration_token: Option<String>,
    /// The session that proves a mail address.
    pub email: Option<Credentials>,
}

/// Where an authentication stands.
#[derive(Clone)]
pub struct Progress {
    /// The session's identifier, for the client to send back.
    pub session: String,
    /// The stages completed, in order.
    pub completed: Vec<Stage>,
    /// What they have brought to light.
    pub proofs: Proofs,
}

impl Progress {
    /// Every stage of some flow is done.
    #[must_use]
    pub fn is_complete(&self, flows: &[Flow]) -> bool {
        flows.iter().any(|flow| self.completed.starts_with(flow))
    }

    /// The stage is what some flow asks for next.
    #[must_use]
    pub fn awaits(&self, stage: Stage, flows: &[Flow]) -> bool {
        flows
            .iter()
            .any(|flow| flow.strip_prefix(self.completed.as_slice()).is_some_and(|rest| rest.first() == Some(&stage)))
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("completed", &self.completed).finish_non_exhaustive()
    }
}

struct Session {
    purpose: [u8; 32],
    began_at: u64,
    completed: Vec<Stage>,
    proofs: Proofs,
}

/// Unfinished authentications.
pub struct UiaSessions(Mutex<LruCache<String, Session>>);

impl Default for UiaSessions {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CAPACITY)))
    }
}

impl std::fmt::Debug for UiaSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UiaSessions({})", self.lock().len())
    }
}

impl UiaSessions {
    /// Goes on with the session that the client names, or begins a new one where it names none, one
    /// that is over or one that was begun for something else.
    pub fn open(&self, purpose: &Purpose, session: Option<&str>, now: u64, random: &Random) -> Progress {
        let purpose: [u8; 32] = purpose.0.clone().finalize().into();
        let mut sessions = self.lock();
        if let Some(id) = session
            && let Some(session) = sessions.get(id)
            && session.purpose == purpose
            && now.saturating_sub(session.began_at) < LIFETIME
        {
            return Progress {
                session: id.to_owned(),
                completed: session.completed.clone(),
                proofs: session.proofs.clone(),
            };
        }
        let id = URL_SAFE_NO_PAD.encode(random.bytes::<24>());
        let session = Session { purpose, began_at: now, completed: Vec::new(), proofs: Proofs::default() };
        sessions.put(id.clone(), session);
        Progress { session: id, completed: Vec::new(), proofs: Proofs::default() }
    }

    /// Notes a stage as completed, and what it has brought to light.
    pub fn complete(&self, progress: &mut Progress, stage: Stage, proofs: Proofs) {
        progress.completed.push(stage);
        let before = &mut progress.proofs;
        before.registration_token = proofs.registration_token.or(before.registration_token.take());
        before.email = proofs.email.or(before.email.take());
        if let Some(session) = self.lock().get_mut(&progress.session) {
            session.completed.clone_from(&progress.completed);
            session.proofs.clone_from(&progress.proofs);
        }
    }

    /// Ends a session: what it authorised is done once.
    pub fn finish(&self, session: &str) {
        self.lock().pop(session);
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<String, Session>> {
        // Every update above is whole before anything could panic, so a poisoned lock is still good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::{device_id, user_id};

    const TWO_STAGES: &[Flow] = &[&[Stage::RegistrationToken, Stage::Dummy]];

    fn token(token: &str) -> Proofs {
        Proofs { registration_token: Some(token.to_owned()), email: None }
    }

    fn purpose() -> Purpose {
        Purpose::new("delete device").with("ABC").of(user_id!("@a:x"), device_id!("ONE"))
    }

    #[test]
    fn a_session_is_for_one_caller_and_one_thing() {
        let (sessions, random) = (UiaSessions::default(), Random::seeded(1));
        let mut progress = sessions.open(&purpose(), None, 0, &random);
        sessions.complete(&mut progress, Stage::Password, Proofs::default());
        let id = Some(progress.session.as_str());

        assert_eq!(sessions.open(&purpose(), id, 1, &random).completed, [Stage::Password]);
        for other in [
            Purpose::new("delete device").with("ABD").of(user_id!("@a:x"), device_id!("ONE")),
            Purpose::new("delete device").with("ABC").of(user_id!("@b:x"), device_id!("ONE")),
            Purpose::new("delete device").with("ABC").of(user_id!("@a:x"), device_id!("TWO")),
            Purpose::new("delete deviceA").with("BC").of(user_id!("@a:x"), device_id!("ONE")),
        ] {
            let fresh = sessions.open(&other, id, 1, &random);
            assert!(fresh.completed.is_empty());
            assert_ne!(fresh.session, progress.session);
        }
    }

    #[test]
    fn a_session_ends_by_time_and_when_it_is_used() {
        let (sessions, random) = (UiaSessions::default(), Random::seeded(1));
        let mut progress = sessions.open(&purpose(), None, 0, &random);
        sessions.complete(&mut progress, Stage::Password, Proofs::default());
        let id = progress.session;
        assert_eq!(sessions.open(&purpose(), Some(&id), LIFETIME - 1, &random).session, id);
        assert_ne!(sessions.open(&purpose(), Some(&id), LIFETIME, &random).session, id);
        sessions.finish(&id);
        assert_ne!(sessions.open(&purpose(), Some(&id), 1, &random).session, id);
    }

    #[test]
    fn stages_are_completed_in_order() {
        let (sessions, random) = (UiaSessions::default(), Random::seeded(1));
        let mut progress = sessions.open(&purpose(), None, 0, &random);
        assert!(!progress.awaits(Stage::Dummy, TWO_STAGES));
        assert!(progress.awaits(Stage::RegistrationToken, TWO_STAGES));
        sessions.complete(&mut progress, Stage::RegistrationToken, token("token"));
        assert!(!progress.is_complete(TWO_STAGES));
        assert!(progress.awaits(Stage::Dummy, TWO_STAGES));
        sessions.complete(&mut progress, Stage::Dummy, Proofs::default());
        assert!(progress.is_complete(TWO_STAGES));
        assert_eq!(progress.proofs.registration_token.as_deref(), Some("token"));
    }

    #[test]
    fn a_flood_of_sessions_stays_within_bounds() {
        let (sessions, random) = (UiaSessions::default(), Random::seeded(1));
        for _ in 0..CAPACITY.get() + 10 {
            sessions.open(&purpose(), None, 0, &random);
        }
        assert_eq!(sessions.lock().len(), CAPACITY.get());
    }

    #[test]
    fn debug_shows_no_session_and_no_token() {
        let (sessions, random) = (UiaSessions::default(), Random::seeded(1));
        let mut progress = sessions.open(&purpose(), None, 0, &random);
        sessions.complete(&mut progress, Stage::RegistrationToken, token("secret"));
        let shown = format!("{progress:?} {sessions:?} {:?}", purpose());
        assert_eq!(shown, "Progress { completed: [RegistrationToken], .. } UiaSessions(1) Purpose");
    }
}
