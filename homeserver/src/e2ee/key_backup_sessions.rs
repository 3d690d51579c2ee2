//! The sessions in a key backup.
//! <https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups>

use super::{E2eeError, check_name, key_backup};
use hearth_store::{
    Change, Read,
    tables::{KEY_BACKUP_SESSIONS, KEY_BACKUPS},
};
use ruma::{RoomId, UserId};
use serde::Deserialize;
use std::cmp::Reverse;

/// Largest JSON of a session; real ones have less than 1 KiB.
pub const SESSION_BYTES: usize = 8192;
/// All sessions of a version together, names included: a client gets them in one answer, which memory holds twice. That
/// is some hundred thousand real ones.
pub const BACKUP_BYTES: usize = 64 * 1024 * 1024;
/// A large version is measured each time that its sessions pass a multiple of this, for that takes reading them all.
const MEASURED_EVERY: u64 = 256;

/// How good a backed-up key is; the better one is kept.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Quality {
    first_message_index: u64,
    forwarded_count: u64,
    is_verified: bool,
}

impl Quality {
    /// Verified before unverified, then the lower index, then the fewer hands that it went through.
    fn is_better_than(self, other: Self) -> bool {
        let rank = |quality: Self| {
            (quality.is_verified, Reverse(quality.first_message_index), Reverse(quality.forwarded_count))
        };
        rank(self) > rank(other)
    }
}

/// A session to be backed up, looked through.
#[derive(Debug, Clone)]
pub struct BackedUpSession {
    room: String,
    session: String,
    quality: Quality,
    json: String,
}

impl BackedUpSession {
    /// Looks a session through.
    ///
    /// # Errors
    /// [`E2eeError::Invalid`], [`E2eeError::TooLarge`]
    pub fn parse(room: &RoomId, session: &str, json: &str) -> Result<Self, E2eeError> {
        #[derive(Deserialize)]
        struct Form {
            #[serde(flatten)]
            quality: Quality,
            #[serde(rename = "session_data")]
            _session_data: serde_json::Map<String, serde_json::Value>,
        }
        check_name("a session", session)?;
        if json.len() > SESSION_BYTES {
            return Err(E2eeError::TooLarge(format!("A session is larger than {SESSION_BYTES} bytes.")));
        }
        let form: Form = serde_json::from_str(json)
            .map_err(|error| E2eeError::Invalid(format!("That is not a backed-up session: {error}")))?;
        Ok(Self { room: room.to_string(), session: session.to_owned(), quality: form.quality, json: json.to_owned() })
    }
}

/// Which sessions of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those of a room.
    Room(String),
    /// One of a room.
    One(String, String),
}

/// How a version stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Another number after every change.
    pub etag: u64,
    /// Sessions held.
    pub count: u64,
}

/// Stores sessions in the current version; of two for one session the better is kept.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`], [`E2eeError::WrongBackupVersion`]; [`E2eeError::TooLarge`] where the version is full.
pub fn store(
    change: &mut Change<'_>,
    user: &UserId,
    version: u64,
    sessions: Vec<BackedUpSession>,
) -> Result<Standing, E2eeError> {
    store_within(change, user, version, sessions, BACKUP_BYTES)
}

fn store_within(
    change: &mut Change<'_>,
    user: &UserId,
    version: u64,
    sessions: Vec<BackedUpSession>,
    most: usize,
) -> Result<Standing, E2eeError> {
    let mut record = key_backup::get(change, user, version)?;
    let (current, _) = key_backup::current(change, user)?;
    if current != version {
        return Err(E2eeError::WrongBackupVersion { current: current.to_string() });
    }
    let (mut changed, mut grown) = (false, false);
    let before = record.count;
    for BackedUpSession { room, session, quality, json } in sessions {
        let row = (user.as_str(), version, &*room, &*session);
        match change.get(KEY_BACKUP_SESSIONS, row)? {
            Some(old) if !quality.is_better_than(serde_json::from_str(&old)?) => continue,
            Some(old) => grown |= old.len() < json.len(),
            None => record.count += 1,
        }
        change.put(KEY_BACKUP_SESSIONS, row, &json)?;
        changed = true;
    }
    // Of few sessions the number alone says that they fit.
    let may_be_full = record.count.saturating_mul(SESSION_BYTES as u64) > most as u64;
    let measured = grown || before / MEASURED_EVERY < record.count / MEASURED_EVERY;
    if may_be_full && measured && bytes(change, user, version)? > most {
        return Err(E2eeError::TooLarge(format!("A key backup holds {most} bytes at most.")));
    }
    if changed {
        record.etag += 1;
        change.put(KEY_BACKUPS, (user.as_str(), version), &record)?;
    }
    Ok(Standing { etag: record.etag, count: record.count })
}

