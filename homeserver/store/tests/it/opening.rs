//! What may be opened and what is refused, in which words, and that refusing changes nothing.

use hearth_store::records::Membership;
use hearth_store::schema::{MIGRATIONS, Migration};
use hearth_store::{
    Change, EventNo, OpenError, Options, Read, RoomNo, Store, StoreError, StreamPos, Table, check, tables,
};
use std::fs;
use std::path::{Path, PathBuf};

const OLD: Table<u64, String> = Table::new("OLD_SHAPE");
const NEW: Table<(u64, u64), String> = Table::new("NEW_SHAPE");

fn split_keys(change: &mut Change<'_>) -> Result<(), StoreError> {
    let rows: Vec<_> = change.prefix(OLD, ())?.collect::<Result<_, _>>()?;
    for (key, value) in rows {
        change.put(NEW, (key / 10, key % 10), &value)?;
    }
    change.delete_prefix(OLD, ()).map(drop)
}

fn shout(change: &mut Change<'_>) -> Result<(), StoreError> {
    let rows: Vec<_> = change.prefix(NEW, ())?.collect::<Result<_, _>>()?;
    rows.into_iter().try_for_each(|(key, value)| change.put(NEW, key, &value.to_uppercase()))
}

fn fails(change: &mut Change<'_>) -> Result<(), StoreError> {
    change.delete_prefix(NEW, ())?;
    Err(StoreError::Unencodable("on purpose".into()))
}

fn with(migrations: &'static [Migration]) -> Options {
    Options { migrations, ..Options::default() }
}

/// A closed store of version 1 with a hundred rows of 1,000 bytes.
fn filled(folder: &Path) -> PathBuf {
    let path = folder.join("db");
    let store = Store::open(&path, with(&[])).unwrap();
    let fill = |change: &mut Change<'_>| (0..100).try_for_each(|key| change.put(OLD, key, &format!("{key:01000}x")));
    store.change_blocking(fill).unwrap();
    store.close();
    path
}

/// Opens what must be refused, and sees that not a byte of it changed.
fn refused(path: &Path, options: Options) -> OpenError {
    let before = fs::read(path).unwrap();
    let error = Store::open(path, options).expect_err("it was opened");
    assert!(fs::read(path).unwrap() == before, "refusing changed the file: {error}");
    error
}

#[test]
fn migrations_run_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    for _ in 0..2 {
        let store = Store::open(&path, with(&[split_keys, shout])).unwrap();
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.prefix(OLD, ()).unwrap().count(), 0);
        assert_eq!(snapshot.prefix(NEW, ()).unwrap().count(), 100);
        assert!(snapshot.get(NEW, (4, 2)).unwrap().unwrap().ends_with("042X"));
    }
    let newer = refused(&path, with(&[split_keys]));
    assert!(matches!(newer, OpenError::Newer { found: 3, known: 2, .. }), "{newer}");
    let words = newer.to_string();
    assert!(words.contains("version 3") && words.contains("up to 2"), "{words}");
}

#[derive(serde::Serialize, serde::Deserialize)]
struct OldMembership {
    membership: Membership,
    event: EventNo,
    position: StreamPos,
    joined_at: Option<StreamPos>,
    forgotten: bool,
    stripped_state: Option<String>,
}
hearth_store::postcard_value!(OldMembership);

#[test]
fn who_left_before_version_3_is_taken_to_have_left_at_the_last_change() {
    const OLD: Table<(String, RoomNo), OldMembership> = Table::new(tables::MEMBERSHIPS.name());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::open(&path, with(MIGRATIONS.get(..1).unwrap())).unwrap();
    let cases = [
        (Membership::Join, Some(5), None),
        (Membership::Leave, Some(5), Some(StreamPos(9))),
        (Membership::Invite, None, None),
        (Membership::Ban, Some(5), Some(StreamPos(9))),
    ];
    let fill = move |change: &mut Change<'_>| {
        for (room, (membership, joined_at, _)) in (1..).zip(cases) {
            let old = OldMembership {
                membership,
                event: EventNo(8),
                position: StreamPos(9),
                joined_at: joined_at.map(StreamPos),
                forgotten: room == 2,
                stripped_state: None,
            };
            change.put(OLD, ("@ann:x", RoomNo(room)), &old)?;
        }
        Ok::<_, StoreError>(())
    };
    store.change_blocking(fill).unwrap();
    store.close();
    let snapshot = Store::open(&path, Options::default()).unwrap().snapshot().unwrap();
    for (room, (membership, joined_at, left_at)) in (1..).zip(cases) {
        let now = snapshot.get(tables::MEMBERSHIPS, ("@ann:x", RoomNo(room))).unwrap().unwrap();
        let seen = (now.membership, now.joined_at, now.left_at, now.position, now.forgotten);
        assert_eq!(seen, (membership, joined_at.map(StreamPos), left_at, StreamPos(9), room == 2));
    }
}

