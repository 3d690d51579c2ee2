//! The real thing on a machine that is there for this test alone: `tests/box/run` boots one, once with a processor that has
//! instructions for AES and once without, its clock in the year 2000.
//!
//! Its disks: `vda` with the partitions `firmware` and, mounted at `/data`, `data`; `vdb`, empty.

use super::Real;
use crate::command::{SHORT, ask};
use crate::{
    Access, Announce, Clock, DiskState, Disks, FloorSource, Identity, MakeStep, Measure, NewVolume, Secret, Services,
    VolumeHealth, VolumeId, VolumeKey, VolumeLabel, Volumes,
};
use std::fs;
use std::path::Path;

const RECOVERY: &str = "ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned()).unwrap()
}

fn recovery() -> VolumeKey {
    VolumeKey::Recovery(secret(RECOVERY))
}

fn own() -> VolumeKey {
    VolumeKey::Own(secret(&"7".repeat(64)))
}

fn code<T>(result: crate::Result<T>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "ok")
}

#[test]
#[ignore = "needs a machine of its own: `./hearth test-box` boots one"]
fn everything_that_a_box_is_asked() {
    let real = Real::new();
    clock(&real);
    names(&real);
    announced(&real);
    figures(&real);
    commands(&real);
    let volume = made(&real);
    opened(&real, &volume);
    pulled(&real, &volume);
    println!("everything was asked");
}

fn clock(real: &Real) {
    assert!(!real.time_trusted());
    let restored = real.restore_clock(None).unwrap().unwrap();
    assert_eq!((restored.source, restored.to_ms), (FloorSource::Build, real.image().built_ms));
    assert!(real.now_ms() >= restored.to_ms && real.now_ms() < restored.to_ms + 600_000);
    assert_eq!(real.restore_clock(Some(restored.to_ms - 1)).unwrap(), None);
    let later = restored.to_ms + 86_400_000;
    assert_eq!(real.restore_clock(Some(later)).unwrap().unwrap().source, FloorSource::NewestEvent);
    real.save_clock().unwrap();
    assert!(fs::read_to_string("/data/agent/clock").unwrap().trim().parse::<u64>().unwrap() >= later);
    assert!(real.time_zones().unwrap().len() > 300);
    real.set_time_zone("Europe/Berlin").unwrap();
    assert_eq!(real.time_zone().unwrap(), "Europe/Berlin");
    assert_eq!(code(real.set_time_zone("Europe/../Europe/Berlin")), "unknown_time_zone");
}

fn names(real: &Real) {
    real.set_hostname("kitchen").unwrap();
    assert_eq!(real.hostname().unwrap(), "kitchen");
    rustix::system::sethostname(b"other").unwrap();
    real.restore_hostname().unwrap();
    assert_eq!(real.hostname().unwrap(), "kitchen");
    assert_eq!(real.board().name, "test");
}

fn announced(real: &Real) {
    let firmware = || {
        fs::create_dir_all("/mnt").unwrap();
        ask("mount", &["-o", "ro", "/dev/vda1", "/mnt"], None, SHORT).unwrap();
        let text = fs::read_to_string("/mnt/HEARTH-SETUP.txt").ok();
        ask("umount", &["/mnt"], None, SHORT).unwrap();
        text
    };
    real.announce("https://10.0.2.15:8443/\ncode 1234").unwrap();
    assert_eq!(firmware().as_deref(), Some("https://10.0.2.15:8443/\r\ncode 1234"));
    // Said again nothing is written.
    let sectors =
        || fs::read_to_string("/sys/block/vda/vda1/stat").unwrap().split_whitespace().nth(6).unwrap().to_owned();
    let before = sectors();
    real.announce("https://10.0.2.15:8443/\ncode 1234").unwrap();
    assert_eq!(sectors(), before);
    real.withdraw().unwrap();
    assert_eq!(firmware(), None);
}