/// How large a version is.
fn bytes(read: &impl Read, user: &UserId, version: u64) -> Result<usize, E2eeError> {
    let mut bytes = 0;
    for row in read.prefix(KEY_BACKUP_SESSIONS, (user.as_str(), version))? {
        let ((_, _, room, session), json) = row?;
        bytes += room.len() + session.len() + json.len();
    }
    Ok(bytes)
}

/// Calls `visit` with each session of all rooms or of one: room, session, JSON.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`]
pub fn for_each(
    read: &impl Read,
    user: &UserId,
    version: u64,
    room: Option<&RoomId>,
    mut visit: impl FnMut(String, String, String),
) -> Result<(), E2eeError> {
    key_backup::get(read, user, version)?;
    let rows = match room {
        None => read.prefix(KEY_BACKUP_SESSIONS, (user.as_str(), version))?,
        Some(room) => read.prefix(KEY_BACKUP_SESSIONS, (user.as_str(), version, room.as_str()))?,
    };
    for row in rows {
        let ((_, _, room, session), json) = row?;
        visit(room, session, json);
    }
    Ok(())
}

/// One session, JSON.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`], [`E2eeError::NoSuchSession`]
pub fn get(read: &impl Read, user: &UserId, version: u64, room: &RoomId, session: &str) -> Result<String, E2eeError> {
    key_backup::get(read, user, version)?;
    read.get(KEY_BACKUP_SESSIONS, (user.as_str(), version, room.as_str(), session))?.ok_or(E2eeError::NoSuchSession)
}