#[test]
fn a_failed_migration_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let failed = Store::open(&path, with(&[split_keys, fails])).unwrap_err();
    assert!(matches!(failed, OpenError::Migration { from: 1, to: 3, .. }), "{failed}");
    let store = Store::open(&path, with(&[])).unwrap();
    assert_eq!(store.snapshot().unwrap().prefix(OLD, ()).unwrap().count(), 100);
    assert_eq!(store.snapshot().unwrap().prefix(NEW, ()).unwrap().count(), 0);
}

#[test]
fn a_newer_store_that_was_killed_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let store = Store::open(&path, with(&[split_keys])).unwrap();
    let copy = folder.path().join("killed");
    fs::copy(&path, &copy).unwrap();
    drop(store);
    assert!(matches!(refused(&copy, with(&[])), OpenError::Newer { .. }));
    Store::open(&copy, with(&[split_keys])).unwrap();
}

#[test]
fn foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    for content in [&b"SQLite format 3\0 and so on"[..], &[0; 5000], &b"redb is not enough"[..]] {
        fs::write(&path, content).unwrap();
        let error = refused(&path, Options::default());
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    }
    fs::remove_file(&path).unwrap();
    let other = redb::Database::create(&path).unwrap();
    let transaction = other.begin_write().unwrap();
    transaction.open_table(redb::TableDefinition::<u64, u64>::new("rows")).unwrap();
    transaction.commit().unwrap();
    drop(other);
    assert!(matches!(refused(&path, Options::default()), OpenError::Foreign { .. }));
    let error = Store::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[test]
fn an_empty_file_is_damage_and_a_missing_one_is_made_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    for content in [&b""[..], b"redb"] {
        fs::write(&path, content).unwrap();
        assert!(matches!(refused(&path, Options::default()), OpenError::Damaged { .. }));
    }
    fs::remove_file(&path).unwrap();
    let missing = Store::open(&path, Options { create: false, ..Options::default() }).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { .. }), "{missing}");
    assert!(!path.exists());
    // What a crash while making it leaves is in the way of nothing.
    fs::write(folder.path().join("db.new"), "half a file").unwrap();
    Store::open(&path, Options::default()).unwrap();
    assert!(!folder.path().join("db.new").exists());
}

#[test]
fn a_truncated_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let whole = fs::read(&path).unwrap();
    for len in (9..whole.len()).step_by(whole.len() / 97) {
        fs::write(&path, &whole[..len]).unwrap();
        let error = refused(&path, Options::default());
        assert!(matches!(error, OpenError::Damaged { .. }), "{len} of {}: {error}", whole.len());
    }
}

#[test]
fn a_flipped_bit_is_refused_or_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let whole = fs::read(&path).unwrap();
    let (mut found, mut harmless) = (0, 0);
    // The whole of the header, and then a sample of the pages.
    let places = (0..320).chain((320..whole.len()).step_by(1013));
    for (turn, at) in places.enumerate() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (turn % 8);
        fs::write(&path, &flipped).unwrap();
        match Store::open(&path, Options { verify: true, ..Options::default() }) {
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged { .. } | OpenError::Foreign { .. }), "byte {at}: {error}");
                assert!(fs::read(&path).unwrap() == flipped, "byte {at}: refusing changed the file: {error}");
                found += 1;
            }
            Ok(store) => {
                // A page in no use, or the copy of the header in no use: every row is there.
                let rows = store
                    .snapshot()
                    .unwrap()
                    .prefix(OLD, ())
                    .unwrap()
                    .map(Result::unwrap)
                    .enumerate()
                    .filter(|(index, (key, value))| *index as u64 == *key && *value == format!("{key:01000}x"))
                    .count();
                assert_eq!(rows, 100, "byte {at}");
                harmless += 1;
            }
        }
    }
    println!("{found} found, {harmless} harmless");
    assert!(found > 50);
}

#[test]
fn a_store_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::open(&path, Options::default()).unwrap();
    let error = Store::open(&path, Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(matches!(check(&path, &Options::default()), Err(OpenError::Locked { .. })));
    store.close();
    Store::open(&path, Options::default()).unwrap();
}

#[test]
fn a_check_changes_nothing_even_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let store = Store::open(&path, with(&[])).unwrap();
    store.change_blocking(|change| change.put(OLD, 1_000, &"new".into())).unwrap();
    let killed = folder.path().join("killed");
    fs::copy(&path, &killed).unwrap();
    store.close();
    for path in [path, killed] {
        let before = fs::read(&path).unwrap();
        let report = check(&path, &Options::default()).unwrap();
        assert!(report.is_sound());
        assert_eq!(report.unknown_rows, 101);
        assert!(fs::read(&path).unwrap() == before);
    }
}

#[test]
fn a_folder_that_is_not_there_or_not_ours_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::open(&folder.path().join("none/db"), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    let full = Store::open(Path::new("/dev/full"), Options::default()).unwrap_err();
    assert!(matches!(full, OpenError::Foreign { .. }), "{full}");
}
