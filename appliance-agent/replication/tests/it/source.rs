//! Sources that fail, change or are odd.

use crate::support::{Database, HOUR, NOON, World, manifest, restic_ok, watched};
use hearth_replication::{Error, Progress, Source};
use std::{
    fs,
    io::{self, Read},
    os::unix::{fs::symlink, net::UnixListener},
};

/// Gives `left` bytes and then fails, or ends, as a connection does.
struct Breaks<R> {
    reader: R,
    left: usize,
}

impl<R: Read> Read for Breaks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the server stopped"));
        }
        let most = buffer.len().min(self.left);
        let count = self.reader.read(&mut buffer[..most])?;
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn a_stream_that_breaks_off_makes_no_replica() {
    let world = World::new();
    let database = Database::of_mib(8);
    let good = world.write(&database, NOON);
    for left in [0, 1, 70_000, 3 << 20, (8 << 20) - 1] {
        let source = world.source_of(Breaks { reader: database.reader(), left });
        match world.repository.write(source, NOON + HOUR, &Progress::none()) {
            Err(Error::Source { what, source }) => {
                assert_eq!((what.as_str(), source.kind()), ("database.snapshot", io::ErrorKind::ConnectionReset));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(world.repository.list().unwrap(), std::slice::from_ref(&good));
    }
    restic_ok(&world.folder(), &["check", "--read-data"]);
    assert_eq!(restic_ok(&world.folder(), &["snapshots", "--json"]).matches("\"short_id\"").count(), 1);
    // What the attempts left is of use to the next.
    assert!(world.write(&database, NOON + HOUR).bytes_added < 200_000);
}

#[test]
fn a_file_that_cannot_be_read_makes_no_replica() {
    let world = World::new();
    // A folder's name that a file has, so that reading it fails even for root.
    let path = world.path("media/loop");
    symlink(&path, &path).unwrap();
    world.write(&Database::of_mib(1), NOON);
    let source = Source::new(manifest(), Database::of_mib(1).reader())
        .folder("media", world.path("media/ab/cdef/under-a-file"))
        .unwrap();
    match world.repository.write(source, NOON + HOUR, &Progress::none()) {
        Err(Error::Source { what, .. }) => assert_eq!(what, "media"),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.repository.list().unwrap().len(), 1);
}

/// Deletes and makes files when it is first read.
struct Meddles<R> {
    reader: R,
    meddle: Option<Box<dyn FnOnce() + Send>>,
}

impl<R: Read> Read for Meddles<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(meddle) = self.meddle.take() {
            meddle();
        }
        self.reader.read(buffer)
    }
}

#[test]
fn files_that_go_meanwhile_are_left_out_and_odd_ones_too() {
    let world = World::new();
    symlink("/etc/passwd", world.path("media/link")).unwrap();
    let _socket = UnixListener::bind(world.path("media/socket")).unwrap();
    fs::create_dir(world.path("media/empty-folder")).unwrap();
    let gone = world.path("media/ab/0123");
    let reader = Meddles {
        reader: Database::of_mib(1).reader(),
        meddle: Some(Box::new(move || fs::remove_file(gone).unwrap())),
    };
    let source = world.source_of(reader).folder("nothing", world.path("never made")).unwrap();
    let replica = world.repository.write(source, NOON, &Progress::none()).unwrap();
    world.verify(&replica.id).unwrap();
    let to = world.path("to");
    fs::create_dir(&to).unwrap();
    world.restore(&replica.id, &to).unwrap();
    let mut names: Vec<_> = fs::read_dir(to.join("media")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["ab", "empty-folder", "f0"]);
    assert!(to.join("media/ab/cdef").exists());
}

#[test]
fn names_of_all_kinds_come_back() {
    let world = World::new();
    for name in ["with space", "quote\"and\\backslash", "ünïcode", "new\nline", "-dash", "...", "a.b", "a"] {
        world.add_media(&format!("odd/{name}"), 10, 1);
    }
    world.add_media("odd/a-folder/x", 10, 1);
    use std::os::unix::ffi::OsStrExt as _;
    fs::write(world.path("media/odd").join(std::ffi::OsStr::from_bytes(b"not \xff text")), "x").unwrap();
    let replica = world.write(&Database::of_mib(1), NOON);
    let to = world.path("to");
    fs::create_dir(&to).unwrap();
    world.restore(&replica.id, &to).unwrap();
    assert_eq!(crate::support::files_below(&to.join("media")), crate::support::files_below(&world.path("media")));
    restic_ok(&world.folder(), &["check", "--read-data"]);
    let by_restic = world.path("by-restic");
    restic_ok(&world.folder(), &["restore", "latest", "--target", by_restic.to_str().unwrap()]);
    assert_eq!(
        crate::support::files_below(&by_restic.join("media")),
        crate::support::files_below(&world.path("media"))
    );
}

#[test]
fn an_empty_database_stream_is_kept_as_one() {
    let world = World::new();
    let replica = world.write(&Database { rows: 0, changed: Default::default() }, NOON);
    assert_eq!(world.database_of(&replica.id), b"");
    assert_eq!(world.write(&Database { rows: 3, changed: Default::default() }, NOON).bytes - replica.bytes, 3 * 1024);
}

#[test]
fn the_same_moment_and_the_same_sizes_are_not_taken_for_the_same_contents() {
    let world = World::new();
    let mut database = Database::of_mib(1);
    world.write(&database, NOON);
    database.change(3);
    let source = Source::new(
        br#"{"format": 1, "server_name": "example.com", "users": 3, "rooms": 5}"#.to_vec(),
        database.reader(),
    );
    let replica = world.repository.write(source, NOON, &Progress::none()).unwrap();
    assert!(world.database_of(&replica.id) == database.bytes());
    assert!(String::from_utf8(world.repository.read_manifest(&replica.id).unwrap()).unwrap().contains("example.com"));
}

#[test]
fn the_caller_can_stop_it_at_any_point() {
    let world = World::new();
    let database = Database::of_mib(8);
    for after in [0, 2 << 20, 7 << 20] {
        let (progress, seen) = watched(move |counts| counts.read >= after);
        let result = world.repository.write(world.source_of(database.reader()), NOON, &progress);
        assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
        assert!(!seen.lock().unwrap().is_empty());
        assert_eq!(world.repository.list().unwrap(), []);
    }
    let replica = world.write(&database, NOON);
    let (progress, _) = watched(|counts| counts.read > 1 << 20);
    let result = world.repository.verify(&replica.id, &hearth_replication::Scope::Full, &mut io::sink(), &progress);
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
}

#[test]
fn a_manifest_of_another_format_is_not_written() {
    let world = World::new();
    for (manifest, newer) in [(&b"{\"format\": 2}"[..], true), (b"{}", false), (b"", false)] {
        let result = world.repository.write(Source::new(manifest.to_vec(), io::empty()), NOON, &Progress::none());
        assert!(if newer {
            matches!(result, Err(Error::NewerFormat(_)))
        } else {
            matches!(result, Err(Error::Unusable(_)))
        });
    }
    assert_eq!(world.repository.list().unwrap(), []);
}
