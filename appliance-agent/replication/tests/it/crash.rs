//! Killed, cut off, gone.

use crate::support::{Database, DatabaseReader, HOUR, NOON, Numbers, World, box_key, restic_ok};
use hearth_replication::{Error, Key, Progress, Replica, Repository, Retention, Source};
use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

const FOLDER: &str = "HEARTH_TEST_FOLDER";
const KILLS: u64 = 24;

/// Not a test: the process that is killed. Writes replicas and lets old ones go for as long as it lives.
#[test]
#[ignore = "run by the test below"]
fn writer() {
    let Some(root) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let repository = Repository::open(&root.join("repository"), Key::Box(&box_key())).unwrap();
    let seed = u64::from(std::process::id());
    println!("ready");
    for round in 0.. {
        let database = database_of(seed + round);
        let source =
            Source::new(crate::support::manifest(), database.reader()).folder("media", root.join("media")).unwrap();
        // Each process has a time of its own, all within one day and the same month.
        let now = NOON + HOUR + seed % 500 * 100_000 + round;
        repository.write(source, now, &Progress::none()).unwrap();
        // The one from before the first kill is kept as the last of its own month.
        let plan = Retention { hourly: 1, daily: 1, weekly: 1, monthly: 2 }
            .plan(&repository.list().unwrap(), now + 60 * 24 * HOUR);
        repository.forget(&plan, &Progress::none()).unwrap();
    }
}

fn database_of(seed: u64) -> Database {
    let mut database = Database::of_mib(6);
    let mut numbers = Numbers(seed);
    for _ in 0..300 {
        database.change(numbers.next() % 6_144);
    }
    database
}

#[test]
fn killed_at_any_moment_it_harms_no_earlier_replica() {
    let world = World::new();
    let first_database = database_of(0);
    let first = world.write(&first_database, NOON - 60 * 24 * HOUR);
    let mut numbers = Numbers(42);
    let mut found = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "crash::writer", "--nocapture"])
            .env(FOLDER, world.root.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("ready")), "the writer did not start");
        // Any moment is as good as another; that they differ is the point.
        std::thread::sleep(Duration::from_millis(numbers.next() % 1_500));
        child.kill().unwrap();
        child.wait().unwrap();

        let replicas = world.repository.list().unwrap();
        assert!(replicas.contains(&first), "kill {kill}");
        found += replicas.len() - 1;
        for replica in &replicas {
            world.verify(&replica.id).unwrap_or_else(|error| panic!("kill {kill}: {error}"));
        }
        if kill % 4 == 3 {
            let next: Replica = world.write(&first_database, NOON + kill);
            world.verify(&next.id).unwrap();
        }
    }
    assert!(found > 0, "some of them came to an end");
    let plan = Retention::default().plan(&world.repository.list().unwrap(), u64::MAX >> 16);
    world.repository.forget(&plan, &Progress::none()).unwrap();
    restic_ok(&world.folder(), &["check", "--read-data"]);
    assert!(world.database_of(&first.id) == first_database.bytes());
}

/// Does something to the folder in the middle of the stream.
struct Then<F: FnOnce()> {
    reader: DatabaseReader,
    left: usize,
    then: Option<F>,
}

impl<F: FnOnce() + Send> Read for Then<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(count);
        if self.left == 0
            && let Some(then) = self.then.take()
        {
            then();
        }
        Ok(count)
    }
}

#[test]
fn a_disk_that_is_pulled_out_is_said_to_be_gone_and_nothing_is_made_where_it_was() {
    let world = World::new();
    let database = Database::of_mib(12);
    let good = world.write(&Database::of_mib(1), NOON);
    let (here, away) = (world.folder(), world.path("away"));
    let pull = {
        let (here, away) = (here.clone(), away.clone());
        // What is left of a mounted disk is the empty folder that it was mounted on.
        move || {
            fs::rename(&here, away).unwrap();
            fs::create_dir(here).unwrap();
        }
    };
    let source = world.source_of(Then { reader: database.reader(), left: 5 << 20, then: Some(pull) });
    let result = world.repository.write(source, NOON + HOUR, &Progress::none());
    assert!(matches!(result, Err(Error::Vanished(_))), "{result:?}");
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0);
    assert!(matches!(world.repository.list(), Err(Error::Vanished(_))));
    assert!(matches!(world.verify(&good.id), Err(Error::Vanished(_))));
    let plan = Retention::default().plan(&[], NOON);
    assert!(matches!(world.repository.forget(&plan, &Progress::none()), Err(Error::Vanished(_))));
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0);
    fs::remove_dir(&here).unwrap();
    fs::rename(&away, &here).unwrap();
    assert_eq!(world.repository.list().unwrap(), std::slice::from_ref(&good));
    world.verify(&good.id).unwrap();
    world.write(&database, NOON + HOUR);
    restic_ok(&world.folder(), &["check", "--read-data"]);
}
