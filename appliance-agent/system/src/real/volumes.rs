//! Volumes: made, opened, watched, closed.

use super::disks::{contents, settle, volume_on};
use super::luks::Cipher;
use super::probe::{self, Device};
use super::{Real, lock, luks, mount};
use crate::command::{LONG, ask, call};
use crate::{
    Access, DiskId, Error, MakeStep, Mounted, NewVolume, Result, Secret, VolumeHealth, VolumeId, VolumeKey,
    VolumeLabel, Volumes, atomic, readme,
};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What is open, by the name that it is mounted under.
pub(super) type Open = BTreeMap<String, Opened>;

#[derive(Debug)]
pub(super) struct Opened {
    volume: VolumeId,
    disk: DiskId,
    /// The encrypted partition.
    device: PathBuf,
    access: Access,
}

/// Header, file system, and room for a first replica of a small family.
const LEAST: u64 = 200 << 20;
/// What a volume is mounted under while it is made.
const UNFINISHED: &str = "new";
/// GPT's type of a LUKS partition, so that other systems do not offer to format it.
const LUKS_PARTITION: &str = "CA7D7CCB-63ED-4C53-861C-1742536059CC";

impl Volumes for Real {
    fn make_volume(&self, disk: &DiskId, wanted: &NewVolume, progress: &mut dyn FnMut(MakeStep)) -> Result<VolumeId> {
        let open = lock(&self.volumes);
        self.clear_unfinished()?;
        let device = self.device(disk)?;
        self.may_be_made(disk, &device, wanted.erase, &open)?;

        let mut step = MakeStep::Erase;
        let made = self.make(disk, &device, wanted, &mut |next| {
            step = next;
            progress(next);
        });
        drop(open);
        made.map_err(|error| {
            // By what the disk is now: the kernel's name that it had may be another disk's, if it was pulled out.
            let now = self.device(disk).ok().filter(|now| is_same(now, &device));
            let Some(now) = now else { return Error::DiskGone };
            // Half a volume must not be taken for somebody's data the next time; it has no label yet, so it is no volume.
            if let Err(error) = erase(&now) {
                tracing::warn!(%error, "what was begun on the disk could not be erased");
            }
            Error::MakeFailed { step: step.name(), detail: detail(&error) }
        })
    }

    fn open_volume(&self, volume: &VolumeId, key: &VolumeKey, access: Access, name: &str) -> Result<Mounted> {
        // The name becomes part of a path and of a mapping's name.
        VolumeLabel::new(name)?;
        let mut open = lock(&self.volumes);
        let folder = self.paths.volumes.join(name);
        if let Some(opened) = open.get(name) {
            if opened.volume != *volume {
                return Err(Error::NameTaken);
            }
            if opened.access == access && self.health(name, opened)? == VolumeHealth::Ready(mount::usage(&folder)?) {
                return Ok(mounted(opened, folder, mount::usage(&self.paths.volumes.join(name))?));
            }
        }
        // First, for a disk that is gone is better told than that something still holds what it left.
        let (disk, device, read_only) = self.find(volume)?;
        // What another access, a pulled disk or a killed agent left.
        self.close(name, &mut open)?;
        if read_only && access == Access::ReadWrite {
            return Err(Error::DiskReadOnly);
        }
        let mapping = mapping(name);
        luks::open(&device, key, &mapping, read_only)?;
        let opened = Opened { volume: volume.clone(), disk, device, access };
        let attached = attach(&mapping, &folder, access, read_only);
        match attached.and_then(|()| mount::usage(&folder)) {
            Ok(usage) => {
                let mounted = mounted(&opened, folder, usage);
                open.insert(name.to_owned(), opened);
                Ok(mounted)
            }
            Err(error) => {
                self.close(name, &mut open)?;
                Err(error)
            }
        }
    }

    fn close_volume(&self, name: &str) -> Result<()> {
        VolumeLabel::new(name)?;
        self.close(name, &mut lock(&self.volumes))
    }

