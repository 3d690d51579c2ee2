//! Who is there. Kept in memory: after a restart it is known again within a minute.
//! <https://spec.matrix.org/v1.19/client-server-api/#presence>
//!
//! A sync is a sign of life. Who gives none for a while is offline.

use ruma::{OwnedUserId, UserId, presence::PresenceState};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// So long after the last sign of life somebody is offline: longer than a client takes between two syncs.
pub(super) const FADES_AFTER: Duration = Duration::from_secs(60);
/// So long after having done something a user counts as active.
const ACTIVE: u64 = 5 * 60 * 1000;

/// Everybody of whom there was a sign of life. Clones are the same.
#[derive(Debug, Clone)]
pub struct Presence(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    /// Counts changes; names the newest.
    serial: u64,
    people: HashMap<OwnedUserId, Person>,
}

#[derive(Debug)]
struct Person {
    state: PresenceState,
    status: Option<String>,
    /// Milliseconds since the Unix epoch.
    active_at: u64,
    /// The serial of the newest change.
    changed: u64,
    /// The last sign of life.
    alive_at: Instant,
    /// Somebody sees to it that this one fades.
    watched: bool,
}

/// How somebody is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Online, away or offline.
    pub state: PresenceState,
    /// The user's words.
    pub status: Option<String>,
    /// Milliseconds since the user did something.
    pub last_active_ago: Option<u64>,
    /// Whether that was lately.
    pub currently_active: bool,
}

/// What came of a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sign {
    /// Others see something else than before.
    pub changed: bool,
    /// Nobody sees to it yet that the user fades.
    pub unwatched: bool,
}

impl Presence {
    /// Everybody is offline. `start` is what serials count up from, as for typing.
    #[must_use]
    pub fn new(start: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner { serial: start, people: HashMap::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest serial.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.lock().serial
    }

    /// A sign of life in that state; `status` is none where it says nothing about the user's words.
    pub(super) fn alive(&self, user: &UserId, state: PresenceState, status: Option<Option<String>>, now: u64) -> Sign {
        let mut inner = self.lock();
        let next = inner.serial + 1;
        let mut changed = false;
        if !inner.people.contains_key(user) {
            let (state, alive_at) = (PresenceState::Offline, Instant::now());
            let person = Person { state, status: None, active_at: now, changed: 0, alive_at, watched: false };
            inner.people.insert(user.to_owned(), person);
        }
        let Some(person) = inner.people.get_mut(user) else { return Sign { changed, unwatched: false } };
        if state == PresenceState::Online {
            person.active_at = now;
        }
        changed |= person.state != state;
        person.state = state;
        if let Some(status) = status {
            changed |= person.status != status;
            person.status = status;
        }
        person.alive_at = Instant::now();
        let unwatched = !std::mem::replace(&mut person.watched, true);
        if changed {
            person.changed = next;
            inner.serial = next;
        }
        Sign { changed, unwatched }
    }

    /// Shows the user as offline if there was no sign of life for long enough.
    pub(super) fn fade(&self, user: &UserId, now: Instant) -> Faded {
        let mut inner = self.lock();
        let next = inner.serial + 1;
        let Some(person) = inner.people.get_mut(user) else { return Faded::Now { changed: false } };
        let at = person.alive_at + FADES_AFTER;
        if at > now {
            return Faded::NotBefore(at);
        }
        person.watched = false;
        let changed = person.state != PresenceState::Offline;
        person.state = PresenceState::Offline;
        if changed {
            person.changed = next;
            inner.serial = next;
        }
        Faded::Now { changed }
    }

    /// How a user is to be shown.
    #[must_use]
    pub fn of(&self, user: &UserId, now: u64) -> Shown {
        match self.lock().people.get(user) {
            Some(person) => person.shown(now),
            None => {
                Shown { state: PresenceState::Offline, status: None, last_active_ago: None, currently_active: false }
            }
        }
    }

    /// Who is to be shown anew since a serial; everybody who is there, where the serial is none or of another run.
    pub(super) fn changed(&self, since: Option<u64>, now: u64) -> Vec<(OwnedUserId, Shown)> {
        let inner = self.lock();
        let since = since.filter(|since| *since <= inner.serial);
        if since == Some(inner.serial) {
            return Vec::new();
        }
        let news = |person: &Person| match since {
            Some(since) => person.changed > since,
            None => person.state != PresenceState::Offline,
        };
        let people = inner.people.iter().filter(|(_, person)| news(person));
        people.map(|(user, person)| (user.clone(), person.shown(now))).collect()
    }
}

/// What became of a user who might fade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Faded {
    /// There were signs of life.
    NotBefore(Instant),
    /// The user is offline.
    Now {
        /// And was not before.
        changed: bool,
    },
}

impl Person {
    fn shown(&self, now: u64) -> Shown {
        let ago = now.saturating_sub(self.active_at);
        Shown {
            state: self.state.clone(),
            status: self.status.clone(),
            last_active_ago: Some(ago),
            currently_active: self.state == PresenceState::Online && ago < ACTIVE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::user_id;

    #[test]
    fn who_gives_no_sign_of_life_fades_once() {
        let (presence, ann) = (Presence::new(5), user_id!("@ann:x"));
        let online = |status| presence.alive(ann, PresenceState::Online, status, 1_000);
        assert_eq!(online(None), Sign { changed: true, unwatched: true });
        assert_eq!(online(None), Sign { changed: false, unwatched: false });
        assert_eq!(online(Some(Some("hi".into()))), Sign { changed: true, unwatched: false });
        assert_eq!(presence.changed(Some(5), 3_000).len(), 1);
        assert_eq!(presence.changed(Some(presence.serial()), 3_000), []);
        assert_eq!(presence.changed(Some(99), 3_000).len(), 1);
        let shown = presence.of(ann, 3_000);
        assert_eq!((shown.last_active_ago, shown.currently_active), (Some(2_000), true));
        assert!(matches!(presence.fade(ann, Instant::now()), Faded::NotBefore(_)));
        let later = Instant::now() + FADES_AFTER;
        assert_eq!(presence.fade(ann, later), Faded::Now { changed: true });
        assert_eq!(presence.fade(ann, later), Faded::Now { changed: false });
        assert_eq!(presence.of(ann, 3_000).state, PresenceState::Offline);
        assert_eq!(online(None), Sign { changed: true, unwatched: true });
    }
}