fn figures(real: &Real) {
    let before = real.written_since_boot().unwrap();
    crate::atomic::write(Path::new("/data/agent/x"), &vec![1; 1 << 20], 0o600, None).unwrap();
    assert!(real.written_since_boot().unwrap() >= before + (1 << 20));
    let room = real.data_usage().unwrap();
    assert!(room.total > 50 << 20 && room.used > 0 && room.free < room.total, "{room:?}");
    assert_eq!(real.wear_percent(), None);
}

fn commands(real: &Real) {
    let output = real.run_homeserver(&["restore"], &mut &b"snapshot"[..]).unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(output.success, "{words} {}", output.stderr);
    assert_eq!(words.trim(), "700 700 700 restore snapshot");
}

fn made(real: &Real) -> VolumeId {
    let disks = real.disks(&[]).unwrap();
    let states: Vec<_> = disks.iter().map(|disk| (disk.id.0.as_str(), disk.state)).collect();
    assert_eq!(states, [("virtio-card", DiskState::System), ("virtio-spare", DiskState::Empty)]);
    let spare = disks[1].id.clone();
    let mut wanted = NewVolume {
        label: VolumeLabel::new(VolumeLabel::BACKUP).unwrap(),
        recovery: secret(RECOVERY),
        own: own().secret().clone(),
        erase: false,
    };
    assert_eq!(code(real.make_volume(&disks[0].id, &wanted, &mut |_| {})), "system_disk");
    ask("mkfs.vfat", &["-n", "HOLIDAYS", "/dev/vdb"], None, SHORT).unwrap();
    let error = real.make_volume(&spare, &wanted, &mut |_| {}).unwrap_err();
    assert_eq!(error.params()["contents"][0], "FAT files (cameras, sticks, Windows), label HOLIDAYS, 537 MB");

    wanted.erase = true;
    let mut steps = Vec::new();
    let volume = real.make_volume(&spare, &wanted, &mut |step| steps.push(step)).unwrap();
    assert_eq!(steps, [MakeStep::Erase, MakeStep::Encrypt, MakeStep::Format]);
    let expected = match fs::read_to_string("/proc/cpuinfo").unwrap().contains(" aes ") {
        true => "aes-xts-plain64",
        false => "xchacha12,aes-adiantum-plain64",
    };
    let dump = ask("cryptsetup", &["luksDump", "/dev/vdb1"], None, SHORT).unwrap();
    assert!(dump.contains(expected), "{dump}");
    println!("cipher {expected}");
    assert_eq!(real.disks(std::slice::from_ref(&volume)).unwrap()[1].state, DiskState::Ours);
    assert!(!Path::new("/dev/mapper/hearth-new").exists(), "it is left closed");

    // As an agent that was killed while it filled a volume leaves it.
    let left = Path::new("/run/hearth-volumes/new");
    super::luks::open(Path::new("/dev/vdb1"), &own(), "hearth-new", false).unwrap();
    fs::create_dir_all(left).unwrap();
    super::mount::attach(Path::new("/dev/mapper/hearth-new"), left, "ext4", Access::ReadWrite).unwrap();
    let again = real.make_volume(&spare, &wanted, &mut |_| {}).unwrap();
    assert_ne!(again, volume);
    assert!(!Path::new("/dev/mapper/hearth-new").exists());
    again
}

