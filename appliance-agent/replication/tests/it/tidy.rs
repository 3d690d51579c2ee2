//! Letting replicas go.

use crate::support::{Database, HOUR, NOON, World, bytes_below, repository_files, restic_ok};
use hearth_replication::{Progress, Retention};

#[test]
fn what_only_old_replicas_needed_becomes_free() {
    let world = World::new();
    let mut database = Database::of_mib(8);
    world.add_media("old", 2 << 20, 40);
    for number in 0..8_u64 {
        for row in 0..20 {
            database.change((number * 997 + row * 409) % database.rows);
        }
        if number == 4 {
            std::fs::remove_file(world.path("media/old")).unwrap();
        }
        world.write(&database, NOON + number * HOUR);
    }
    let before = bytes_below(&world.folder());
    let keep = Retention { hourly: 2, daily: 0, weekly: 0, monthly: 0 };
    let plan = keep.plan(&world.repository.list().unwrap(), NOON + 8 * HOUR);
    assert_eq!(plan.remove.len(), 6);
    let tidied = world.repository.forget(&plan, &Progress::none()).unwrap();
    assert_eq!(tidied.removed, 6);
    assert_eq!(before - bytes_below(&world.folder()), tidied.bytes_freed);
    assert!(tidied.bytes_freed > 2 << 20, "{tidied:?}");
    restic_ok(&world.folder(), &["check", "--read-data"]);
    for replica in world.repository.list().unwrap() {
        world.verify(&replica.id).unwrap();
    }
    assert!(world.database_of(&world.repository.list().unwrap()[0].id) == database.bytes());
    // Nothing left to do.
    let plan = keep.plan(&world.repository.list().unwrap(), NOON + 8 * HOUR);
    assert_eq!(world.repository.forget(&plan, &Progress::none()).unwrap().removed, 0);
}

#[test]
fn what_interrupted_writers_left_becomes_free() {
    let world = World::new();
    let database = Database::of_mib(2);
    world.write(&database, NOON);
    let packs = repository_files(&world, "data").len();
    // A writer that was stopped leaves packs, and one that was killed unfinished files.
    // Stopped once a whole pack is on the disk: how far reading is ahead of writing depends on the machine.
    let (progress, _) = crate::support::watched(|counts| counts.written > 4 << 20);
    let mut other = Database::of_mib(48);
    (0..other.rows).step_by(20).for_each(|row| other.change(row));
    world.repository.write(world.source_of(other.reader()), NOON, &progress).unwrap_err();
    assert!(repository_files(&world, "data").len() > packs);
    std::fs::write(world.folder().join("data/ab/abcd-unfinished"), "half").unwrap();
    let plan = Retention::default().plan(&world.repository.list().unwrap(), NOON);
    let tidied = world.repository.forget(&plan, &Progress::none()).unwrap();
    assert!(tidied.removed == 0 && tidied.bytes_freed > 4 << 20, "{tidied:?}");
    assert!(repository_files(&world, "data").len() <= packs);
    assert!(!world.folder().join("data/ab/abcd-unfinished").exists());
    restic_ok(&world.folder(), &["check", "--read-data"]);
}

#[test]
fn one_replica_is_taken_out_and_no_other() {
    let world = World::new();
    let mut database = Database::of_mib(2);
    let first = world.write(&database, NOON);
    database.change(1);
    let second = world.write(&database, NOON + HOUR);
    let packs = repository_files(&world, "data").len();
    world.repository.remove(&second.id, NOON + HOUR).unwrap();
    assert_eq!(world.repository.list().unwrap(), std::slice::from_ref(&first));
    assert_eq!(repository_files(&world, "data").len(), packs, "its packs are for the next tidying up");
    world.verify(&first.id).unwrap();
    // One whose contents are damaged goes just so.
    database.change(2);
    let third = world.write(&database, NOON + 2 * HOUR);
    for pack in repository_files(&world, "data") {
        std::fs::write(pack, "torn").unwrap();
    }
    world.verify(&third.id).unwrap_err();
    world.repository.remove(&third.id, NOON + 2 * HOUR).unwrap();
    assert_eq!(world.repository.list().unwrap(), [first]);
}
