//! A store as a stream, and a store of it again: every row, derived ones too; nothing of what is damaged.

use hearth_store::dump::{self, DumpError, LoadError};
use hearth_store::records::*;
use hearth_store::tables::{self, TableVisitor, visit_all};
use hearth_store::{Change, EventNo, Key, OpenError, Options, Read, RoomNo, Snapshot, Store, StoreError};
use hearth_store::{StreamPos, Table, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Rows that belong together as the homeserver writes them, some of each table that others follow from.
fn fill(change: &mut Change<'_>, events: u64) -> Result<(), StoreError> {
    let room = RoomNo(1);
    change.put(tables::ROOMS, room, &RoomRecord { room_id: "!r:x".into(), version: "12".into() })?;
    change.put(tables::ROOM_IDS, "!r:x", &room)?;
    change.put(tables::SECRETS, "server_name", &b"x".to_vec())?;
    change.put(tables::ALIASES, "#a:x", &AliasRecord { room_id: "!r:x".into(), creator: "@a:x".into() })?;
    change.put(tables::ROOM_ALIASES, ("!r:x", "#a:x"), &())?;
    for n in 0..events {
        let position = change.next_pos();
        let number = EventNo::from(position);
        // Every third is an outlier: it has no place in the timeline.
        let timeline = (n % 3 != 0).then(|| TimelinePos::from(position));
        let record = EventRecord {
            room,
            event_id: format!("${:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            state_before: Some([n as u8; 16]),
            rejected: n % 7 == 0,
            soft_failed: false,
            timeline,
            transaction: None,
            auth_events: vec![EventNo(1)],
            depth: n,
            redacted_by: None,
            json: format!("{{\"body\":\"{}\"}}", "words ".repeat((n % 40) as usize)).into_bytes(),
        };
        change.put(tables::EVENTS, number, &record)?;
        change.put(tables::EVENT_IDS, record.event_id.as_str(), &number)?;
        if let Some(place) = timeline {
            change.put(tables::TIMELINE, (room, place), &number)?;
        }
        let mut node = [0; 16];
        node[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        change.put(tables::STATE_NODES, node, &vec![n as u8; 100])?;
    }
    for (n, membership) in [Membership::Join, Membership::Ban, Membership::Invite].into_iter().enumerate() {
        let (user, position) = (format!("@{n}:x"), change.next_pos());
        let event = EventNo::from(position);
        let standing = MembershipRecord {
            membership,
            event,
            position,
            joined_at: None,
            left_at: None,
            forgotten: n == 1,
            stripped_state: None,
        };
        change.put(tables::MEMBERSHIPS, (user.as_str(), room), &standing)?;
        change.put(tables::ROOM_MEMBERS, (room, membership, user.as_str()), &event)?;
        let token = [n as u8; 32];
        let (user_of, device) = (user.clone(), "D".to_owned());
        let access =
            AccessTokenRecord { user: user_of.clone(), device: device.clone(), expires_at: None, replaces: None };
        change.put(tables::ACCESS_TOKENS, token, &access)?;
        change.put(tables::DEVICE_TOKENS, (user.as_str(), "D", token), &TokenKind::Access)?;
        let refresh = [n as u8 + 100; 32];
        change.put(tables::REFRESH_TOKENS, refresh, &RefreshTokenRecord { user: user_of, device, access: token })?;
        change.put(tables::DEVICE_TOKENS, (user.as_str(), "D", refresh), &TokenKind::Refresh)?;
        let position = change.log(LogRecord::AccountData(user.clone()))?;
        let datum = AccountDataRecord { position, content: "{}".into() };
        change.put(tables::ACCOUNT_DATA, (user.as_str(), "", "m.direct"), &datum)?;
        let what = RoomAndType(String::new(), "m.direct".into());
        change.put(tables::ACCOUNT_DATA_LOG, (user.as_str(), position), &what)?;
        let position = change.log(LogRecord::Receipt(room))?;
        let receipt = ReceiptRecord { event_id: "$e".into(), event: Some(event), at: 5, position };
        change.put(tables::RECEIPTS, (room, "m.read", "main", user.as_str()), &receipt)?;
        let what = ReceiptKey("m.read".into(), "main".into(), user.clone());
        change.put(tables::RECEIPTS_LOG, (room, position), &what)?;
        let position = change.log(LogRecord::DeviceList(user.clone()))?;
        change.put(tables::DEVICE_LIST_CHANGES, user.as_str(), &position)?;
        change.put(tables::DEVICE_LIST_LOG, position, &user)?;
        let position = change.log(LogRecord::UserSignature(user.clone()))?;
        change.put(tables::USER_SIGNATURE_CHANGES, (user.as_str(), "@b:x"), &position)?;
        change.put(tables::USER_SIGNATURE_LOG, (user.as_str(), position), &"@b:x".to_owned())?;
        let address = format!("{n}@x");
        let email = EmailRecord { user: user.clone(), address: address.clone(), validated_at: 1, added_at: 2 };
        change.put(tables::EMAILS, address.as_str(), &email)?;
        change.put(tables::USER_EMAILS, (user.as_str(), address.as_str()), &())?;
        change.put(tables::PROFILES, (user.as_str(), "displayname\u{0}\u{1}"), &"\"N\"".to_owned())?;
    }
    Ok(())
}

fn filled(folder: &Path, events: u64) -> Store {
    let store = Store::open(&folder.join("db"), Options::default()).unwrap();
    store.change_blocking(move |change| fill(change, events)).unwrap();
    store
}

fn all_nodes(read: &Snapshot, visit: &mut dyn FnMut([u8; 16]) -> Result<(), DumpError>) -> Result<(), DumpError> {
    read.prefix(tables::STATE_NODES, ())?.rev().try_for_each(|row| visit(row?.0))
}

fn dumped(read: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    let dumped = read.dump(&mut bytes, all_nodes).unwrap();
    assert_eq!((dumped.bytes, dumped.position), (bytes.len() as u64, read.pos()));
    bytes
}

fn load(bytes: &[u8], path: &Path) -> Result<dump::Loaded, LoadError> {
    dump::load(bytes, path, |_| Ok(()), |contents| contents.position, |_, _| Ok(()))
}

/// Rows as bytes, by table.
type AllRows = BTreeMap<&'static str, Vec<(Vec<u8>, Vec<u8>)>>;

/// Every table's rows as bytes.
fn rows(read: &Snapshot) -> AllRows {
    struct Rows<'r>(&'r Snapshot, AllRows);
    impl TableVisitor for Rows<'_> {
        type Error = StoreError;
        fn table<K: Key, V: Value>(&mut self, table: Table<K, V>) -> Result<(), StoreError> {
            let mut rows = Vec::new();
            for row in self.0.range::<K, V, Whole>(table, ..)? {
                let (key, value) = row?;
                let (mut key_bytes, mut value_bytes) = (Vec::new(), Vec::new());
                key.encode(&mut key_bytes);
                value.encode(&mut value_bytes)?;
                rows.push((key_bytes, value_bytes));
            }
            self.1.insert(table.name(), rows);
            Ok(())
        }
    }
    let mut all = Rows(read, BTreeMap::new());
    visit_all(&mut all).unwrap();
    all.1
}

/// No bound at all needs a type all the same.
struct Whole;
impl<K> hearth_store::EncodeKey<K> for Whole {
    fn encode_key(&self, _: &mut Vec<u8>) {}
}

#[test]
fn every_row_of_every_table_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 3_000);
    let before = store.snapshot().unwrap();
    let bytes = dumped(&before);
    let path = folder.path().join("again");
    let loaded = load(&bytes, &path).unwrap();
    assert_eq!((loaded.contents.bytes, loaded.contents.position), (bytes.len() as u64, before.pos()));
    let again = Store::open(&path, Options::default()).unwrap();
    let (before, after) = (rows(&before), rows(&again.snapshot().unwrap()));
    for (table, rows) in &before {
        assert!(after[table] == *rows, "{table}: {} rows became {}", rows.len(), after[table].len());
    }
    for full in ["EVENT_IDS", "TIMELINE", "ROOM_MEMBERS", "DEVICE_TOKENS", "RECEIPTS_LOG", "USER_SIGNATURE_LOG"] {
        assert!(!before[full].is_empty(), "{full} is to be in this test");
    }
    assert!(again.check().unwrap().is_sound());
    assert!(dumped(&again.snapshot().unwrap()).len() == bytes.len());
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(!dump::unfinished(&path).exists());
}

