//! Wakes the syncs that wait for something to happen, and remembers which rooms it happened in.
//!
//! Both come from what the store announces after each commit. A waiter registers before it looks for the last time,
//! so that nothing can happen unseen between its looking and its waiting.

use hearth_store::{RoomNo, Store, StreamPos, records::LogRecord};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{runtime::Handle, sync::Notify};

/// The waiting syncs by what they wait for.
#[derive(Debug)]
pub struct Wakers {
    waiting: Mutex<Waiting>,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    all: HashMap<u64, Arc<Waiter>>,
    users: HashMap<String, Vec<Arc<Waiter>>>,
    rooms: HashMap<RoomNo, Vec<Arc<Waiter>>>,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    user: String,
    device: String,
    rooms: Vec<RoomNo>,
    notify: Notify,
}

/// Where something happened since this server started.
#[derive(Debug)]
struct Recent {
    /// Nothing is known of what came before.
    start: StreamPos,
    /// Everything up to here has been noted.
    noted: StreamPos,
    rooms: HashMap<RoomNo, StreamPos>,
    /// The newest of each matter.
    matters: HashMap<Matter, StreamPos>,
}

/// What happens seldom beside messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matter {
    /// Anybody's keys or membership changed.
    People,
    /// Somebody's account data changed.
    AccountData,
    /// A to-device message was stored.
    ToDevice,
    /// Somebody read something.
    Receipts,
}

/// A sync that waits. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Wait {
    wakers: Arc<Wakers>,
    waiter: Arc<Waiter>,
}

impl Wakers {
    /// Wakers that listen to what the store announces.
    ///
    /// # Panics
    /// Outside of tokio's runtime, whose tasks it wakes.
    #[must_use]
    pub fn of(store: &Store) -> Arc<Self> {
        let start = store.durable_pos();
        let wakers = Arc::new(Self {
            waiting: Mutex::default(),
            recent: Mutex::new(Recent { start, noted: start, rooms: HashMap::new(), matters: HashMap::new() }),
        });
        // The store outlives its listeners' owners in tests; a strong reference would keep it from closing.
        let (listener, runtime) = (Arc::downgrade(&wakers), Handle::current());
        store.subscribe(move |records| {
            let Some(wakers) = listener.upgrade() else { return };
            wakers.recent().note(records);
            // Who comes later sees what is noted. The waking is a task, for the first that is woken may take this thread's
            // processor, and the others would wait until that one has been answered.
            if !wakers.is_empty() {
                let records = records.to_vec();
                runtime.spawn(async move { wakers.waiting().wake(&records) });
            }
        });
        wakers
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait for a room: for what happens in memory only.
    pub fn wake_room(&self, room: RoomNo) {
        self.waiting().wake_room(room);
    }

    /// Registers a sync of that device in those rooms. From here on nothing escapes it.
    #[must_use]
    pub fn register(self: &Arc<Self>, user: &str, device: &str, rooms: Vec<RoomNo>) -> Wait {
        let mut waiting = self.waiting();
        waiting.next += 1;
        let waiter = Arc::new(Waiter {
            id: waiting.next,
            user: user.to_owned(),
            device: device.to_owned(),
            rooms,
            notify: Notify::new(),
        });
        waiting.all.insert(waiter.id, Arc::clone(&waiter));
        waiting.users.entry(user.to_owned()).or_default().push(Arc::clone(&waiter));
        for room in &waiter.rooms {
            waiting.rooms.entry(*room).or_default().push(Arc::clone(&waiter));
        }
        drop(waiting);
        Wait { wakers: Arc::clone(self), waiter }
    }

    /// Leaves only those of the rooms in which something was stored behind `since`, if that much is known
    /// of everything up to `until`; says whether it is.
    pub fn retain_changed<T>(
        &self,
        since: StreamPos,
        until: StreamPos,
        rooms: &mut Vec<T>,
        room: impl Fn(&T) -> RoomNo,
    ) -> bool {
        let recent = self.recent();
        let known = recent.knows(since, until);
        if known {
            rooms.retain(|entry| recent.rooms.get(&room(entry)).is_some_and(|newest| *newest > since));
        }
        known
    }

    /// Whether it is known that nothing of that matter happened behind `since` and up to `until`, to anybody.
    #[must_use]
    pub fn quiet(&self, matter: Matter, since: StreamPos, until: StreamPos) -> bool {
        let recent = self.recent();
        recent.knows(since, until) && recent.matters.get(&matter).is_none_or(|newest| *newest <= since)
    }

    /// How many syncs wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting().all.len()
    }