    fn volume_health(&self, name: &str) -> Result<VolumeHealth> {
        let open = lock(&self.volumes);
        open.get(name).map_or(Ok(VolumeHealth::Closed), |opened| self.health(name, opened))
    }

    fn take_over_volume(&self, volume: &VolumeId, recovery: &Secret, own: &Secret) -> Result<()> {
        let _open = lock(&self.volumes);
        let (_, device, read_only) = self.find(volume)?;
        if read_only {
            return Err(Error::DiskReadOnly);
        }
        luks::set_own_key(&device, recovery, own)
    }
}

impl Real {
    fn may_be_made(&self, disk: &DiskId, device: &Device, erase: bool, open: &Open) -> Result<()> {
        if self.is_system(device) {
            return Err(Error::SystemDisk);
        }
        if device.read_only {
            return Err(Error::DiskReadOnly);
        }
        if device.mounts().next().is_some() || open.values().any(|opened| opened.disk == *disk) {
            return Err(Error::DiskBusy);
        }
        if device.size < LEAST {
            return Err(Error::DiskTooSmall { size: device.size, least: LEAST });
        }
        let contents = contents(device);
        if !erase && !contents.is_empty() {
            return Err(Error::DiskHasData { contents });
        }
        Ok(())
    }

    fn make(
        &self,
        disk: &DiskId,
        device: &Device,
        wanted: &NewVolume,
        step: &mut dyn FnMut(MakeStep),
    ) -> Result<VolumeId> {
        step(MakeStep::Erase);
        erase(device)?;
        partition(&device.path, &wanted.label)?;
        settle()?;
        let now = self.device(disk)?;
        if !is_same(&now, device) {
            return Err(Error::DiskGone);
        }
        let part = now.partitions().next().map(|part| part.path.clone()).ok_or_else(|| Error::Unreadable {
            program: "lsblk".to_owned(),
            detail: "the new partition did not appear".to_owned(),
        })?;

        step(MakeStep::Encrypt);
        luks::format(&part, self.cipher(), &wanted.recovery)?;
        luks::set_own_key(&part, &wanted.recovery, &wanted.own)?;

        step(MakeStep::Format);
        let name = mapping(UNFINISHED);
        luks::open(&part, &VolumeKey::Own(wanted.own.clone()), &name, false)?;
        let filled = self.fill(&Path::new("/dev/mapper").join(&name), &wanted.label);
        let closed = luks::close(&name, filled.is_err());
        filled.and(closed)?;
        luks::declare(&part, &wanted.label)?;
        settle()?;
        let made = probe::volume(&part).map(|(volume, _)| volume);
        made.ok_or_else(|| Error::VolumeDamaged { detail: "the new header could not be read back".to_owned() })
    }

    /// Takes away what an agent that was killed while it filled a new volume left: a disk in use can't be made anew, and its owner sees
    /// nothing that could be closed.
    fn clear_unfinished(&self) -> Result<()> {
        mount::detach(&self.paths.volumes.join(UNFINISHED), true)?;
        luks::close(&mapping(UNFINISHED), false)
    }

    /// File system and `READ ME.txt`.
    fn fill(&self, device: &Path, label: &VolumeLabel) -> Result<()> {
        make_file_system(device, label)?;
        let folder = self.paths.volumes.join(UNFINISHED);
        atomic::folder(&folder, 0o700, None)?;
        mount::attach(device, &folder, "ext4", Access::ReadWrite)?;
        let written = atomic::write(&folder.join(readme::FILE), readme::text(label).as_bytes(), 0o644, None);
        let detached = mount::detach(&folder, written.is_err());
        written.and(detached)
    }

