//! What a replica adds to the disk, and what it takes of the memory.

use crate::support::{Database, HOUR, NOON, World, bytes_below};

/// 200 MiB; each changed row may cost the piece that it is in, both of its neighbours at worst, and the list of all pieces.
#[test]
fn what_is_written_grows_with_what_changed() {
    let world = World::new();
    let mut database = Database::of_mib(200);
    let first = world.write(&database, NOON);
    let mut added = Vec::new();
    let mut hour = 0;
    for changes in [0_u64, 1, 10, 100] {
        for number in 0..changes {
            database.change((number * 7_919 + hour * 104_729) % database.rows);
        }
        hour += 1;
        let before = bytes_below(&world.folder());
        let replica = world.write(&database, NOON + hour * HOUR);
        assert_eq!(
            bytes_below(&world.folder()) - before,
            replica.bytes_added + snapshot_file(&world),
            "what is told is what is on the disk"
        );
        added.push(replica.bytes_added);
    }
    eprintln!("added for 200 MiB: first {}, then for 0, 1, 10, 100 changed rows {added:?}", first.bytes_added);
    let [none, one, ten, hundred] = added[..] else { panic!("four replicas") };
    assert!(none < 600_000, "{added:?}");
    assert!(one - none < 500_000, "{added:?}");
    assert!(ten - none < 10 * 150_000 + 400_000, "{added:?}");
    assert!(hundred - none < 100 * 150_000, "{added:?}");
    assert!(first.bytes_added > 50 * (ten - none), "{added:?}");
}

/// The file that makes the last replica: written after its own size was counted up.
fn snapshot_file(world: &World) -> u64 {
    let newest = world.repository.list().unwrap()[0].id.to_string();
    std::fs::metadata(world.folder().join("snapshots").join(newest)).unwrap().len()
}

#[test]
fn a_row_more_in_front_costs_no_more_than_one_changed() {
    let world = World::new();
    let bytes = Database::of_mib(16).bytes();
    let write = |bytes: Vec<u8>, time| {
        let source = world.source_of(std::io::Cursor::new(bytes));
        world.repository.write(source, time, &hearth_replication::Progress::none()).unwrap().bytes_added
    };
    let first = write(bytes.clone(), NOON);
    let shifted = [b"a row that was not there before".to_vec(), bytes].concat();
    let second = write(shifted, NOON + HOUR);
    assert!(second < first / 20, "{second} of {first}");
}

#[test]
fn files_that_did_not_change_are_not_read_again() {
    let world = World::new();
    world.add_media("big", 12 << 20, 5);
    let database = Database::of_mib(1);
    world.write(&database, NOON);
    let read = |time| {
        let (progress, seen) = crate::support::watched(|_| false);
        world.repository.write(world.source_of(database.reader()), time, &progress).unwrap();
        let last = *seen.lock().unwrap().last().unwrap();
        last.read
    };
    assert!(read(NOON + HOUR) < 2 << 20);
    world.add_media("big", 12 << 20, 6);
    assert!(read(NOON + 2 * HOUR) > 12 << 20);
}