#[test]
fn positions_go_on_behind_the_jump() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 10);
    let bytes = dumped(&store.snapshot().unwrap());
    let path = folder.path().join("again");
    let far = StreamPos(1 << 40);
    dump::load(
        bytes.as_slice(),
        &path,
        |_| Ok(()),
        |_| far,
        |store, loaded| {
            assert_eq!(loaded.jumped_to, far);
            assert_eq!(store.snapshot()?.pos(), far);
            let position = store.change_blocking(|change| change.log(LogRecord::Profile("@a:x".into())))?;
            assert_eq!(position, StreamPos(far.0 + 1));
            Ok::<_, LoadError>(())
        },
    )
    .unwrap();
    let again = Store::open(&path, Options::default()).unwrap();
    assert!(again.durable_pos() > far);
    // A jump backwards is none.
    let path = folder.path().join("third");
    let loaded = dump::load(bytes.as_slice(), &path, |_| Ok(()), |_| StreamPos(1), |_, _| Ok::<_, LoadError>(()));
    assert_eq!(loaded.unwrap().jumped_to, store.durable_pos());
}

#[test]
fn a_dump_is_of_one_moment_and_keeps_nobody_from_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 100);
    let read = store.snapshot().unwrap();
    let before = rows(&read);
    let mut bytes = Vec::new();
    read.dump(&mut bytes, |read, visit| {
        // In the middle of the dump, and before many a table.
        store.change_blocking(|change| {
            change.put(tables::PROFILES, ("@late:x", "displayname"), &"\"L\"".to_owned())?;
            change.put(tables::SECRETS, "late", &vec![1])?;
            change.delete(tables::CHANGE_LOG, change.last(tables::CHANGE_LOG, ())?.unwrap().0)
        })?;
        all_nodes(read, visit)
    })
    .unwrap();
    let path = folder.path().join("again");
    load(&bytes, &path).unwrap();
    let again = Store::open(&path, Options::default()).unwrap();
    assert!(rows(&again.snapshot().unwrap()) == before);
}

