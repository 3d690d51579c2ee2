//! Files that are replaced: whoever looks, and whatever is cut off, sees the old contents or the new ones.

use hearth_system::atomic;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn contents_mode_and_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let data = fs::metadata(folder.path()).unwrap();
    let owner = hearth_system::Owner { uid: data.uid(), gid: data.gid() };
    atomic::write(&path, b"one", 0o644, None).unwrap();
    atomic::write(&path, b"two", 0o600, Some(owner)).unwrap();
    let data = fs::metadata(&path).unwrap();
    assert_eq!(
        (fs::read(&path).unwrap().as_slice(), data.permissions().mode() & 0o777, data.uid()),
        (&b"two"[..], 0o600, owner.uid)
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_failure_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    atomic::write(&path, b"old", 0o600, None).unwrap();
    let error = atomic::replace(&path, 0o600, None, |file| {
        file.write_all(b"ha")?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    });
    assert_eq!(error.unwrap_err().code(), "storage_full");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(atomic::write(&folder.path().join("no/such/folder"), b"x", 0o600, None).is_err());
}

#[test]
fn what_a_power_cut_left_is_replaced_and_never_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clock");
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "untouched").unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.path().join(format!("clock{}", atomic::SUFFIX))).unwrap();
    atomic::write(&path, b"5", 0o600, None).unwrap();
    assert_eq!(
        (fs::read(&path).unwrap().as_slice(), fs::read(&elsewhere).unwrap().as_slice()),
        (&b"5"[..], &b"untouched"[..])
    );
}

#[test]
fn links_folders_and_removal() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("localtime");
    for target in ["/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/Europe/Berlin"] {
        atomic::link(&link, Path::new(target)).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(target));
    }
    let inner = folder.path().join("a/b");
    atomic::folder(&inner, 0o700, None).unwrap();
    atomic::folder(&inner, 0o750, None).unwrap();
    assert_eq!(fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o750);
    atomic::remove(&link).unwrap();
    atomic::remove(&link).unwrap();
    assert_eq!(atomic::read(&link).unwrap(), None);
}

#[test]
fn readers_never_see_half_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let contents = [vec![b'a'; 100_000], vec![b'b'; 200_000]];
    atomic::write(&path, &contents[0], 0o600, None).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..60 {
                atomic::write(&path, &contents[turn % 2], 0o600, None).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let seen = fs::read(&path).unwrap();
            assert!(contents.contains(&seen), "{} bytes", seen.len());
        }
    });
}

/// Run by the next test as a process of its own, for it is killed.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os("HEARTH_TEST_WRITE") else { return };
    println!("writing");
    loop {
        for byte in [b'a', b'b'] {
            atomic::write(Path::new(&path), &vec![byte; 50_000 + usize::from(byte)], 0o600, None).unwrap();
        }
    }
}

#[test]
fn a_writer_that_is_killed_leaves_a_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    atomic::write(&path, &vec![b'a'; 50_000 + usize::from(b'a')], 0o600, None).unwrap();
    for cut in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "atomic::child_that_writes_until_it_is_killed", "--nocapture"])
            .env("HEARTH_TEST_WRITE", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = io::BufRead::lines(io::BufReader::new(child.stdout.take().unwrap()));
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with("writing")));
        // Somewhere among its writes, each time elsewhere.
        std::thread::sleep(std::time::Duration::from_micros(20_000 + cut * 1_370));
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = fs::read(&path).unwrap();
        let first = usize::from(seen[0]);
        assert!(
            seen.len() == 50_000 + first && seen.iter().all(|&byte| usize::from(byte) == first),
            "{} bytes",
            seen.len()
        );
    }
}