    fn cipher(&self) -> Cipher {
        Cipher::fitting(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
    }

    /// Where a volume is now: disk, partition, and whether it refuses to be written.
    fn find(&self, wanted: &VolumeId) -> Result<(DiskId, PathBuf, bool)> {
        let mut other = None;
        for (disk, device) in self.devices()? {
            match volume_on(&device) {
                Some((part, volume, _)) if volume == *wanted => return Ok((disk, part, device.read_only)),
                Some((_, volume, _)) => other = Some(volume),
                None => {}
            }
        }
        Err(other.map_or(Error::VolumeAbsent, |found| Error::WrongDisk { found: found.0 }))
    }

    /// Read from the disk, not from memory: the device's file is gone with the disk, and a new disk may get its name.
    fn health(&self, name: &str, opened: &Opened) -> Result<VolumeHealth> {
        let folder = self.paths.volumes.join(name);
        if !is_there(opened) {
            return Ok(VolumeHealth::Vanished);
        }
        Ok(match (mount::state(&folder)?, opened.access) {
            (None, _) => VolumeHealth::Vanished,
            (Some(Access::ReadOnly), Access::ReadWrite) => VolumeHealth::ReadOnly(mount::usage(&folder)?),
            (Some(_), _) => VolumeHealth::Ready(mount::usage(&folder)?),
        })
    }

    fn close(&self, name: &str, open: &mut Open) -> Result<()> {
        let folder = self.paths.volumes.join(name);
        // Nobody can flush to a disk that is not there, and whoever still has files open only waits for errors.
        let vanished = open.get(name).is_some_and(|opened| !is_there(opened));
        mount::detach(&folder, vanished)?;
        luks::close(&mapping(name), vanished)?;
        open.remove(name);
        // An empty folder that stays is no harm.
        let _ = std::fs::remove_dir(&folder);
        Ok(())
    }
}

fn mounted(opened: &Opened, path: PathBuf, usage: crate::Usage) -> Mounted {
    Mounted { volume: opened.volume.clone(), disk: opened.disk.clone(), path, usage }
}

/// Whether it is the disk that it was. One without a lasting name is named as the kernel names it, and after a moment unplugged that may be
/// another.
fn is_same(now: &Device, was: &Device) -> bool {
    let marks = |device: &Device| (device.model.clone(), device.serial.clone(), device.size);
    marks(now) == marks(was)
}

fn is_there(opened: &Opened) -> bool {
    probe::volume(&opened.device).is_some_and(|(volume, _)| volume == opened.volume)
}

fn mapping(name: &str) -> String {
    format!("hearth-{name}")
}

/// Checks the file system and mounts it.
fn attach(mapping: &str, folder: &Path, access: Access, read_only: bool) -> Result<()> {
    let device = Path::new("/dev/mapper").join(mapping);
    if !read_only {
        check_file_system(&device)?;
    }
    atomic::folder(folder, 0o700, None)?;
    mount::attach(&device, folder, "ext4", access).map_err(|error| Error::VolumeDamaged { detail: detail(&error) })
}

/// Signatures of all partitions and of the disk go; what they described is not overwritten, for the volume covers it.
fn erase(device: &Device) -> Result<()> {
    let mut arguments: Vec<&OsStr> = vec![OsStr::new("--all"), OsStr::new("--force")];
    arguments.extend(device.partitions().map(|part| part.path.as_os_str()));
    arguments.push(device.path.as_os_str());
    ask("wipefs", &arguments, None, LONG).map(drop)
}

fn partition(disk: &Path, label: &VolumeLabel) -> Result<()> {
    let table = format!("label: gpt\ntype={LUKS_PARTITION}, name=\"{}\"\n", label.as_str());
    let options = ["--quiet", "--wipe", "always", "--wipe-partitions", "always"].map(OsStr::new);
    let arguments: Vec<&OsStr> = options.into_iter().chain([disk.as_os_str()]).collect();
    ask("sfdisk", &arguments, Some(&table), LONG).map(drop)
}

fn make_file_system(device: &Path, label: &VolumeLabel) -> Result<()> {
    // A repository is a few hundred folders and large files: fewer inodes and a smaller reserve than for a system.
    let options = ["-q", "-F", "-b", "4096", "-i", "65536", "-m", "1", "-L", label.as_str()].map(OsStr::new);
    let arguments: Vec<&OsStr> = options.into_iter().chain([device.as_os_str()]).collect();
    ask("mkfs.ext4", &arguments, None, LONG).map(drop)
}

/// Replays the journal and mends what can be mended without a doubt. Its status is made of bits: 1 mended, 2 likewise, 4 and
/// above not.
fn check_file_system(device: &Path) -> Result<()> {
    let answer = call("e2fsck", &[OsStr::new("-p"), device.as_os_str()], None, LONG)?;
    match answer.status {
        Some(0..=3) => Ok(()),
        _ => {
            let words = if answer.stdout.is_empty() { answer.detail() } else { answer.stdout };
            Err(Error::VolumeDamaged { detail: words.trim().to_owned() })
        }
    }
}

/// An error's inner words, for another error's `detail`.
fn detail(error: &Error) -> String {
    let params = error.params();
    let words = params.get("detail").and_then(serde_json::Value::as_str);
    words.map_or_else(|| error.to_string(), |words| format!("{error}: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::SHORT;
    use std::fs::File;

    fn disk(folder: &tempfile::TempDir) -> PathBuf {
        let path = folder.path().join("disk");
        File::create(&path).unwrap().set_len(256 << 20).unwrap();
        path
    }

    fn label() -> VolumeLabel {
        VolumeLabel::new(VolumeLabel::BACKUP).unwrap()
    }

    #[test]
    fn a_disk_gets_one_partition() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder);
        // What was there goes without a question.
        make_file_system(&disk, &label()).unwrap();
        partition(&disk, &label()).unwrap();
        let text = ask("sfdisk", &[OsStr::new("--json"), disk.as_os_str()], None, SHORT).unwrap();
        let table: serde_json::Value = serde_json::from_str(&text).unwrap();
        let parts = table["partitiontable"]["partitions"].as_array().unwrap();
        assert_eq!((table["partitiontable"]["label"].as_str(), parts.len()), (Some("gpt"), 1));
        assert_eq!(parts[0]["type"], LUKS_PARTITION);
        assert_eq!(parts[0]["name"], "hearth-backup");
        assert_eq!(parts[0]["start"], 2048);
    }

    #[test]
    fn a_file_system_for_a_repository() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder);
        make_file_system(&disk, &label()).unwrap();
        check_file_system(&disk).unwrap();
        let text = ask("dumpe2fs", &[OsStr::new("-h"), disk.as_os_str()], None, SHORT).unwrap();
        let value = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_once(':').unwrap().1.trim().to_owned()
        };
        assert_eq!(value("Filesystem volume name"), "hearth-backup");
        assert_eq!(value("Block size"), "4096");
        // 256 folders of a repository and many packs fit even on the smallest.
        assert!(value("Inode count").parse::<u32>().unwrap() >= 4096, "{text}");
    }

    #[test]
    fn what_is_beyond_mending_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder);
        let error = check_file_system(&disk).unwrap_err();
        assert_eq!(error.code(), "volume_damaged");
        assert!(!error.params()["detail"].as_str().unwrap().is_empty());
    }

    #[test]
    fn another_disk_under_the_same_name_is_not_erased() {
        let example = |number| probe::parse(probe::tests::EXAMPLE).unwrap().swap_remove(number);
        let (was, mut again, mut other) = (example(0), example(0), example(1));
        again.path = PathBuf::from("/dev/sdx");
        assert!(is_same(&again, &was), "plugged in again it has another name");
        (other.name, other.path) = (was.name.clone(), was.path.clone());
        assert!(!is_same(&other, &was));
    }

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        let real = Real::new();
        for name in ["", "../etc", "a/b", "A", "-x"] {
            assert_eq!(real.close_volume(name).unwrap_err().code(), "invalid_volume_name", "{name}");
        }
        assert_eq!(real.volume_health("backup").unwrap(), VolumeHealth::Closed);
    }
}