#[test]
fn whatever_is_damaged_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 4);
    let bytes = dumped(&store.snapshot().unwrap());
    let whole = dump::verify(bytes.as_slice(), |_| Ok(())).unwrap();
    assert_eq!(whole.bytes, bytes.len() as u64);
    for length in 0..bytes.len() {
        dump::verify(&bytes[..length], |_| Ok(())).expect_err("a part passed for the whole");
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            dump::verify(damaged.as_slice(), |_| Ok(())).expect_err("a changed byte went unnoticed");
        }
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(dump::verify(longer.as_slice(), |_| Ok(())), Err(LoadError::Damaged { .. })));

    let path = folder.path().join("again");
    let mut damaged = bytes.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let error = load(&damaged, &path).unwrap_err();
    assert!(matches!(error, LoadError::Damaged { .. }), "{error}");
    assert!(!path.exists(), "a damaged dump became a store");
    // What the failure has left is in nobody's way.
    load(&bytes, &path).unwrap();
    assert!(matches!(load(&bytes, &path), Err(LoadError::Occupied(_))));
    Store::open(&path, Options::default()).unwrap();
}

#[test]
fn other_files_and_newer_dumps_are_told_apart_from_damage() {
    let verify = |bytes: &[u8]| dump::verify(bytes, |_| Ok(())).unwrap_err();
    assert!(matches!(verify(b"PK\x03\x04 and what else stands in an archive"), LoadError::Foreign));
    assert!(matches!(verify(b"P"), LoadError::Foreign));
    let header = |format: u32, schema: u64| {
        [b"Hearth snapshot\n".as_slice(), &format.to_be_bytes(), &schema.to_be_bytes()].concat()
    };
    assert!(matches!(verify(&header(2, 1)), LoadError::Newer(_)));
    assert!(matches!(verify(&header(1, 1_000)), LoadError::Newer(_)));
    assert!(matches!(verify(&header(1, 0)), LoadError::Damaged { .. }));
    let mut unknown = header(1, hearth_store::schema::VERSION);
    unknown.extend_from_slice(b"\x01\x06FUTURE");
    assert!(matches!(verify(&unknown), LoadError::Newer(_)));
    let mut derived = header(1, hearth_store::schema::VERSION);
    derived.extend_from_slice(b"\x01\x09EVENT_IDS");
    assert!(matches!(verify(&derived), LoadError::Damaged { .. }));
    // A length that nobody could have: refused before there is room for it.
    let mut long = header(1, hearth_store::schema::VERSION);
    long.extend_from_slice(b"\x01\x05USERS\xff\xff\xff\xff\xff\xff\xff\xff");
    assert!(matches!(verify(&long), LoadError::Damaged { .. }));
}

