//! How many events of a room a user has not read, by their push rules.
//! <https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications>
//!
//! Nothing is written for it. The first question walks back from the newest event to where the user has read; the
//! answer is remembered, and later questions look at newer events only.

use super::{evaluate, rules_of};
use crate::rooms::{
    Room, RoomError, Rooms, client_event, graph,
    receipts::{self, MAIN, READ, READ_PRIVATE, UNTHREADED},
    state::Root,
    timeline::{Direction, events},
};
use hearth_store::{
    EventNo, Read, RoomNo, StreamPos,
    records::{EventRecord, MembershipRecord, RoomHead, TimelinePos},
    tables,
};
use lru::LruCache;
use ruma::{
    OwnedUserId, UserId,
    push::{PushConditionPowerLevelsCtx, PushConditionRoomCtx, Ruleset},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    num::NonZeroUsize,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Events looked at in one go; the rest of a room that was not read for so long counts no further.
const LOOKED_AT: usize = 2000;
/// Events looked at behind one's own newest message, for what is unread in threads.
const LOOKED_AT_FOR_THREADS: usize = 200;
/// Some 300 bytes each.
const KEPT_COUNTS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Some 2 KiB each. Many ask for the newest few.
const KEPT_EVENTS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// As large as a room's power levels, both.
const KEPT_LEVELS: NonZeroUsize = NonZeroUsize::new(32).unwrap();
const KEPT_CONTEXTS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Some 20 KiB each.
const KEPT_RULES: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Unread events of one thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that notify.
    pub notifications: u64,
    /// Those that are highlighted.
    pub highlights: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.notifications += other.notifications;
        self.highlights += other.highlights;
    }
}

/// Unread events of a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of the main timeline.
    pub main: Count,
    /// By root of the thread.
    pub threads: BTreeMap<String, Count>,
}

impl Counts {
    /// Of the main timeline and all threads.
    #[must_use]
    pub fn total(&self) -> Count {
        let mut total = self.main;
        self.threads.values().for_each(|thread| total.add(*thread));
        total
    }

    fn thread(&mut self, thread: Option<String>) -> &mut Count {
        match thread {
            Some(root) => self.threads.entry(root).or_default(),
            None => &mut self.main,
        }
    }
}

/// Whose count of which room is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'r> {
    /// The user.
    pub user: &'r UserId,
    /// How the user stands to the room.
    pub standing: &'r MembershipRecord,
    /// Users whose messages don't count.
    pub ignored: &'r HashSet<OwnedUserId>,
    /// When that list last changed.
    pub ignored_at: StreamPos,
    /// Up to where to count.
    pub until: StreamPos,
}

/// What was counted before.
#[derive(Debug)]
pub struct Unread {
    counts: Mutex<LruCache<(OwnedUserId, RoomNo), Known>>,
    rules: Mutex<LruCache<OwnedUserId, (StreamPos, Arc<Ruleset>)>>,
    events: Mutex<LruCache<EventNo, Arc<Seen>>>,
    levels: Mutex<LruCache<Version, PushConditionPowerLevelsCtx>>,
    contexts: Mutex<LruCache<(OwnedUserId, Version), Arc<PushConditionRoomCtx>>>,
    /// The newest redaction that was come across in a room.
    redactions: Mutex<HashMap<RoomNo, StreamPos>>,
}

/// A version of a room's state, and the newest redaction in the room: that takes content from state and leaves the root.
type Version = (Root, StreamPos);

/// What is the same of an event for everybody.
#[derive(Debug)]
struct Seen {
    sender: String,
    is_state: bool,
    is_redaction: bool,
    thread: Option<String>,
    event: evaluate::Event,
}

#[derive(Debug, Clone)]
struct Known {
    until: StreamPos,
    rules: StreamPos,
    ignored: StreamPos,
    counts: Counts,
}

