//! Making and opening repositories.

use crate::support::{Database, NOON, World, box_key, recovery_key};
use hearth_replication::{BoxKey, Error, Key, RecoveryKey, Repository};
use std::fs;

#[test]
fn both_keys_open_it_and_others_do_not() {
    let world = World::new();
    world.write(&Database::of_mib(1), NOON);
    for key in [Key::Recovery(&recovery_key()), Key::Box(&box_key())] {
        assert_eq!(Repository::open(&world.folder(), key).unwrap().list().unwrap().len(), 1);
    }
    let (other, other_box) = (RecoveryKey::from_random([9; 18]), BoxKey::from_random([8; 32]));
    for key in [Key::Recovery(&other), Key::Box(&other_box)] {
        let error = Repository::open(&world.folder(), key).unwrap_err();
        assert!(matches!(error, Error::WrongKey), "{error}");
        assert_eq!(error.code(), "wrong_recovery_key");
    }
}

#[test]
fn what_is_no_repository_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path| Repository::open(path, Key::Box(&box_key()));
    assert!(matches!(open(folder.path()), Err(Error::NotARepository)));
    assert!(matches!(open(&folder.path().join("never")), Err(Error::NotARepository)));
}

#[test]
fn it_is_made_in_empty_folders_only() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| Repository::create(&folder.path().join(name), &recovery_key(), &box_key());
    make("new").unwrap();
    assert!(matches!(make("new"), Err(Error::NotEmpty)));
    fs::create_dir(folder.path().join("holds")).unwrap();
    fs::write(folder.path().join("holds/letter.txt"), "keep me").unwrap();
    assert!(matches!(make("holds"), Err(Error::NotEmpty)));
    assert_eq!(fs::read_dir(folder.path().join("holds")).unwrap().count(), 1);
    // Begun once and interrupted: without its last file it is not yet one.
    make("again").unwrap();
    fs::remove_file(folder.path().join("again/config")).unwrap();
    assert!(matches!(Repository::open(&folder.path().join("again"), Key::Box(&box_key())), Err(Error::NotARepository)));
    make("again").unwrap();
    assert!(matches!(make("missing/parent"), Err(Error::Vanished(_))));
}

#[test]
fn a_damaged_configuration_or_key_is_not_a_wrong_key() {
    let world = World::new();
    let open = || Repository::open(&world.folder(), Key::Box(&box_key()));
    let config = world.folder().join("config");
    let whole = fs::read(&config).unwrap();
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&config, &other).unwrap();
    assert!(matches!(open(), Err(Error::Damaged(_))));
    fs::write(&config, &whole[..10]).unwrap();
    assert!(matches!(open(), Err(Error::Damaged(_))));
    fs::write(&config, &whole).unwrap();
    open().unwrap();
    for key in crate::support::repository_files(&world, "keys") {
        fs::write(key, "{").unwrap();
    }
    assert!(matches!(open(), Err(Error::Damaged(_))));
    for key in crate::support::repository_files(&world, "keys") {
        fs::remove_file(key).unwrap();
    }
    assert!(matches!(open(), Err(Error::Damaged(_))));
}

#[test]
fn an_old_format_of_restic_is_refused_with_words() {
    let folder = tempfile::tempdir().unwrap();
    crate::support::restic_ok(&folder.path().join("old"), &["init", "--repository-version", "1"]);
    let error = Repository::open(&folder.path().join("old"), Key::Recovery(&recovery_key())).unwrap_err();
    assert!(matches!(error, Error::Unusable(_)), "{error}");
}

#[test]
fn a_repository_that_restic_made_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs");
    crate::support::restic_ok(&path, &["init", "--repository-version", "2"]);
    let repository = Repository::open(&path, Key::Recovery(&recovery_key())).unwrap();
    let database = Database::of_mib(3);
    let source = hearth_replication::Source::new(crate::support::manifest(), database.reader());
    repository.write(source, NOON, &hearth_replication::Progress::none()).unwrap();
    crate::support::restic_ok(&path, &["check", "--read-data"]);
}

#[test]
fn it_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Repository>();
}

#[test]
fn the_keys_are_in_no_log() {
    let world = World::new();
    assert!(format!("{:?}", world.repository).starts_with("Repository { folder"));
    let text = format!("{:?}", world.repository);
    assert!(!text.contains("encrypt") && !text.contains("mac"), "{text}");
}