    /// Whether no sync waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Recent {
    fn note(&mut self, records: &[(StreamPos, LogRecord)]) {
        for (position, record) in records {
            self.noted = self.noted.max(*position);
            if let LogRecord::Event(room, _) | LogRecord::Receipt(room) | LogRecord::Membership(_, room) = record {
                self.rooms.insert(*room, *position);
            }
            let matter = match record {
                LogRecord::DeviceList(_) | LogRecord::UserSignature(_) | LogRecord::Membership(..) => Matter::People,
                LogRecord::AccountData(_) => Matter::AccountData,
                LogRecord::ToDevice(..) => Matter::ToDevice,
                LogRecord::Receipt(_) => Matter::Receipts,
                LogRecord::Event(..) | LogRecord::Profile(_) => continue,
            };
            self.matters.insert(matter, *position);
        }
    }

    fn knows(&self, since: StreamPos, until: StreamPos) -> bool {
        since >= self.start && self.noted >= until
    }
}

impl Waiting {
    fn wake(&self, records: &[(StreamPos, LogRecord)]) {
        for (_, record) in records {
            match record {
                LogRecord::Event(room, _) | LogRecord::Receipt(room) => self.wake_room(*room),
                LogRecord::Membership(user, _) | LogRecord::AccountData(user) | LogRecord::UserSignature(user) => {
                    self.wake_user(user, None)
                }
                LogRecord::ToDevice(user, device) => self.wake_user(user, Some(device)),
                // Whom it concerns is for each to find out: who shares a room with the user. It is rare enough.
                LogRecord::DeviceList(_) => self.all.values().for_each(|waiter| waiter.notify.notify_one()),
                // A profile reaches others by the membership events that it changes.
                LogRecord::Profile(_) => {}
            }
        }
    }

    fn wake_room(&self, room: RoomNo) {
        for waiter in self.rooms.get(&room).into_iter().flatten() {
            waiter.notify.notify_one();
        }
    }

    fn wake_user(&self, user: &str, device: Option<&str>) {
        for waiter in self.users.get(user).into_iter().flatten() {
            if device.is_none_or(|device| device == waiter.device) {
                waiter.notify.notify_one();
            }
        }
    }
}

impl Wait {
    /// Waits for something to happen; returns at once if it has since the last time.
    pub async fn woken(&self) {
        self.waiter.notify.notified().await;
    }

