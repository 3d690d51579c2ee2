//! Volumes of a faked machine behave as those of a box.

use crate::machine::{CARD, EMPTY, HOLIDAYS, LOCKED, Machine, SECOND, code, disk, secret, wanted};
use hearth_system::{Access, Disk, DiskState, MakeStep, VolumeHealth, VolumeId, VolumeKey};
use std::fs;
use std::time::{Duration, Instant};

fn own() -> VolumeKey {
    VolumeKey::Own(wanted(false).own)
}

fn recovery() -> VolumeKey {
    VolumeKey::Recovery(wanted(false).recovery)
}

fn make(machine: &Machine, id: &str) -> VolumeId {
    machine.make_volume(&disk(id), &wanted(true), &mut |_| {}).unwrap()
}

fn find(machine: &Machine, id: &str, ours: &[VolumeId]) -> Option<Disk> {
    machine.disks(ours).unwrap().into_iter().find(|found| found.id.0 == id)
}

#[test]
fn disks_of_every_state() {
    let machine = Machine::new();
    let volume = make(&machine, EMPTY);
    let states = |ours: &[VolumeId]| -> Vec<(String, DiskState)> {
        machine.disks(ours).unwrap().into_iter().map(|found| (found.id.0, found.state)).collect()
    };
    let mut expected = vec![
        (CARD.to_owned(), DiskState::System),
        (LOCKED.to_owned(), DiskState::Empty),
        (EMPTY.to_owned(), DiskState::Volume),
        (SECOND.to_owned(), DiskState::Empty),
        (HOLIDAYS.to_owned(), DiskState::Foreign),
    ];
    assert_eq!(states(&[]), expected);
    expected[2].1 = DiskState::Ours;
    assert_eq!(states(std::slice::from_ref(&volume)), expected);
    let found = find(&machine, EMPTY, &[]).unwrap();
    assert_eq!((found.volume, found.volume_label.as_deref()), (Some(volume), Some("hearth-backup")));
}

#[test]
fn a_volume_is_made_opened_and_closed() {
    let machine = Machine::new();
    let mut steps = Vec::new();
    let volume = machine.make_volume(&disk(EMPTY), &wanted(false), &mut |step| steps.push(step)).unwrap();
    assert_eq!(steps, [MakeStep::Erase, MakeStep::Encrypt, MakeStep::Format]);
    assert_eq!(machine.volume_health("backup").unwrap(), VolumeHealth::Closed);

    let mounted = machine.open_volume(&volume, &own(), Access::ReadWrite, "backup").unwrap();
    assert_eq!((&mounted.volume, mounted.disk.0.as_str()), (&volume, EMPTY));
    assert!(fs::read_to_string(mounted.path.join("READ ME.txt")).unwrap().contains("cryptsetup open"));
    fs::write(mounted.path.join("kept"), "x").unwrap();
    // Again is the same; another volume under that name is not.
    assert_eq!(machine.open_volume(&volume, &own(), Access::ReadWrite, "backup").unwrap().path, mounted.path);
    let other = make(&machine, SECOND);
    assert_eq!(code(machine.open_volume(&other, &own(), Access::ReadWrite, "backup")), "volume_name_taken");
    assert_eq!(code(machine.make_volume(&disk(EMPTY), &wanted(true), &mut |_| {})), "disk_busy");
    assert!(matches!(machine.volume_health("backup").unwrap(), VolumeHealth::Ready(usage) if usage.free > 0));

    machine.close_volume("backup").unwrap();
    machine.close_volume("backup").unwrap();
    assert!(!mounted.path.exists());
    let again = machine.open_volume(&volume, &recovery(), Access::ReadOnly, "restore").unwrap();
    assert_eq!(fs::read_to_string(again.path.join("kept")).unwrap(), "x");
}

#[test]
fn keys_open_only_what_they_are_for() {
    let machine = Machine::new();
    let volume = make(&machine, EMPTY);
    let open = |key: VolumeKey| {
        let opened = code(machine.open_volume(&volume, &key, Access::ReadOnly, "x"));
        machine.close_volume("x").unwrap();
        opened
    };
    assert_eq!(open(VolumeKey::Recovery(secret("wrong"))), "wrong_recovery_key");
    assert_eq!(open(VolumeKey::Own(wanted(false).recovery)), "wrong_recovery_key");
    assert_eq!(open(recovery()), "ok");

    // Another box takes the disk over.
    let fresh = secret("fedcba9876543210");
    assert_eq!(code(machine.take_over_volume(&volume, &secret("wrong"), &fresh)), "wrong_recovery_key");
    machine.take_over_volume(&volume, &wanted(false).recovery, &fresh).unwrap();
    assert_eq!(open(own()), "wrong_recovery_key");
    assert_eq!(open(VolumeKey::Own(fresh)), "ok");
    // Nothing of a key is on the disk.
    let written = fs::read_to_string(machine.path("disks").join(EMPTY).join("volume.toml")).unwrap();
    assert!(!written.contains("ABCD") && !written.contains("0123456789abcdef"), "{written}");
}