/// Deletes sessions. That there are none is no error.
///
/// # Errors
/// [`E2eeError::NoSuchBackup`]
pub fn delete(change: &mut Change<'_>, user: &UserId, version: u64, which: &Which) -> Result<Standing, E2eeError> {
    let mut record = key_backup::get(change, user, version)?;
    let key = (user.as_str(), version);
    let deleted = match which {
        Which::All => change.delete_prefix(KEY_BACKUP_SESSIONS, key)?,
        Which::Room(room) => change.delete_prefix(KEY_BACKUP_SESSIONS, (key.0, key.1, &**room))?,
        Which::One(room, session) => {
            u64::from(change.delete(KEY_BACKUP_SESSIONS, (key.0, key.1, &**room, &**session))?)
        }
    };
    if deleted > 0 {
        record.count = record.count.saturating_sub(deleted);
        record.etag += 1;
        change.put(KEY_BACKUPS, key, &record)?;
    }
    Ok(Standing { etag: record.etag, count: record.count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::{key_backup::Description, testing::TestStore};
    use proptest::prelude::*;
    use ruma::{room_id, user_id};
    use serde_json::json;

    fn ann_id() -> &'static UserId {
        user_id!("@ann:here")
    }

    fn the_room() -> &'static RoomId {
        room_id!("!room:here")
    }

    fn description() -> Description {
        Description {
            algorithm: "m.megolm_backup.v1.curve25519-aes-sha2".into(),
            auth_data: "{\"public_key\":\"abc\"}".into(),
        }
    }

    fn create(store: &TestStore) -> u64 {
        store.change(|change| key_backup::create(change, ann_id(), &description())).unwrap()
    }

    fn session(room: &RoomId, id: &str, verified: bool, index: u64, forwarded: u64) -> BackedUpSession {
        let data = json!({
            "first_message_index": index, "forwarded_count": forwarded, "is_verified": verified,
            "session_data": { "ciphertext": "abc" },
        });
        BackedUpSession::parse(room, id, &data.to_string()).unwrap()
    }

    fn put(store: &TestStore, version: u64, sessions: Vec<BackedUpSession>) -> Result<Standing, E2eeError> {
        store.change(move |change| super::store(change, ann_id(), version, sessions))
    }

    fn rows(store: &TestStore, version: u64) -> u64 {
        store.store.snapshot().unwrap().prefix(KEY_BACKUP_SESSIONS, (ann_id().as_str(), version)).unwrap().count()
            as u64
    }

    #[test]
    fn the_better_key_is_kept() {
        let store = TestStore::new();
        let version = create(&store);
        let kept = |old: (bool, u64, u64), new: (bool, u64, u64)| {
            let make = |(verified, index, forwarded)| session(the_room(), "s", verified, index, forwarded);
            store.change(move |change| delete(change, ann_id(), version, &Which::All)).unwrap();
            let before = put(&store, version, vec![make(old)]).unwrap();
            let after = put(&store, version, vec![make(new)]).unwrap();
            assert_eq!((before.count, after.count), (1, 1));
            let json = get(&store.store.snapshot().unwrap(), ann_id(), version, the_room(), "s").unwrap();
            let taken = json == make(new).json && old != new;
            assert_eq!(before.etag != after.etag, taken, "the etag tells of every change and of nothing else");
            taken
        };
        assert!(kept((false, 0, 0), (true, 9, 9)));
        assert!(!kept((true, 9, 9), (false, 0, 0)));
        assert!(kept((true, 5, 0), (true, 4, 7)));
        assert!(!kept((true, 4, 7), (true, 5, 0)));
        assert!(kept((false, 4, 3), (false, 4, 2)));
        assert!(!kept((false, 4, 2), (false, 4, 3)));
        assert!(!kept((false, 4, 2), (false, 4, 2)));
    }

    #[test]
    fn keys_go_to_the_newest_version_only_and_a_deleted_one_is_no_version() {
        let store = TestStore::new();
        assert!(matches!(put(&store, 1, Vec::new()), Err(E2eeError::NoSuchBackup)));
        let (first, second) = (create(&store), create(&store));
        assert!(
            matches!(put(&store, first, Vec::new()), Err(E2eeError::WrongBackupVersion { current }) if current == second.to_string())
        );
        assert!(matches!(put(&store, 99, Vec::new()), Err(E2eeError::NoSuchBackup)));
        put(&store, second, vec![session(the_room(), "s", true, 0, 0)]).unwrap();
        for _ in 0..2 {
            store.change(move |change| key_backup::delete(change, ann_id(), second)).unwrap();
        }
        assert_eq!(rows(&store, second), 0);
        assert!(matches!(
            store.change(|change| key_backup::delete(change, ann_id(), 99)),
            Err(E2eeError::NoSuchBackup)
        ));
        assert!(matches!(put(&store, second, Vec::new()), Err(E2eeError::NoSuchBackup)));
        assert_eq!(key_backup::current(&store.store.snapshot().unwrap(), ann_id()).unwrap().0, first);
        assert!(create(&store) > second, "a number is not given out again");
    }

    #[test]
    fn only_the_algorithms_data_can_be_changed() {
        let store = TestStore::new();
        let version = create(&store);
        let update = |description: Description| {
            store.change(move |change| key_backup::update(change, ann_id(), version, &description))
        };
        update(Description { auth_data: "{\"public_key\":\"def\"}".into(), ..description() }).unwrap();
        assert!(
            key_backup::get(&store.store.snapshot().unwrap(), ann_id(), version).unwrap().auth_data.contains("def")
        );
        assert!(matches!(
            update(Description { algorithm: "other".into(), ..description() }),
            Err(E2eeError::Invalid(_))
        ));
        assert!(matches!(update(Description { auth_data: "[]".into(), ..description() }), Err(E2eeError::Invalid(_))));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(key_backup::AUTH_DATA_BYTES));
        assert!(matches!(update(Description { auth_data: large, ..description() }), Err(E2eeError::TooLarge(_))));
        for bad in ["", "0x1", "01", "+1", "-1", "1 ", "99999999999999999999"] {
            assert!(matches!(key_backup::number(bad), Err(E2eeError::NoSuchBackup)), "{bad}");
        }
    }

    #[test]
    fn sessions_must_be_whole_and_of_a_bounded_size() {
        let good = json!({ "first_message_index": 1, "forwarded_count": 0, "is_verified": true, "session_data": {} });
        assert!(BackedUpSession::parse(the_room(), "s", &good.to_string()).is_ok());
        assert!(BackedUpSession::parse(the_room(), "", &good.to_string()).is_err());
        for (field, value) in [
            ("first_message_index", json!(-1)),
            ("forwarded_count", json!("0")),
            ("is_verified", json!(null)),
            ("session_data", json!([])),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert!(
                matches!(BackedUpSession::parse(the_room(), "s", &bad.to_string()), Err(E2eeError::Invalid(_))),
                "{bad}"
            );
        }
        let mut large = good;
        large["session_data"] = json!({ "ciphertext": "x".repeat(SESSION_BYTES) });
        assert!(matches!(BackedUpSession::parse(the_room(), "s", &large.to_string()), Err(E2eeError::TooLarge(_))));
    }

    #[test]
    fn a_version_that_is_full_takes_no_more_until_something_is_deleted() {
        let store = TestStore::new();
        let version = create(&store);
        let put = |sessions: Vec<BackedUpSession>| {
            store.change(move |change| store_within(change, ann_id(), version, sessions, 34_000))
        };
        let many = |from: u64, to: u64| -> Vec<_> {
            (from..to).map(|n| session(&room(u8::from(n % 2 == 1)), &n.to_string(), false, 9, 0)).collect()
        };
        assert_eq!(put(many(0, MEASURED_EVERY - 1)).unwrap().count, MEASURED_EVERY - 1);
        let full = put(many(MEASURED_EVERY - 1, 2 * MEASURED_EVERY));
        assert!(matches!(full, Err(E2eeError::TooLarge(_))), "{full:?}");
        assert_eq!(rows(&store, version), MEASURED_EVERY - 1, "nothing of it was stored");
        // A better key that is larger counts as well.
        let larger = json!({
            "first_message_index": 0, "forwarded_count": 0, "is_verified": true,
            "session_data": { "ciphertext": "x".repeat(7000) },
        });
        let larger = BackedUpSession::parse(&room(0), "0", &larger.to_string()).unwrap();
        assert!(matches!(put(vec![larger.clone()]), Err(E2eeError::TooLarge(_))));
        store.change(move |change| delete(change, ann_id(), version, &Which::Room(room(1).to_string()))).unwrap();
        put(vec![larger]).unwrap();
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(Vec<(u8, u8, bool, u64)>),
        DeleteRoom(u8),
        DeleteOne(u8, u8),
        DeleteAll,
    }

    fn room(number: u8) -> ruma::OwnedRoomId {
        RoomId::parse(format!("!{number}:here")).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_count_is_the_number_of_sessions_and_the_etag_never_repeats(steps in prop::collection::vec(
            prop_oneof![
                4 => prop::collection::vec((0..3u8, 0..6u8, any::<bool>(), 0..4u64), 0..12).prop_map(Step::Put),
                1 => (0..3u8).prop_map(Step::DeleteRoom),
                2 => (0..3u8, 0..6u8).prop_map(|(room, session)| Step::DeleteOne(room, session)),
                1 => Just(Step::DeleteAll),
            ], 1..30,
        )) {
            let store = TestStore::new();
            let version = create(&store);
            let contents = || -> Vec<_> {
                let snapshot = store.store.snapshot().unwrap();
                snapshot.prefix(KEY_BACKUP_SESSIONS, (ann_id().as_str(), version)).unwrap().map(|row| row.unwrap()).collect()
            };
            let (mut etag, mut before) = (0, contents());
            for step in steps {
                let standing = match step {
                    Step::Put(sessions) => {
                        let sessions = sessions.into_iter();
                        let sessions = sessions.map(|(in_room, id, verified, index)| session(&room(in_room), &id.to_string(), verified, index, 0));
                        put(&store, version, sessions.collect()).unwrap()
                    }
                    step => {
                        let which = match step {
                            Step::DeleteRoom(number) => Which::Room(room(number).to_string()),
                            Step::DeleteOne(number, id) => Which::One(room(number).to_string(), id.to_string()),
                            _ => Which::All,
                        };
                        store.change(move |change| delete(change, ann_id(), version, &which)).unwrap()
                    }
                };
                let after = contents();
                prop_assert_eq!(standing.count, after.len() as u64);
                prop_assert_eq!(standing.etag != etag, before != after);
                prop_assert!(standing.etag >= etag);
                (etag, before) = (standing.etag, after);
            }
        }
    }
}