    /// The rooms that it waits for.
    #[must_use]
    pub fn rooms(&self) -> &[RoomNo] {
        &self.waiter.rooms
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut waiting = self.wakers.waiting();
        let id = self.waiter.id;
        waiting.all.remove(&id);
        if let Some(waiters) = waiting.users.get_mut(&self.waiter.user) {
            waiters.retain(|waiter| waiter.id != id);
            if waiters.is_empty() {
                waiting.users.remove(&self.waiter.user);
            }
        }
        for room in &self.waiter.rooms {
            if let Some(waiters) = waiting.rooms.get_mut(room) {
                waiters.retain(|waiter| waiter.id != id);
                if waiters.is_empty() {
                    waiting.rooms.remove(room);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_store::{EventNo, Options, StoreError};
    use std::time::Duration;

    /// Wakers of an empty store; the folder goes with its handle.
    fn listening() -> (tempfile::TempDir, Store, Arc<Wakers>) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
        let wakers = Wakers::of(&store);
        (folder, store, wakers)
    }

    async fn is_woken(wait: &Wait) -> bool {
        tokio::time::timeout(Duration::from_millis(20), wait.woken()).await.is_ok()
    }

    #[tokio::test]
    async fn a_waiter_is_woken_by_its_own_and_leaves_nothing_behind() {
        let (_folder, store, wakers) = listening();
        let wait = wakers.register("@ann:x", "A", vec![RoomNo(1), RoomNo(2)]);
        let other = wakers.register("@bob:x", "B", vec![RoomNo(3)]);
        let announce = |record: LogRecord| {
            let store = store.clone();
            async move {
                store
                    .change(move |change| {
                        let position = change.next_pos();
                        change.announce(position, record);
                        // A commit without rows is none.
                        change.put(hearth_store::tables::PUBLIC_ROOMS, RoomNo(position.0), &())?;
                        Ok::<_, StoreError>(position)
                    })
                    .await
                    .unwrap()
            }
        };
        announce(LogRecord::Event(RoomNo(2), EventNo(1))).await;
        assert!(is_woken(&wait).await && !is_woken(&other).await);
        announce(LogRecord::ToDevice("@ann:x".into(), "Z".into())).await;
        assert!(!is_woken(&wait).await);
        announce(LogRecord::ToDevice("@ann:x".into(), "A".into())).await;
        announce(LogRecord::DeviceList("@eve:x".into())).await;
        assert!(is_woken(&wait).await && is_woken(&other).await);
        drop(wait);
        drop(other);
        assert!(wakers.is_empty());
        let waiting = wakers.waiting();
        assert!(waiting.users.is_empty() && waiting.rooms.is_empty());
    }

    #[tokio::test]
    async fn only_what_is_known_is_left_out() {
        let (_folder, store, wakers) = listening();
        let start = store.durable_pos();
        let position = store.change(|change| change.log(LogRecord::Receipt(RoomNo(2)))).await.unwrap();
        let all = || vec![RoomNo(1), RoomNo(2)];
        let mut rooms = all();
        assert!(wakers.retain_changed(start, position, &mut rooms, |room| *room));
        assert_eq!(rooms, [RoomNo(2)]);
        assert!(wakers.retain_changed(position, position, &mut rooms, |room| *room));
        assert!(rooms.is_empty());
        // Of what came before the start, or may come after what was noted, nothing is known.
        let mut rooms = all();
        assert!(!wakers.retain_changed(start, StreamPos(position.0 + 1), &mut rooms, |room| *room));
        if start > StreamPos::ZERO {
            assert!(!wakers.retain_changed(StreamPos(start.0 - 1), position, &mut rooms, |room| *room));
        }
        assert_eq!(rooms, all());
    }

    #[tokio::test]
    async fn it_is_quiet_where_it_is_known_that_nothing_happened() {
        let (_folder, store, wakers) = listening();
        let start = store.durable_pos();
        let log = |record: LogRecord| store.change(move |change| change.log(record));
        let data = log(LogRecord::AccountData("@ann:x".into())).await.unwrap();
        let now = log(LogRecord::Profile("@ann:x".into())).await.unwrap();
        for matter in [Matter::People, Matter::AccountData, Matter::ToDevice, Matter::Receipts] {
            assert_eq!(wakers.quiet(matter, start, now), !matches!(matter, Matter::AccountData));
            assert!(wakers.quiet(matter, data, now));
            assert!(!wakers.quiet(matter, data, StreamPos(now.0 + 1)));
        }
        for (record, matter) in [
            (LogRecord::DeviceList("@ann:x".into()), Matter::People),
            (LogRecord::UserSignature("@ann:x".into()), Matter::People),
            (LogRecord::Membership("@ann:x".into(), RoomNo(1)), Matter::People),
            (LogRecord::ToDevice("@ann:x".into(), "A".into()), Matter::ToDevice),
            (LogRecord::Receipt(RoomNo(2)), Matter::Receipts),
        ] {
            let before = store.durable_pos();
            let now = log(record).await.unwrap();
            assert!(!wakers.quiet(matter, before, now) && wakers.quiet(matter, now, now));
        }
    }
}
