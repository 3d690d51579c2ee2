//! Several at work.

use crate::support::{Database, HOUR, NOON, World};
use hearth_replication::{Error, Progress, Repository, Retention};
use std::{
    fs,
    io::{self, Read},
    sync::mpsc,
    time::{Duration, SystemTime},
};

/// Waits in the middle until it is told to go on.
struct Waits {
    reader: crate::support::DatabaseReader,
    reached: mpsc::SyncSender<()>,
    go_on: mpsc::Receiver<()>,
    waited: bool,
}

impl Read for Waits {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.waited {
            self.waited = true;
            self.reached.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        self.reader.read(buffer)
    }
}

#[test]
fn beside_a_writer_one_can_read_but_neither_write_nor_tidy_up() {
    let world = World::new();
    let database = Database::of_mib(2);
    let replica = world.write(&database, NOON);
    let (reached, has_reached) = mpsc::sync_channel(1);
    let (send_on, go_on) = mpsc::channel();
    std::thread::scope(|scope| {
        let slow = Waits { reader: database.reader(), reached, go_on, waited: false };
        let source = world.source_of(slow);
        let writer = scope.spawn(|| world.repository.write(source, NOON + HOUR, &Progress::none()));
        has_reached.recv().unwrap();
        let other: Repository = world.reopen();
        let busy = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Busy)), "{result:?}");
        busy(other.write(world.source_of(io::empty()), NOON, &Progress::none()).map(drop));
        busy(other.forget(&Retention::default().plan(&[], NOON), &Progress::none()).map(drop));
        assert_eq!(other.list().unwrap(), std::slice::from_ref(&replica));
        other.preview(&replica.id).unwrap();
        other.verify(&replica.id, &hearth_replication::Scope::Full, &mut io::sink(), &Progress::none()).unwrap();
        send_on.send(()).unwrap();
        writer.join().unwrap().unwrap();
    });
    assert_eq!(world.repository.list().unwrap().len(), 2);
    world.write(&database, NOON + 2 * HOUR);
}

#[test]
fn restic_at_work_is_waited_for_and_a_dead_one_is_not() {
    let world = World::new();
    let lock = world.folder().join("locks").join("c".repeat(64));
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(NOON);
    let write = || world.repository.write(world.source_of(Database::of_mib(1).reader()), NOON, &Progress::none());
    let touch = |time| {
        fs::write(&lock, "sealed").unwrap();
        fs::File::options().write(true).open(&lock).unwrap().set_modified(time).unwrap();
    };
    touch(now - Duration::from_secs(60));
    assert!(matches!(write(), Err(Error::Busy)));
    touch(now + Duration::from_secs(60));
    assert!(matches!(
        world.repository.forget(&Retention::default().plan(&[], NOON), &Progress::none()),
        Err(Error::Busy)
    ));
    for time in [now - Duration::from_secs(31 * 60), now + Duration::from_secs(365 * 24 * 3600)] {
        touch(time);
        write().unwrap();
        assert!(!lock.exists());
    }
}
