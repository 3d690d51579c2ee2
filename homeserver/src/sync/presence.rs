//! Who is there. Kept in memory: after a restart it is known again within a minute.
//! <https://spec.matrix.org/v1.19/client-server-api/#presence>
//!
//! A sync is a sign of life of its device. Who gives none for a while is offline; of several devices the one counts at
//! which the user can be reached best.

use ruma::{DeviceId, OwnedDeviceId, OwnedUserId, UserId, presence::PresenceState};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// So long after the last sign of life somebody is offline: longer than a client takes between two syncs.
pub(super) const FADES_AFTER: Duration = Duration::from_secs(60);
/// So long a client may take to come back after a sync that waited in vain.
const RETURNS_WITHIN: Duration = Duration::from_secs(30);
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
    /// When [`Presence::settle`] is due; none where it was done.
    settles_at: Option<Instant>,
}

#[derive(Debug)]
struct Person {
    /// The devices that gave a sign of life lately; none of them is offline.
    devices: HashMap<OwnedDeviceId, Says>,
    /// What comes of it.
    state: PresenceState,
    status: Option<String>,
    /// Milliseconds since the Unix epoch; none where that was not seen.
    active_at: Option<u64>,
    /// The serial of the newest change.
    changed: u64,
    /// Somebody sees to it that this one fades.
    watched: bool,
}

/// What a device says of its user.
#[derive(Debug)]
struct Says {
    state: PresenceState,
    /// Until when that holds.
    until: Instant,
}

/// A sign of life.
#[derive(Debug, Clone)]
pub struct Life<'l> {
    /// The user.
    pub user: &'l UserId,
    /// The device that gives it.
    pub device: &'l DeviceId,
    /// Online, away or offline.
    pub state: PresenceState,
    /// The user's words; none where it says nothing about them.
    pub status: Option<Option<String>>,
    /// How long the device is going to wait for the answer, and not be heard of.
    pub patience: Duration,
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

/// Whether it is one of the states that the specification knows.
#[must_use]
pub fn is_known(state: &PresenceState) -> bool {
    matches!(state, PresenceState::Online | PresenceState::Unavailable | PresenceState::Offline)
}

