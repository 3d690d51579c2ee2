//! The same repository under restic.

use crate::support::{Database, HOUR, NOON, World, files_below, restic, restic_ok};
use hearth_replication::{DATABASE, MANIFEST, Retention};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

#[test]
fn restic_finds_it_whole_and_restores_exactly_what_was_written() {
    let world = World::new();
    let mut database = Database::of_mib(6);
    let first = world.write(&database, NOON);
    database.change(100);
    world.add_media("ab/later", 5_000, 9);
    let second = world.write(&database, NOON + 4 * HOUR);

    restic_ok(&world.folder(), &["check", "--read-data"]);
    let listed = restic_ok(&world.folder(), &["snapshots", "--json"]);
    assert!(listed.contains(&first.id.to_string()) && listed.contains(&second.id.to_string()), "{listed}");

    let to = world.path("restored");
    restic_ok(&world.folder(), &["restore", &second.id.to_string(), "--target", to.to_str().unwrap()]);
    let restored = files_below(&to);
    assert!(restored[Path::new(DATABASE)] == database.bytes());
    assert_eq!(restored[Path::new(MANIFEST)], crate::support::manifest());
    assert_eq!(files_below(&to.join("media")), files_below(&world.path("media")));
    assert_eq!(fs::read_dir(to.join("agent")).unwrap().count(), 1, "the secrets of the box are left out");
    assert_eq!(fs::read_dir(&to).unwrap().count(), 4);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&to.join("agent/acme/account.json")), 0o600);
    // As restic lists it, which is what a mount shows: the stream has its length although nobody knew it beforehand.
    let listed = restic_ok(&world.folder(), &["ls", "--json", &second.id.to_string(), "/database.snapshot"]);
    assert!(listed.contains(&format!("\"size\":{}", database.bytes().len())), "{listed}");
}

#[test]
fn the_box_key_opens_it_too_and_no_other_word_does() {
    let world = World::new();
    let run = |password: &str| {
        std::process::Command::new("restic")
            .args(["--no-cache", "--quiet", "cat", "config"])
            .env("RESTIC_REPOSITORY", world.folder())
            .env("RESTIC_PASSWORD", password)
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(run(&crate::support::box_key().reveal()));
    assert!(run(&crate::support::recovery_key().reveal()));
    assert!(!run(&crate::support::recovery_key().reveal().replace('-', "")));
    assert!(!run("wrong"));
}

#[test]
fn a_replica_is_read_after_restic_has_forgotten_and_pruned_others() {
    let world = World::new();
    let mut database = Database::of_mib(4);
    let mut replicas = Vec::new();
    for number in 0..4 {
        database.change(number * 700);
        replicas.push((world.write(&database, NOON + number * HOUR).id, database.bytes()));
    }
    let old: Vec<String> = replicas[..2].iter().map(|(id, _)| id.to_string()).collect();
    restic_ok(&world.folder(), &["forget", "--prune", &old[0], &old[1]]);
    assert_eq!(world.repository.list().unwrap().len(), 2);
    for (id, bytes) in &replicas[2..] {
        assert!(world.database_of(id) == *bytes);
    }
    // And the other way round: ours after restic's, restic's after ours.
    let last = world.write(&database, NOON + 5 * HOUR);
    let keep_one = Retention { hourly: 1, daily: 0, weekly: 0, monthly: 0 };
    let plan = keep_one.plan(&world.repository.list().unwrap(), NOON + 5 * HOUR);
    assert_eq!(world.repository.forget(&plan, &hearth_replication::Progress::none()).unwrap().removed, 2);
    restic_ok(&world.folder(), &["check", "--read-data"]);
    assert!(world.database_of(&last.id) == database.bytes());
}

#[test]
fn what_somebody_else_backs_up_into_it_is_not_a_replica_and_stays() {
    let world = World::new();
    let replica = world.write(&Database::of_mib(1), NOON);
    fs::create_dir(world.path("photos")).unwrap();
    fs::write(world.path("photos/one.jpg"), vec![1; 100_000]).unwrap();
    restic_ok(&world.folder(), &["backup", world.path("photos").to_str().unwrap()]);
    assert_eq!(world.repository.list().unwrap(), std::slice::from_ref(&replica));
    let plan = Retention::default().plan(&world.repository.list().unwrap(), NOON);
    world.repository.forget(&plan, &hearth_replication::Progress::none()).unwrap();
    assert_eq!(restic_ok(&world.folder(), &["snapshots", "--json"]).matches("\"short_id\"").count(), 2);
    restic_ok(&world.folder(), &["check", "--read-data"]);
    assert!(!restic(&world.folder(), &["cat", "blob", "00"]).status.success(), "restic does report failures");
}
