//! Who is typing. Kept in memory: it is true for seconds, and a restart may forget it.

use hearth_store::RoomNo;
use ruma::{OwnedUserId, UserId};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Typing users by room. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Typing(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// What serials of this run count up from.
    start: u64,
    /// Counts every notice; names the newest.
    serial: u64,
    rooms: HashMap<RoomNo, InRoom>,
}

#[derive(Debug, Default)]
struct InRoom {
    /// The serial at which the set of users last changed.
    changed: u64,
    /// Each user's newest notice: an older one that runs out ends nothing.
    users: BTreeMap<OwnedUserId, u64>,
}

/// One notice that somebody types, to be ended with [`Typing::expire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    serial: u64,
    /// The set of typing users is another one than before.
    pub changed: bool,
}

impl Typing {
    /// Nobody types. `start` is what serials count up from: the time in milliseconds keeps those of this run
    /// apart from those of an earlier one, for notices are fewer.
    #[must_use]
    pub fn new(start: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner { start, serial: start, rooms: HashMap::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest serial.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.lock().serial
    }

    /// A user types in a room until the notice expires.
    #[must_use]
    pub fn start(&self, room: RoomNo, user: &UserId) -> Notice {
        let mut inner = self.lock();
        inner.serial += 1;
        let serial = inner.serial;
        let in_room = inner.rooms.entry(room).or_default();
        let changed = in_room.users.insert(user.to_owned(), serial).is_none();
        if changed {
            in_room.changed = serial;
        }
        Notice { serial, changed }
    }

    /// A user no longer types in a room; says whether they did.
    #[must_use]
    pub fn stop(&self, room: RoomNo, user: &UserId) -> bool {
        self.end(room, user, |_| true)
    }

    /// The time of a notice is over; says whether the user typed until now.
    #[must_use]
    pub fn expire(&self, room: RoomNo, user: &UserId, notice: Notice) -> bool {
        self.end(room, user, |newest| newest == notice.serial)
    }

    fn end(&self, room: RoomNo, user: &UserId, ends: impl FnOnce(u64) -> bool) -> bool {
        let mut inner = self.lock();
        let next = inner.serial + 1;
        let Some(in_room) = inner.rooms.get_mut(&room) else { return false };
        if !in_room.users.get(user).is_some_and(|newest| ends(*newest)) {
            return false;
        }
        in_room.users.remove(user);
        in_room.changed = next;
        inner.serial = next;
        true
    }

    /// Whether a serial is of an earlier run, or of one in what a restore took away. Who typed then was not seen to end.
    #[must_use]
    pub fn is_of_another_run(&self, serial: u64) -> bool {
        !self.lock().knows(serial)
    }

    /// The rooms in which something happened since, of which [`Typing::changed`] tells.
    #[must_use]
    pub fn changed_rooms(&self, since: Option<u64>) -> BTreeSet<RoomNo> {
        let inner = self.lock();
        let since = since.filter(|since| inner.knows(*since));
        // Nothing has happened at all: the usual case.
        if since == Some(inner.serial) {
            return BTreeSet::new();
        }
        inner.rooms.iter().filter(|(_, in_room)| in_room.is_news(since)).map(|(room, _)| *room).collect()
    }

    /// Who types in a room, where that is not what it was at `since`. Without a serial nobody has been seen typing, so
    /// whoever does is news; with one of another run somebody may have been, so that nobody does is news as well.
    #[must_use]
    pub fn changed(&self, room: RoomNo, since: Option<u64>) -> Option<Vec<OwnedUserId>> {
        let inner = self.lock();
        let in_room = inner.rooms.get(&room);
        let news = match since {
            Some(since) if !inner.knows(since) => true,
            since => in_room.is_some_and(|in_room| in_room.is_news(since)),
        };
        news.then(|| in_room.map(|in_room| in_room.users.keys().cloned().collect()).unwrap_or_default())
    }
}

impl Inner {
    fn knows(&self, serial: u64) -> bool {
        (self.start..=self.serial).contains(&serial)
    }
}

impl InRoom {
    fn is_news(&self, since: Option<u64>) -> bool {
        since.map_or(!self.users.is_empty(), |since| self.changed > since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::user_id;

    #[test]
    fn a_change_is_shown_once_and_an_old_notice_ends_nothing() {
        let (typing, room, ann) = (Typing::new(7), RoomNo(1), user_id!("@ann:x"));
        let before = typing.serial();
        assert_eq!(typing.changed(room, Some(before)), None);
        let first = typing.start(room, ann);
        let second = typing.start(room, ann);
        assert!(first.changed && !second.changed);
        assert_eq!(typing.changed(room, Some(before)), Some(vec![ann.to_owned()]));
        let seen = typing.serial();
        assert_eq!(typing.changed(room, Some(seen)), None);
        assert!(!typing.expire(room, ann, first));
        assert!(typing.expire(room, ann, second));
        assert_eq!(typing.changed(room, Some(seen)), Some(vec![]));
        assert!(!typing.stop(room, ann));
        assert_eq!(typing.changed(room, None), None);
    }

    #[test]
    fn a_serial_of_another_run_has_seen_nothing_of_this_one() {
        let (typing, room, ann) = (Typing::new(100), RoomNo(1), user_id!("@ann:x"));
        let _ = typing.start(room, ann);
        for other in [Some(3), Some(5_000), None] {
            assert_eq!(typing.changed(room, other), Some(vec![ann.to_owned()]));
        }
        // Whoever typed then has stopped meanwhile, or would have said so again.
        for (serial, quiet) in [(Some(3), Some(vec![])), (Some(5_000), Some(vec![])), (Some(100), None), (None, None)] {
            assert_eq!(typing.changed(RoomNo(2), serial), quiet);
            assert_eq!(serial.is_some_and(|serial| typing.is_of_another_run(serial)), quiet.is_some());
        }
    }
}
