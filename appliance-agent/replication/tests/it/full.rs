//! A disk that is full: a small file system of its own, seen by nobody else.

use crate::support::{Database, HOUR, NOON, World, box_key, manifest, recovery_key, restic_ok};
use hearth_replication::{Error, Progress, Repository, Retention, Source};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const FOLDER: &str = "HEARTH_TEST_SMALL_DISK";

/// Runs one of the tests below in a mount namespace where `FOLDER` is an ext4 of 80 MiB.
fn on_a_small_disk(test: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image");
    let folder = scratch.path().join("disk");
    fs::create_dir(&folder).unwrap();
    fs::File::create(&image).unwrap().set_len(80 << 20).unwrap();
    let made =
        Command::new("/sbin/mkfs.ext4").args(["-q", "-m", "0"]).arg(&image).status().expect("mkfs.ext4 is missing");
    assert!(made.success());
    let script = r#"mount -o loop "$1" "$2" && shift 2 && exec "$@""#;
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([&image, &folder])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&status.stdout) + String::from_utf8_lossy(&status.stderr);
    assert!(status.status.success() && text.contains("1 passed"), "this needs root and a loop device\n{text}");
}

fn disk() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

fn write(
    repository: &Repository,
    database: &Database,
    now: u64,
) -> hearth_replication::Result<hearth_replication::Replica> {
    repository.write(Source::new(manifest(), database.reader()), now, &Progress::none())
}

fn changed(database: &mut Database, by: u64) {
    (0..database.rows).step_by(9).for_each(|row| (0..by).for_each(|_| database.change(row)));
}

#[test]
fn a_full_disk_is_said_to_be_full_and_can_be_tidied_up() {
    on_a_small_disk("full::in_there_it_fills_up");
}

#[test]
#[ignore = "run by the test above"]
fn in_there_it_fills_up() {
    let Some(disk) = disk() else { return };
    let folder = disk.join("repository");
    let repository = Repository::create(&folder, &recovery_key(), &box_key()).unwrap();
    let mut database = Database::of_mib(16);
    let mut written = vec![];
    let (needed, free) = loop {
        changed(&mut database, 1);
        match write(&repository, &database, NOON + written.len() as u64 * HOUR) {
            Ok(replica) => written.push((replica, database.bytes())),
            Err(Error::Full { needed, free }) => break (needed, free),
            Err(other) => panic!("{other}"),
        }
        assert!(written.len() < 20);
    };
    assert!(written.len() >= 2 && needed > free && needed < 8 << 20, "{needed} {free}");
    let error = Error::Full { needed, free };
    assert!(error.to_string().contains("full") && error.help().contains("larger disk"));
    // The failed one has left nothing, and nothing of the others is harmed.
    let (room, total) = repository.space().unwrap();
    assert!(room > free.saturating_sub(1 << 20) && total < 80 << 20, "{room} {free} {total}");
    assert_eq!(repository.list().unwrap().len(), written.len());
    for (replica, bytes) in &written {
        let mut read = Vec::new();
        repository.verify(&replica.id, &hearth_replication::Scope::Full, &mut read, &Progress::none()).unwrap();
        assert!(read == *bytes);
    }
    // Somebody else fills the rest, to the last byte but a few kilobytes.
    fill(&disk.join("films"), 200 << 10);
    let plan =
        Retention { hourly: 1, daily: 0, weekly: 0, monthly: 0 }.plan(&repository.list().unwrap(), NOON + 100 * HOUR);
    let tidied = repository.forget(&plan, &Progress::none()).unwrap();
    assert!(tidied.removed == written.len() - 1 && tidied.bytes_freed > 4 << 20, "{tidied:?}");
    fs::remove_file(disk.join("films")).unwrap();
    changed(&mut database, 1);
    let next = write(&repository, &database, NOON + 100 * HOUR).unwrap();
    repository.verify(&next.id, &hearth_replication::Scope::Full, &mut std::io::sink(), &Progress::none()).unwrap();
    restic_ok(&folder, &["check", "--read-data"]);
}

/// Takes all room but `left` bytes.
fn fill(path: &Path, left: u64) {
    let room = |path: &Path| {
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(path.parent().unwrap()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().trim().parse::<u64>().unwrap()
    };
    let mut file = fs::File::create(path).unwrap();
    while room(path) > left + (64 << 10) {
        let step = (room(path) - left).min(1 << 20);
        std::io::Write::write_all(&mut file, &vec![1; step as usize]).unwrap();
        file.sync_all().unwrap();
    }
}

#[test]
fn a_disk_that_takes_no_writes_is_said_to_be_one() {
    on_a_small_disk("full::in_there_it_is_read_only");
}

#[test]
#[ignore = "run by the test above"]
fn in_there_it_is_read_only() {
    let Some(disk) = disk() else { return };
    let folder = disk.join("repository");
    let repository = Repository::create(&folder, &recovery_key(), &box_key()).unwrap();
    let replica = write(&repository, &Database::of_mib(1), NOON).unwrap();
    assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status().unwrap().success());
    let result = write(&repository, &Database::of_mib(2), NOON + HOUR);
    assert!(matches!(result, Err(Error::ReadOnly(_))), "{result:?}");
    repository.verify(&replica.id, &hearth_replication::Scope::Full, &mut std::io::sink(), &Progress::none()).unwrap();
    // And gone altogether, as when the cable is pulled.
    assert!(Command::new("umount").args(["--lazy"]).arg(&disk).status().unwrap().success());
    assert!(matches!(write(&repository, &Database::of_mib(1), NOON + HOUR), Err(Error::Vanished(_))));
    assert_eq!(fs::read_dir(&disk).unwrap().count(), 0);
}

#[test]
fn the_reserve_is_not_counted_as_room() {
    let world = World::new();
    let (room, total) = world.repository.space().unwrap();
    assert!(room > 0 && room < total);
}
