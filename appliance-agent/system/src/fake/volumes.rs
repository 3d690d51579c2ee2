//! Volumes that are folders. A mounted one is a link at `run/volumes/NAME` to its disk's `files/`.

use super::faults::Faults;
use super::volume_file::VolumeFile;
use super::{Fake, lock};
use crate::{
    Access, DiskId, Error, MakeStep, Mounted, NewVolume, Paths, Result, Secret, Usage, VolumeHealth, VolumeId,
    VolumeKey, VolumeLabel, Volumes, atomic, readme,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is open, by its name.
pub(super) type Open = BTreeMap<String, Opened>;

#[derive(Debug)]
pub(super) struct Opened {
    volume: VolumeId,
    disk: DiskId,
    access: Access,
    /// Its disk was pulled out at some time since, and it stays dead whatever is plugged in again.
    vanished: bool,
}

/// How soon a pulled disk is noticed.
const LOOK: Duration = Duration::from_millis(200);
const LEAST: u64 = 200 << 20;

impl Volumes for Fake {
    fn make_volume(&self, disk: &DiskId, wanted: &NewVolume, progress: &mut dyn FnMut(MakeStep)) -> Result<VolumeId> {
        let open = lock(&self.open);
        let spec = self.spec(disk, &self.faults()?)?;
        if spec.system {
            return Err(Error::SystemDisk);
        }
        if spec.read_only {
            return Err(Error::DiskReadOnly);
        }
        if open.values().any(|opened| opened.disk == *disk) {
            return Err(Error::DiskBusy);
        }
        if spec.size < LEAST {
            return Err(Error::DiskTooSmall { size: spec.size, least: LEAST });
        }
        let contents = self.contents(spec)?;
        if !wanted.erase && !contents.is_empty() {
            return Err(Error::DiskHasData { contents });
        }
        let mut step = |step: MakeStep| -> Result<()> {
            progress(step);
            let faults = self.faults()?;
            thread::sleep(Duration::from_millis(faults.slow_ms));
            self.spec(disk, &self.faults()?)?;
            if faults.make_fails.as_deref() == Some(step.name()) {
                return Err(Error::MakeFailed { step: step.name(), detail: "faults.toml says so".to_owned() });
            }
            Ok(())
        };
        let folder = self.disk_folder(spec);
        atomic::folder(&folder, 0o700, None)?;
        let mut volume = VolumeFile::new(wanted.label.as_str(), &wanted.recovery, &wanted.own)?;

        step(MakeStep::Erase)?;
        volume.write(&folder)?;
        let files = folder.join("files");
        if files.exists() {
            std::fs::remove_dir_all(&files).map_err(|error| Error::file("remove", &files, error))?;
        }
        step(MakeStep::Encrypt)?;
        step(MakeStep::Format)?;
        atomic::folder(&files, 0o700, None)?;
        atomic::write(&files.join(readme::FILE), readme::text(&wanted.label).as_bytes(), 0o644, None)?;
        volume.whole = true;
        volume.write(&folder)?;
        Ok(VolumeId(volume.uuid))
    }

    fn open_volume(&self, volume: &VolumeId, key: &VolumeKey, access: Access, name: &str) -> Result<Mounted> {
        VolumeLabel::new(name)?;
        let mut open = lock(&self.open);
        let faults = self.faults()?;
        let path = self.paths.volumes.join(name);
        if let Some(opened) = open.get(name) {
            if opened.volume != *volume {
                return Err(Error::NameTaken);
            }
            if opened.access == access && !opened.vanished && !faults.pulled.contains(&opened.disk.0) {
                let usage = self.usage(&opened.disk, &faults)?;
                return Ok(Mounted { volume: volume.clone(), disk: opened.disk.clone(), path, usage });
            }
        }
        unlink(&path)?;
        open.remove(name);

        let (disk, folder, file) = self.find(volume, &faults)?;
        if self.spec(&disk, &faults)?.read_only && access == Access::ReadWrite {
            return Err(Error::DiskReadOnly);
        }
        thread::sleep(Duration::from_millis(faults.slow_ms));
        if faults.too_little_memory {
            return Err(Error::TooLittleMemory);
        }
        if !file.opens(key) {
            return Err(Error::WrongKey);
        }
        if faults.volume_damaged {
            return Err(Error::VolumeDamaged { detail: "faults.toml says so".to_owned() });
        }
        atomic::link(&path, &folder.join("files"))?;
        let usage = self.usage(&disk, &faults)?;
        let opened = Opened { volume: volume.clone(), disk: disk.clone(), access, vanished: false };
        open.insert(name.to_owned(), opened);
        Ok(Mounted { volume: volume.clone(), disk, path, usage })
    }

    fn close_volume(&self, name: &str) -> Result<()> {
        VolumeLabel::new(name)?;
        let mut open = lock(&self.open);
        if self.faults()?.volume_busy && open.contains_key(name) {
            return Err(Error::VolumeBusy);
        }
        unlink(&self.paths.volumes.join(name))?;
        open.remove(name);
        Ok(())
    }

    fn volume_health(&self, name: &str) -> Result<VolumeHealth> {
        let open = lock(&self.open);
        let faults = self.faults()?;
        let Some(opened) = open.get(name) else { return Ok(VolumeHealth::Closed) };
        if opened.vanished || faults.pulled.contains(&opened.disk.0) {
            return Ok(VolumeHealth::Vanished);
        }
        let usage = self.usage(&opened.disk, &faults)?;
        let stuck = faults.volume_read_only && opened.access == Access::ReadWrite;
        Ok(if stuck { VolumeHealth::ReadOnly(usage) } else { VolumeHealth::Ready(usage) })
    }

    fn take_over_volume(&self, volume: &VolumeId, recovery: &Secret, own: &Secret) -> Result<()> {
        let _open = lock(&self.open);
        let (_, folder, mut file) = self.find(volume, &self.faults()?)?;
        if !file.opens(&VolumeKey::Recovery(recovery.clone())) {
            return Err(Error::WrongKey);
        }
        file.set_own(own);
        file.write(&folder)
    }
}

impl Fake {
    fn find(&self, wanted: &VolumeId, faults: &Faults) -> Result<(DiskId, PathBuf, VolumeFile)> {
        let mut other = None;
        for spec in self.plugged(faults) {
            let folder = self.disk_folder(spec);
            match VolumeFile::read(&folder)?.filter(|file| file.whole) {
                Some(file) if file.uuid == wanted.0 => return Ok((DiskId(spec.id.clone()), folder, file)),
                Some(file) => other = Some(file.uuid),
                None => {}
            }
        }
        Err(other.map_or(Error::VolumeAbsent, |found| Error::WrongDisk { found }))
    }

    fn usage(&self, disk: &DiskId, faults: &Faults) -> Result<Usage> {
        let spec = self.spec(disk, faults)?;
        let used = bytes(&self.disk_folder(spec));
        let free = faults.volume_free.unwrap_or_else(|| spec.size.saturating_sub(used));
        Ok(Usage { total: spec.size, used: spec.size.saturating_sub(free), free })
    }
}

/// Takes links to pulled disks away, so that whoever writes to one fails as on a real disk. Ends with the machine.
pub(super) fn watch(open: &Arc<Mutex<Open>>, paths: &Paths, faults: &Path) {
    let (open, volumes, faults) = (Arc::downgrade(open), paths.volumes.clone(), faults.to_owned());
    thread::spawn(move || {
        while let Some(open) = open.upgrade() {
            // A file that can't be read is the business of the call that needs it.
            let pulled = Faults::read(&faults).unwrap_or_default().pulled;
            for (name, opened) in lock(&open).iter_mut().filter(|(_, opened)| pulled.contains(&opened.disk.0)) {
                opened.vanished = true;
                let _ = unlink(&volumes.join(name));
            }
            drop(open);
            thread::sleep(LOOK);
        }
    });
}

fn unlink(path: &Path) -> Result<()> {
    if path.is_symlink() { atomic::remove(path) } else { Ok(()) }
}

/// What a folder's files hold together; what vanishes meanwhile does not count.
pub(super) fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
