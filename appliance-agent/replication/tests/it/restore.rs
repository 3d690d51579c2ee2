//! Restoring.

use crate::support::{Database, HOUR, NOON, World, files_below, manifest, watched};
use hearth_replication::{Destination, Error, Folder, Progress, ReplicaId, Scope};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::{Duration, SystemTime},
};

#[test]
fn everything_comes_back_as_it_was() {
    let world = World::new();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::open(world.path("media/ab/cdef")).unwrap().set_modified(old).unwrap();
    fs::set_permissions(world.path("media/ab"), fs::Permissions::from_mode(0o500)).unwrap();
    let database = Database::of_mib(5);
    let replica = world.write(&database, NOON);

    let preview = world.repository.preview(&replica.id).unwrap();
    assert_eq!((preview.replica.clone(), preview.manifest), (replica.clone(), manifest()));
    assert_eq!(preview.database_bytes, 5 << 20);
    let folder = |name: &str, files, bytes| Folder { name: name.to_owned(), files, bytes };
    assert_eq!(preview.folders, [folder("agent", 1, 2), folder("media", 3, 300_017)]);
    assert_eq!(replica.bytes, (5 << 20) + 2 + 300_017 + manifest().len() as u64);
    assert_eq!(replica.files, 6);

    let to = world.path("to");
    fs::create_dir(&to).unwrap();
    let mut bytes = Vec::new();
    let folders = ["media", "agent"].map(|name| (name.to_owned(), to.join(name)));
    let (progress, seen) = watched(|_| false);
    let mut destination = Destination { database: &mut bytes, folders: folders.into() };
    let restored = world.repository.restore(&replica.id, &mut destination, &progress).unwrap();
    assert!(bytes == database.bytes());
    assert_eq!((restored.database_bytes, restored.files, restored.file_bytes), (5 << 20, 4, 300_019));
    assert_eq!(files_below(&to.join("media")), files_below(&world.path("media")));
    assert_eq!(fs::metadata(to.join("media/ab/cdef")).unwrap().modified().unwrap(), old);
    let last = *seen.lock().unwrap().last().unwrap();
    assert_eq!(
        (last.read, last.written, last.total),
        (restored.database_bytes + restored.file_bytes, last.read, Some(last.read))
    );
    for name in ["media/ab", "media/ab/cdef", "media", "agent/acme/account.json"] {
        let (was, is) = (fs::metadata(world.path(name)).unwrap(), fs::metadata(to.join(name)).unwrap());
        assert_eq!(
            (was.mode(), was.uid(), was.gid(), was.mtime()),
            (is.mode(), is.uid(), is.gid(), is.mtime()),
            "{name}"
        );
    }
}

#[test]
fn what_is_not_asked_for_stays_away_and_what_is_there_is_not_touched() {
    let world = World::new();
    let replica = world.write(&Database::of_mib(1), NOON);
    let restore = |folders: &[(&str, &str)]| {
        let folders = folders.iter().map(|(name, path)| ((*name).to_owned(), world.path(path))).collect();
        world.repository.restore(
            &replica.id,
            &mut Destination { database: &mut io::sink(), folders },
            &Progress::none(),
        )
    };
    let restored = restore(&[("media", "only-media"), ("unheard-of", "stays-empty")]).unwrap();
    assert_eq!(restored.files, 3);
    assert_eq!(fs::read_dir(world.path("stays-empty")).unwrap().count(), 0);
    let before = files_below(&world.path("only-media"));
    assert!(matches!(restore(&[("agent", "only-media")]), Err(Error::Target { .. })));
    assert_eq!(files_below(&world.path("only-media")), before);
    assert!(matches!(restore(&[("agent", "no/such/parent")]), Err(Error::Target { .. })));
}

/// Takes some bytes, then no more, as a program that found an error and went.
struct Refuses(usize);