/// Layout 2 brought tables that dumps of layout 1 lack.
#[test]
fn a_dump_of_before_there_were_mail_addresses_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
    store.change_blocking(|change| change.put(tables::SECRETS, "server_name", &b"x".to_vec())).unwrap();
    let now = dumped(&store.snapshot().unwrap());
    let section = b"\x01\x06EMAILS\0\0\0\0\0\0\0\0\0\0\0\0";
    let at = now.windows(section.len()).position(|part| part == section).unwrap();
    let then = |schema: u64| {
        let mut bytes =
            [&now[..20], &schema.to_be_bytes(), &now[28..at], &now[at + section.len()..now.len() - 32]].concat();
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        bytes
    };
    let lacking = dump::verify(then(hearth_store::schema::VERSION).as_slice(), |_| Ok(())).unwrap_err();
    assert!(lacking.to_string().contains("EMAILS is missing"), "{lacking}");
    let path = folder.path().join("again");
    load(&then(1), &path).unwrap();
    let again = Store::open(&path, Options::default()).unwrap();
    let again = again.snapshot().unwrap();
    assert_eq!(again.get(tables::SECRETS, "server_name").unwrap(), Some(b"x".to_vec()));
}

/// A letter that was sent long ago must not go out again because somebody restored a replica.
#[test]
fn what_is_over_soon_is_in_no_dump() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 4);
    let before = dumped(&store.snapshot().unwrap());
    store
        .change_blocking(|change| {
            let (to, subject, text) = ("a@x".to_owned(), String::new(), "link".to_owned());
            let letter = LetterRecord { to, subject, text, queued_at: 0, tries: 0, due_at: 0 };
            change.put(tables::MAIL_QUEUE, StreamPos(1), &letter)
        })
        .unwrap();
    assert!(dumped(&store.snapshot().unwrap()) == before);
}

#[test]
fn work_that_fails_leaves_nothing_and_two_restores_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 10);
    let bytes = dumped(&store.snapshot().unwrap());
    let path = folder.path().join("again");
    let failed = dump::load(
        bytes.as_slice(),
        &path,
        |_| Ok(()),
        |_| StreamPos(0),
        |_, _| {
            assert!(!path.exists(), "it has its name before it is ready");
            let other = load(&bytes, &path).unwrap_err();
            assert!(matches!(other, LoadError::Open(OpenError::Locked { .. })), "{other}");
            Err(LoadError::Foreign)
        },
    );
    assert!(matches!(failed, Err(LoadError::Foreign)) && !path.exists());
    load(&bytes, &path).unwrap();
}