impl Presence {
    /// Everybody is offline, at that instant. `start` is what serials count up from, as for typing.
    #[must_use]
    pub fn new(start: u64, at: Instant) -> Self {
        let settles_at = Some(at + FADES_AFTER);
        Self(Arc::new(Mutex::new(Inner { serial: start, people: HashMap::new(), settles_at })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest serial.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.lock().serial
    }

    /// Notes a sign of life that comes at that instant; `now` is in milliseconds since the Unix epoch.
    pub(super) fn alive(&self, life: Life<'_>, at: Instant, now: u64) -> Sign {
        let mut inner = self.lock();
        let next = inner.serial + 1;
        let Life { user, device, state, status, patience } = life;
        if !inner.people.contains_key(user) {
            inner.people.insert(user.to_owned(), Person::unknown());
        }
        let Some(person) = inner.people.get_mut(user) else { return Sign { changed: false, unwatched: false } };
        if state == PresenceState::Online {
            person.active_at = Some(now);
        }
        if state == PresenceState::Offline {
            person.devices.remove(device);
        } else {
            let until = at + FADES_AFTER.max(patience + RETURNS_WITHIN);
            let says = Says { state, until };
            match person.devices.get_mut(device) {
                Some(said) => *said = says,
                None => drop(person.devices.insert(device.to_owned(), says)),
            }
        }
        let mut changed = person.agree(at);
        if let Some(status) = status {
            changed |= person.status != status;
            person.status = status;
        }
        let unwatched = !std::mem::replace(&mut person.watched, true);
        if changed {
            person.changed = next;
            inner.serial = next;
        }
        Sign { changed, unwatched }
    }

    /// Forgets what the user's devices said so long ago that it holds no more.
    pub(super) fn fade(&self, user: &UserId, now: Instant) -> Faded {
        let mut inner = self.lock();
        let serial = inner.serial + 1;
        let Some(person) = inner.people.get_mut(user) else { return Faded { changed: false, next: None } };
        let changed = person.agree(now);
        let next = person.devices.values().map(|says| says.until).min();
        person.watched = next.is_some();
        if changed {
            person.changed = serial;
            inner.serial = serial;
        }
        Faded { changed, next }
    }

    /// Whether it is time for [`Presence::settle`]. It is so once.
    pub(super) fn is_to_settle(&self, now: Instant) -> bool {
        self.lock().settles_at.take_if(|due| *due <= now).is_some()
    }

    /// Shows all of those as offline who gave no sign of life since the start: devices may have seen them before it.
    pub(super) fn settle(&self, everybody: impl IntoIterator<Item = OwnedUserId>) {
        let mut inner = self.lock();
        inner.serial += 1;
        let serial = inner.serial;
        for user in everybody {
            inner.people.entry(user).or_insert_with(|| Person { changed: serial, ..Person::unknown() });
        }
    }

    /// How a user is to be shown.
    #[must_use]
    pub fn of(&self, user: &UserId, now: u64) -> Shown {
        self.lock().people.get(user).map_or_else(|| Person::unknown().shown(now), |person| person.shown(now))
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
pub(super) struct Faded {
    /// Others see something else than before.
    pub changed: bool,
    /// When to look again; none where the user is offline.
    pub next: Option<Instant>,
}

impl Person {
    /// Somebody of whom nothing was heard.
    fn unknown() -> Self {
        let (devices, state) = (HashMap::new(), PresenceState::Offline);
        Self { devices, state, status: None, active_at: None, changed: 0, watched: false }
    }

    /// Makes one state of what the devices say; says whether it is another one than before.
    fn agree(&mut self, now: Instant) -> bool {
        self.devices.retain(|_, says| says.until > now);
        let said = |wanted: PresenceState| self.devices.values().any(|says| says.state == wanted).then_some(wanted);
        let state = said(PresenceState::Online).or_else(|| said(PresenceState::Unavailable));
        let state = state.unwrap_or(PresenceState::Offline);
        let changed = self.state != state;
        self.state = state;
        changed
    }

    fn shown(&self, now: u64) -> Shown {
        let ago = self.active_at.map(|active| now.saturating_sub(active));
        Shown {
            state: self.state.clone(),
            status: self.status.clone(),
            last_active_ago: ago,
            currently_active: self.state == PresenceState::Online && ago.is_some_and(|ago| ago < ACTIVE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::user_id;

    fn ann(device: &'static str, state: PresenceState) -> Life<'static> {
        let (user, status, patience) = (user_id!("@ann:x"), None, Duration::ZERO);
        Life { user, device: device.into(), state, status, patience }
    }

    #[test]
    fn who_gives_no_sign_of_life_fades_once() {
        let (presence, ann_id, start) = (Presence::new(5, Instant::now()), user_id!("@ann:x"), Instant::now());
        let online = |status| presence.alive(Life { status, ..ann("A", PresenceState::Online) }, start, 1_000);
        assert_eq!(online(None), Sign { changed: true, unwatched: true });
        assert_eq!(online(None), Sign { changed: false, unwatched: false });
        assert_eq!(online(Some(Some("hi".into()))), Sign { changed: true, unwatched: false });
        assert_eq!(presence.changed(Some(5), 3_000).len(), 1);
        assert_eq!(presence.changed(Some(presence.serial()), 3_000), []);
        assert_eq!(presence.changed(Some(99), 3_000).len(), 1);
        let shown = presence.of(ann_id, 3_000);
        assert_eq!((shown.last_active_ago, shown.currently_active), (Some(2_000), true));
        let later = start + FADES_AFTER;
        assert_eq!(presence.fade(ann_id, start), Faded { changed: false, next: Some(later) });
        assert_eq!(presence.fade(ann_id, later), Faded { changed: true, next: None });
        assert_eq!(presence.fade(ann_id, later), Faded { changed: false, next: None });
        assert_eq!(presence.of(ann_id, 3_000).state, PresenceState::Offline);
        assert_eq!(online(None), Sign { changed: true, unwatched: true });
    }

    #[test]
    fn who_waits_long_for_an_answer_is_there_all_the_while() {
        let (presence, ann_id, start) = (Presence::new(5, Instant::now()), user_id!("@ann:x"), Instant::now());
        let patience = Duration::from_secs(120);
        let _ = presence.alive(Life { patience, ..ann("A", PresenceState::Online) }, start, 1_000);
        let faded = presence.fade(ann_id, start + patience);
        assert_eq!(faded, Faded { changed: false, next: Some(start + patience + RETURNS_WITHIN) });
        assert!(presence.fade(ann_id, start + patience + RETURNS_WITHIN).changed);
    }

    #[test]
    fn of_several_devices_the_one_counts_that_is_there() {
        let (presence, ann_id, start) = (Presence::new(5, Instant::now()), user_id!("@ann:x"), Instant::now());
        let state = || presence.of(ann_id, 3_000).state;
        let alive = |device, state, after: u64| {
            presence.alive(ann(device, state), start + Duration::from_secs(after), 1_000).changed
        };
        assert!(alive("A", PresenceState::Unavailable, 0));
        assert!(alive("B", PresenceState::Online, 10));
        assert!(!alive("A", PresenceState::Unavailable, 20));
        assert!(!alive("C", PresenceState::Offline, 20));
        assert_eq!(state(), PresenceState::Online);
        // When that one is gone the other is left.
        let faded = presence.fade(ann_id, start + Duration::from_secs(70));
        assert_eq!(faded, Faded { changed: true, next: Some(start + Duration::from_secs(80)) });
        assert_eq!(state(), PresenceState::Unavailable);
        assert!(alive("A", PresenceState::Offline, 75));
        assert_eq!(state(), PresenceState::Offline);
    }
}