impl Write for Refuses {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(self.0);
        self.0 -= count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_database_that_is_refused_fails_the_check_and_the_restore() {
    let world = World::new();
    let replica = world.write(&Database::of_mib(2), NOON);
    let result = world.repository.verify(&replica.id, &Scope::Full, &mut Refuses(100_000), &Progress::none());
    assert!(matches!(result, Err(Error::Refused(_))), "{result:?}");
    let mut refuses = Refuses(100_000);
    let mut destination =
        Destination { database: &mut refuses, folders: [("media".to_owned(), world.path("to"))].into() };
    let result = world.repository.restore(&replica.id, &mut destination, &Progress::none());
    assert!(matches!(result, Err(Error::Refused(_))), "{result:?}");
    assert_eq!(fs::read_dir(world.path("to")).unwrap().count(), 0);
}

#[test]
fn a_name_that_is_no_replica_is_refused() {
    let world = World::new();
    let unknown: ReplicaId = "ab".repeat(32).parse().unwrap();
    assert!(matches!(world.repository.preview(&unknown), Err(Error::UnknownReplica(_))));
    assert!(matches!(world.verify(&unknown), Err(Error::UnknownReplica(_))));
    for bad in ["latest", "", "../../etc", &"AB".repeat(32)] {
        assert!(bad.parse::<ReplicaId>().is_err(), "{bad}");
    }
}

#[test]
fn since_an_earlier_replica_only_what_is_new_is_read_beside_the_database() {
    let world = World::new();
    world.add_media("big", 3 << 20, 4);
    let database = Database::of_mib(1);
    let first = world.write(&database, NOON);
    world.add_media("new", 1 << 20, 5);
    let second = world.write(&database, NOON + HOUR);
    let verify = |scope| world.repository.verify(&second.id, &scope, &mut io::sink(), &Progress::none()).unwrap();
    let (full, new) = (verify(Scope::Full), verify(Scope::Since(first.id.clone())));
    assert_eq!(full.database_bytes, 1 << 20);
    assert_eq!(full.bytes, second.bytes);
    assert_eq!(new.bytes, (1 << 20) + (1 << 20));
    assert!(new.pieces < full.pieces);
}

/// A replica as somebody could make it who has the key: restic takes any tree, and a name in it can hold anything.
#[test]
fn a_replica_without_what_makes_it_one_is_refused() {
    let world = World::new();
    fs::create_dir(world.path("odd")).unwrap();
    let backup = |name: &str, contents: &str| {
        fs::write(world.path("odd").join(name), contents).unwrap();
        let folder = world.path("odd");
        let output = std::process::Command::new("restic")
            .args(["--no-cache", "--quiet", "backup", "--tag", "hearth", "."])
            .current_dir(&folder)
            .env("RESTIC_REPOSITORY", world.folder())
            .env("RESTIC_PASSWORD", crate::support::recovery_key().reveal().as_str())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        world.repository.list().unwrap()[0].id.clone()
    };
    let unusable = |id: &ReplicaId| match world.repository.preview(id) {
        Err(Error::Unusable(words)) => words,
        other => panic!("{other:?}"),
    };
    assert!(unusable(&backup("x", "1")).contains("manifest.json"));
    assert!(unusable(&backup("manifest.json", "{}")).contains("format"));
    assert!(unusable(&backup("manifest.json", r#"{"format": 1}"#)).contains("database.snapshot"));
    let id = backup("manifest.json", r#"{"format": 7}"#);
    let error = world.repository.preview(&id).unwrap_err();
    assert_eq!(error.code(), "backup_newer", "{error}");
    assert!(world.restore(&id, world.root.path()).is_err());
    fs::write(world.path("odd/manifest.json"), r#"{"format": 1}"#).unwrap();
    let id = backup("database.snapshot", "rows");
    world.repository.preview(&id).unwrap();
    std::os::unix::fs::symlink("/etc", world.path("odd/media")).unwrap();
    assert!(unusable(&backup("x", "2")).contains("neither a file nor a folder"));
}