#[test]
fn what_must_not_become_a_volume() {
    let machine = Machine::with("[[disk]]\nid = \"small\"\nsize = 1000\n");
    assert_eq!(code(machine.make_volume(&disk("small"), &wanted(true), &mut |_| {})), "disk_too_small");
    let machine = Machine::new();
    let make = |id, erase| machine.make_volume(&disk(id), &wanted(erase), &mut |_| {});
    assert_eq!(code(make(CARD, true)), "system_disk");
    assert_eq!(code(make(LOCKED, true)), "disk_read_only");
    assert_eq!(code(make("nowhere", true)), "disk_gone");
    let error = make(HOLIDAYS, false).unwrap_err();
    assert_eq!(
        (error.code(), error.params()["contents"][0].as_str()),
        ("disk_has_data", Some("Windows files, label HOLIDAYS, 120 GB"))
    );
    make(HOLIDAYS, true).unwrap();
}

#[test]
fn a_failure_in_any_step_leaves_no_volume_and_can_be_tried_again() {
    for step in ["erase", "encrypt", "format"] {
        let machine = Machine::new();
        machine.faults(&format!("make_fails = \"{step}\""));
        let error = machine.make_volume(&disk(EMPTY), &wanted(false), &mut |_| {}).unwrap_err();
        assert_eq!((error.code(), error.params()["step"].as_str()), ("make_failed", Some(step)));
        assert_eq!(find(&machine, EMPTY, &[]).unwrap().state, DiskState::Empty, "{step}");
        machine.faults("");
        machine.make_volume(&disk(EMPTY), &wanted(false), &mut |_| {}).unwrap();
    }
}

#[test]
fn a_pulled_disk_is_gone_for_whoever_writes_to_it() {
    let machine = Machine::new();
    let volume = make(&machine, EMPTY);
    let mounted = machine.open_volume(&volume, &own(), Access::ReadWrite, "backup").unwrap();
    machine.faults(&format!("pulled = [\"{EMPTY}\"]"));
    assert_eq!(machine.volume_health("backup").unwrap(), VolumeHealth::Vanished);
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::write(mounted.path.join("late"), "x").is_ok() {
        assert!(Instant::now() < deadline, "the files are still there");
    }
    assert!(find(&machine, EMPTY, &[]).is_none());

    // Plugged in again it stays dead until it is opened anew.
    machine.faults("");
    assert_eq!(machine.volume_health("backup").unwrap(), VolumeHealth::Vanished);
    machine.open_volume(&volume, &own(), Access::ReadWrite, "backup").unwrap();
    assert!(matches!(machine.volume_health("backup").unwrap(), VolumeHealth::Ready(_)));
}

#[test]
fn absent_and_wrong_disks() {
    let machine = Machine::new();
    let volume = make(&machine, EMPTY);
    machine.faults(&format!("pulled = [\"{EMPTY}\"]"));
    let open = || machine.open_volume(&volume, &own(), Access::ReadWrite, "backup");
    assert_eq!(code(open()), "volume_absent");
    let other = make(&machine, SECOND);
    let error = open().unwrap_err();
    assert_eq!((error.code(), error.params()["found"].as_str()), ("wrong_disk", Some(other.0.as_str())));
}

#[test]
fn everything_else_that_can_befall_a_volume() {
    let machine = Machine::new();
    let volume = make(&machine, EMPTY);
    let open = || machine.open_volume(&volume, &own(), Access::ReadWrite, "backup");
    machine.faults("volume_damaged = true");
    assert_eq!(code(open()), "volume_damaged");
    machine.faults("too_little_memory = true");
    assert_eq!(code(open()), "too_little_memory");
    machine.faults("volume_free = 4096");
    assert_eq!(open().unwrap().usage.free, 4096);
    machine.faults("volume_read_only = true");
    assert!(matches!(machine.volume_health("backup").unwrap(), VolumeHealth::ReadOnly(_)));
    machine.faults("volume_busy = true");
    assert_eq!(code(machine.close_volume("backup")), "volume_busy");
    machine.faults("disks_fail = true");
    assert_eq!(code(machine.disks(&[])), "program_failed");
    machine.faults("disk_fail = true");
    assert_eq!(code(machine.disks(&[])), "program_unreadable", "a slip in the file is no silence");
    for name in ["../x", "", "A"] {
        assert_eq!(code(machine.open_volume(&volume, &own(), Access::ReadOnly, name)), "invalid_volume_name");
    }
}

#[test]
fn a_disk_is_carried_to_another_box() {
    let first = Machine::new();
    let volume = make(&first, EMPTY);
    let mounted = first.open_volume(&volume, &own(), Access::ReadWrite, "backup").unwrap();
    fs::write(mounted.path.join("kept"), "x").unwrap();
    first.close_volume("backup").unwrap();
    let folder = first.path("disks").join(EMPTY);
    let second = Machine::with(&format!("[[disk]]\nid = \"usb\"\nsize = 1000000000\nfolder = {:?}\n", folder));
    assert_eq!(find(&second, "usb", &[]).unwrap().volume, Some(volume.clone()));
    let mounted = second.open_volume(&volume, &recovery(), Access::ReadOnly, "restore").unwrap();
    assert_eq!(fs::read_to_string(mounted.path.join("kept")).unwrap(), "x");
}