fn opened(real: &Real, volume: &VolumeId) {
    let open = |key: VolumeKey, access| real.open_volume(volume, &key, access, "backup");
    assert_eq!(code(open(VolumeKey::Recovery(secret("wrong")), Access::ReadOnly)), "wrong_recovery_key");
    assert_eq!(code(open(VolumeKey::Own(secret("wrong")), Access::ReadOnly)), "wrong_recovery_key");
    let mounted = open(own(), Access::ReadWrite).unwrap();
    assert!(fs::read_to_string(mounted.path.join("READ ME.txt")).unwrap().contains("cryptsetup open"));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts.lines().find(|line| line.contains("/run/hearth-volumes/backup")).unwrap();
    for option in ["nodev", "nosuid", "noexec", "noatime", "errors=remount-ro"] {
        assert!(line.contains(option), "{line}");
    }
    fs::write(mounted.path.join("kept"), "x").unwrap();
    assert!(matches!(real.volume_health("backup").unwrap(), VolumeHealth::Ready(usage) if usage.free > 400 << 20));
    assert_eq!(
        open(own(), Access::ReadWrite).unwrap(),
        real.open_volume(volume, &own(), Access::ReadWrite, "backup").unwrap()
    );

    // Somebody reads.
    let held = fs::File::open(mounted.path.join("kept")).unwrap();
    assert_eq!(code(real.close_volume("backup")), "volume_busy");
    drop(held);
    real.close_volume("backup").unwrap();
    assert!(!mounted.path.exists() && !Path::new("/dev/mapper/hearth-backup").exists());

    // As an agent that was killed leaves it.
    open(own(), Access::ReadWrite).unwrap();
    let fresh = Real::new();
    let mounted = fresh.open_volume(volume, &recovery(), Access::ReadOnly, "backup").unwrap();
    assert_eq!(fs::read_to_string(mounted.path.join("kept")).unwrap(), "x");
    assert_eq!(code(crate::atomic::write(&mounted.path.join("new"), b"", 0o600, None)), "storage_read_only");
    fresh.close_volume("backup").unwrap();
    real.close_volume("backup").unwrap();

    // The file system gives up.
    open(own(), Access::ReadWrite).unwrap();
    let dm = fs::canonicalize("/dev/mapper/hearth-backup").unwrap();
    let name = dm.file_name().unwrap().to_str().unwrap();
    fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "1").unwrap();
    assert!(matches!(real.volume_health("backup").unwrap(), VolumeHealth::ReadOnly(_)));
    // Opened again it is mended.
    open(own(), Access::ReadWrite).unwrap();
    assert!(matches!(real.volume_health("backup").unwrap(), VolumeHealth::Ready(_)));
    real.close_volume("backup").unwrap();

    real.take_over_volume(volume, &secret(RECOVERY), &secret("another box")).unwrap();
    assert_eq!(code(open(own(), Access::ReadOnly)), "wrong_recovery_key");
    real.take_over_volume(volume, &secret(RECOVERY), own().secret()).unwrap();
}

fn pulled(real: &Real, volume: &VolumeId) {
    let mounted = real.open_volume(volume, &own(), Access::ReadWrite, "backup").unwrap();
    let held = fs::File::create(mounted.path.join("half")).unwrap();
    let device = fs::canonicalize("/sys/block/vdb/device/..").unwrap();
    fs::write(device.join("remove"), "1").unwrap();
    assert_eq!(real.volume_health("backup").unwrap(), VolumeHealth::Vanished);
    assert_eq!(real.disks(&[]).unwrap().len(), 1);
    real.close_volume("backup").unwrap();
    assert_eq!(real.volume_health("backup").unwrap(), VolumeHealth::Closed);
    assert_eq!(code(real.open_volume(volume, &own(), Access::ReadWrite, "backup")), "volume_absent");
    drop(held);

    fs::write("/sys/bus/pci/rescan", "1").unwrap();
    let mounted = real.open_volume(volume, &own(), Access::ReadWrite, "backup").unwrap();
    assert_eq!(fs::read_to_string(mounted.path.join("kept")).unwrap(), "x");
    real.close_volume("backup").unwrap();
    let other = VolumeId("00000000-0000-4000-8000-000000000000".to_owned());
    let error = real.open_volume(&other, &own(), Access::ReadWrite, "backup").unwrap_err();
    assert_eq!((error.code(), error.params()["found"].as_str()), ("wrong_disk", Some(volume.0.as_str())));
}
