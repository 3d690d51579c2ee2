//! Bits that rot, files that go.

use crate::support::{Database, HOUR, NOON, World, repository_files};
use hearth_replication::{Error, Progress, Retention};
use std::fs;

fn damaged(result: Result<impl std::fmt::Debug, Error>) -> String {
    match result {
        Err(Error::Damaged(words)) => words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_changed_byte_anywhere_in_any_pack_is_found_and_named() {
    let world = World::new();
    let replica = world.write(&Database::of_mib(6), NOON);
    world.verify(&replica.id).unwrap();
    for pack in repository_files(&world, "data") {
        let whole = fs::read(&pack).unwrap();
        let mut unnoticed = 0;
        // The header at a pack's end is for repairs; the index is what is read.
        for place in [0, 20, whole.len() / 4] {
            let mut other = whole.clone();
            other[place] ^= 4;
            fs::write(&pack, other).unwrap();
            match world.verify(&replica.id) {
                Ok(_) => unnoticed += 1,
                Err(error) => {
                    let words = damaged(Err::<(), _>(error));
                    assert!(
                        ["database.snapshot", "media", "agent", "topmost folder", "manifest"]
                            .iter()
                            .any(|name| words.contains(name)),
                        "{words}"
                    );
                }
            }
        }
        // The topmost folder is written twice, and its first edition is of no use to anybody. It may have a small pack for itself,
        // or be the beginning of one with the other folders; data is all in use.
        let length = whole.len();
        assert!(unnoticed == 0 || length < 2_000 || length < 64_000 && unnoticed < 3, "{unnoticed} of {length} bytes");
        fs::write(&pack, whole).unwrap();
    }
    world.verify(&replica.id).unwrap();
}

#[test]
fn a_pack_that_is_gone_or_short_is_found() {
    let world = World::new();
    let replica = world.write(&Database::of_mib(6), NOON);
    let pack =
        repository_files(&world, "data").into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let whole = fs::read(&pack).unwrap();
    fs::write(&pack, &whole[..whole.len() / 2]).unwrap();
    assert!(damaged(world.verify(&replica.id)).contains("too short"));
    fs::remove_file(&pack).unwrap();
    assert!(damaged(world.verify(&replica.id)).contains("is missing"));
    // Nothing is thrown away on the word of a damaged repository.
    let before = repository_files(&world, "data").len();
    let plan = Retention::default().plan(&world.repository.list().unwrap(), NOON);
    damaged(world.repository.forget(&plan, &Progress::none()));
    assert_eq!(repository_files(&world, "data").len(), before);
}

#[test]
fn an_index_that_is_damaged_or_gone_is_found() {
    let world = World::new();
    let replica = world.write(&Database::of_mib(2), NOON);
    let indexes = repository_files(&world, "index");
    let whole: Vec<_> = indexes.iter().map(|path| fs::read(path).unwrap()).collect();
    for path in &indexes {
        let mut other = fs::read(path).unwrap();
        other[40] ^= 1;
        fs::write(path, other).unwrap();
        damaged(world.verify(&replica.id));
        damaged(world.repository.write(world.source_of(Database::of_mib(2).reader()), NOON, &Progress::none()));
        for (path, whole) in indexes.iter().zip(&whole) {
            fs::write(path, whole).unwrap();
        }
    }
    for path in &indexes {
        fs::remove_file(path).unwrap();
    }
    damaged(world.verify(&replica.id));
    let packs = repository_files(&world, "data").len();
    damaged(world.repository.forget(&Retention::default().plan(&[], NOON), &Progress::none()));
    assert_eq!(
        repository_files(&world, "data").len(),
        packs,
        "packs are not taken for unused because their index is gone"
    );
}

#[test]
fn one_damaged_replica_does_not_hide_the_others() {
    let world = World::new();
    let mut database = Database::of_mib(1);
    let first = world.write(&database, NOON);
    database.change(1);
    let second = world.write(&database, NOON + HOUR);
    fs::write(world.folder().join("snapshots").join(first.id.to_string()), "not a snapshot any more").unwrap();
    assert_eq!(world.repository.list().unwrap(), std::slice::from_ref(&second));
    world.verify(&second.id).unwrap();
    damaged(world.verify(&first.id));
    damaged(world.repository.preview(&first.id));
}

#[test]
fn files_that_are_no_part_of_it_do_no_harm() {
    let world = World::new();
    for name in ["snapshots/readme.txt", "index/.directory", "data/00/thumbs.db", "lost+found"] {
        fs::write(world.folder().join(name), "x").unwrap();
    }
    let replica = world.write(&Database::of_mib(1), NOON);
    world.verify(&replica.id).unwrap();
    assert_eq!(world.repository.list().unwrap().len(), 1);
}