impl Default for Unread {
    fn default() -> Self {
        Self {
            counts: Mutex::new(LruCache::new(KEPT_COUNTS)),
            rules: Mutex::new(LruCache::new(KEPT_RULES)),
            events: Mutex::new(LruCache::new(KEPT_EVENTS)),
            levels: Mutex::new(LruCache::new(KEPT_LEVELS)),
            contexts: Mutex::new(LruCache::new(KEPT_CONTEXTS)),
            redactions: Mutex::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Unread {
    /// The unread events of a joined room.
    ///
    /// # Errors
    /// Those of the store and of damaged events.
    pub fn counts(
        &self,
        read: &impl Read,
        rooms: &Rooms,
        room: &Room,
        head: &RoomHead,
        reader: Reader<'_>,
    ) -> Result<Counts, RoomError> {
        let (rules_at, rules) = self.rules(read, reader.user)?;
        let key = (reader.user.to_owned(), room.number);
        let known = lock(&self.counts).get(&key).cloned();
        let known = match known {
            Some(known)
                if known.until <= reader.until
                    && known.rules == rules_at
                    && known.ignored == reader.ignored_at
                    && reader.standing.joined_at.is_none_or(|joined| joined <= known.until)
                    && !has_read_since(read, room.number, reader, known.until)? =>
            {
                Some(known)
            }
            _ => None,
        };
        let walk = |place: TimelinePos, receipts| -> Result<_, RoomError> {
            let mut walk = Walk::new(self, read, rooms, room, head, reader, Arc::clone(&rules));
            walk.receipts = receipts;
            walk.back_to(place)?;
            Ok(walk)
        };
        let counted_on = match known {
            Some(known) if known.until == reader.until => Some(known.counts),
            // The user has sent no receipt since, so what came since has none.
            Some(known) => walk(known.until.into(), None)?.on_top_of(known.counts),
            None => None,
        };
        let counts = match counted_on {
            Some(counts) => counts,
            None => {
                let joined = TimelinePos::from(reader.standing.joined_at.unwrap_or(StreamPos::ZERO));
                let anew = || walk(joined, Some(BTreeMap::new()));
                let counted = anew()?;
                // Events were judged by a state that the redaction had not been taken from, as it turned out.
                if counted.outdated { anew()?.counts } else { counted.counts }
            }
        };
        let known = Known { until: reader.until, rules: rules_at, ignored: reader.ignored_at, counts: counts.clone() };
        lock(&self.counts).put(key, known);
        Ok(counts)
    }

    fn event(&self, read: &impl Read, number: EventNo, record: &EventRecord) -> Result<Arc<Seen>, RoomError> {
        if let Some(seen) = lock(&self.events).get(&number) {
            return Ok(Arc::clone(seen));
        }
        let fields = client_event::fields(number, record)?;
        let seen = Arc::new(Seen {
            thread: receipts::thread_of(read, number, record)?,
            event: evaluate::event(number, record, &fields)?,
            is_state: fields.state_key.is_some(),
            is_redaction: fields.kind == "m.room.redaction",
            sender: fields.sender.into_owned(),
        });
        lock(&self.events).put(number, Arc::clone(&seen));
        Ok(seen)
    }

    /// What the rules need to know of a room at its newest, for one user.
    fn context(
        &self,
        read: &impl Read,
        rooms: &Rooms,
        room: &Room,
        head: &RoomHead,
        reader: Reader<'_>,
    ) -> Result<Arc<PushConditionRoomCtx>, RoomError> {
        let redacted = lock(&self.redactions).get(&room.number).copied().filter(|at| *at <= reader.until);
        let version = (head.state, redacted.unwrap_or(StreamPos::ZERO));
        let key = (reader.user.to_owned(), version);
        if let Some(context) = lock(&self.contexts).get(&key) {
            return Ok(Arc::clone(context));
        }
        let levels = self.levels(read, rooms, room, version)?;
        let context = Arc::new(evaluate::context(read, rooms, room, head, reader.user, levels)?);
        lock(&self.contexts).put(key, Arc::clone(&context));
        Ok(context)
    }

    fn levels(
        &self,
        read: &impl Read,
        rooms: &Rooms,
        room: &Room,
        version: Version,
    ) -> Result<PushConditionPowerLevelsCtx, RoomError> {
        if let Some(levels) = lock(&self.levels).get(&version) {
            return Ok(levels.clone());
        }
        let levels = evaluate::levels(read, rooms, room, version.0)?;
        lock(&self.levels).put(version, levels.clone());
        Ok(levels)
    }

    /// Notes a redaction that was come across; says whether it is news.
    fn note_redaction(&self, room: RoomNo, at: StreamPos) -> bool {
        let mut redactions = lock(&self.redactions);
        let newest = redactions.entry(room).or_insert(StreamPos::ZERO);
        let news = *newest < at;
        *newest = at.max(*newest);
        news
    }

    /// The user's rules, and when they last changed.
    fn rules(&self, read: &impl Read, user: &UserId) -> Result<(StreamPos, Arc<Ruleset>), RoomError> {
        let key = (user.as_str(), "", "m.push_rules");
        // Only the position is wanted where the rules are known; decoding the record is cheap beside parsing the rules.
        let position = read.get(tables::ACCOUNT_DATA, key)?.map_or(StreamPos::ZERO, |record| record.position);
        if let Some((known, rules)) = lock(&self.rules).get(user)
            && *known == position
        {
            return Ok((position, Arc::clone(rules)));
        }
        let rules = Arc::new(rules_of(read, user)?);
        lock(&self.rules).put(user.to_owned(), (position, Arc::clone(&rules)));
        Ok((position, rules))
    }
}

/// Whether the user's own receipts in the room changed.
fn has_read_since(read: &impl Read, room: RoomNo, reader: Reader<'_>, since: StreamPos) -> Result<bool, RoomError> {
    let bounds = (Bound::Excluded(since), Bound::Included(reader.until));
    for entry in read.range_in(tables::RECEIPTS_LOG, (room,), bounds)? {
        if entry?.1.2 == reader.user.as_str() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A walk back through the events that may be unread.
struct Walk<'w, R> {
    unread: &'w Unread,
    read: &'w R,
    rooms: &'w Rooms,
    room: &'w Room,
    head: &'w RoomHead,
    reader: Reader<'w>,
    rules: Arc<Ruleset>,
    /// Made for the first event that asks for it.
    context: Option<Arc<PushConditionRoomCtx>>,
    counts: Counts,
    /// Threads that the user has read from here on back; none for the main timeline.
    read_threads: BTreeSet<Option<String>>,
    /// Receipts by thread, looked up once; none where all are older than what is walked over.
    receipts: Option<BTreeMap<String, Option<TimelinePos>>>,
    /// A redaction was come across.
    redacts: bool,
    /// One that nobody had come across before.
    outdated: bool,
}

impl<'w, R: Read> Walk<'w, R> {
    fn new(
        unread: &'w Unread,
        read: &'w R,
        rooms: &'w Rooms,
        room: &'w Room,
        head: &'w RoomHead,
        reader: Reader<'w>,
        rules: Arc<Ruleset>,
    ) -> Self {
        let (counts, read_threads, receipts) = (Counts::default(), BTreeSet::new(), Some(BTreeMap::new()));
        let (context, redacts, outdated) = (None, false, false);
        Self {
            unread,
            read,
            rooms,
            room,
            head,
            reader,
            rules,
            context,
            counts,
            read_threads,
            receipts,
            redacts,
            outdated,
        }
    }

    /// Counts from the newest event back to that place, or to where the user has read everything.
    fn back_to(&mut self, place: TimelinePos) -> Result<(), RoomError> {
        let low = self.receipt(UNTHREADED)?.map_or(place, |receipt| receipt.max(place));
        let mut behind_own = 0;
        let until = self.reader.until.into();
        for entry in events(self.read, self.room.number, until, Some(low), Direction::Backward)?.take(LOOKED_AT) {
            let (place, number) = entry?;
            if self.read_threads.contains(&None) {
                behind_own += 1;
                if behind_own > LOOKED_AT_FOR_THREADS {
                    break;
                }
            }
            self.look_at(place, number, &graph::record(self.read, number)?)?;
        }
        Ok(())
    }

    fn look_at(&mut self, place: TimelinePos, number: EventNo, record: &EventRecord) -> Result<(), RoomError> {
        let seen = self.unread.event(self.read, number, record)?;
        if seen.is_redaction {
            self.redacts = true;
            self.outdated |= self.unread.note_redaction(self.room.number, StreamPos(number.0));
        }
        if self.read_threads.contains(&seen.thread) {
            return Ok(());
        }
        // Who writes has read what stands before.
        if seen.sender == self.reader.user.as_str() && !seen.is_state {
            self.read_threads.insert(seen.thread.clone());
            return Ok(());
        }
        if self.receipt(seen.thread.as_deref().unwrap_or(MAIN))?.is_some_and(|receipt| receipt >= place) {
            self.read_threads.insert(seen.thread.clone());
            return Ok(());
        }
        let ignored = !seen.is_state && self.reader.ignored.iter().any(|ignored| *ignored == *seen.sender);
        if ignored || record.redacted_by.is_some() {
            return Ok(());
        }
        let context = match &self.context {
            Some(context) => context,
            None => {
                self.context.insert(self.unread.context(self.read, self.rooms, self.room, self.head, self.reader)?)
            }
        };
        let verdict = evaluate::verdict(&self.rules, context, &seen.event);
        if verdict.notify {
            let count = Count { notifications: 1, highlights: u64::from(verdict.highlight) };
            self.counts.thread(seen.thread.clone()).add(count);
        }
        Ok(())
    }

    /// The place of the user's newest receipt in a thread.
    fn receipt(&mut self, thread: &str) -> Result<Option<TimelinePos>, RoomError> {
        let Some(receipts) = &mut self.receipts else { return Ok(None) };
        if let Some(known) = receipts.get(thread) {
            return Ok(*known);
        }
        let mut newest = None;
        for kind in [READ, READ_PRIVATE] {
            let key = (self.room.number, kind, thread, self.reader.user.as_str());
            if let Some(receipt) = self.read.get(tables::RECEIPTS, key)? {
                newest = newest.max(receipts::place(self.read, &receipt)?);
            }
        }
        receipts.insert(thread.to_owned(), newest);
        Ok(newest)
    }

    /// What was walked over, added to an older count; none where a redaction may have taken from that.
    fn on_top_of(self, mut older: Counts) -> Option<Counts> {
        if self.redacts {
            return None;
        }
        for thread in self.read_threads {
            match thread {
                Some(root) => drop(older.threads.remove(&root)),
                None => older.main = Count::default(),
            }
        }
        older.main.add(self.counts.main);
        for (root, count) in self.counts.threads {
            older.threads.entry(root).or_default().add(count);
        }
        Some(older)
    }
}
