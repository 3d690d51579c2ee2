//! Disks as `machine.toml` lists them and `faults.toml` leaves them plugged in.

use super::Fake;
use super::faults::{self, Faults};
use super::machine::DiskSpec;
use super::volume_file::VolumeFile;
use crate::{Disk, DiskId, DiskState, Disks, Error, Result, VolumeId};
use std::path::PathBuf;

impl Disks for Fake {
    fn disks(&self, ours: &[VolumeId]) -> Result<Vec<Disk>> {
        let faults = self.faults()?;
        if faults.disks_fail {
            return Err(faults::failed("lsblk"));
        }
        let mut disks = self.plugged(&faults).map(|spec| self.describe(spec, ours)).collect::<Result<Vec<Disk>>>()?;
        disks.sort_by(|a, b| (a.state != DiskState::System, &a.id).cmp(&(b.state != DiskState::System, &b.id)));
        Ok(disks)
    }
}

impl Fake {
    pub(super) fn plugged<'a>(&'a self, faults: &'a Faults) -> impl Iterator<Item = &'a DiskSpec> {
        self.machine.disks.iter().filter(|spec| !faults.pulled.contains(&spec.id))
    }

    pub(super) fn spec(&self, disk: &DiskId, faults: &Faults) -> Result<&DiskSpec> {
        let found = self.machine.disks.iter().find(|spec| spec.id == disk.0 && !faults.pulled.contains(&spec.id));
        found.ok_or(Error::DiskGone)
    }

    /// The folder that holds what is on a disk.
    pub(super) fn disk_folder(&self, spec: &DiskSpec) -> PathBuf {
        spec.folder.clone().unwrap_or_else(|| self.folder.join("disks").join(&spec.id))
    }

    /// What is on a disk that is no volume.
    pub(super) fn contents(&self, spec: &DiskSpec) -> Result<Vec<String>> {
        Ok(match VolumeFile::read(&self.disk_folder(spec))? {
            Some(volume) if volume.whole => vec![format!("a Hearth backup ({})", volume.label)],
            Some(_) => Vec::new(),
            None => spec.contents.clone(),
        })
    }

    fn describe(&self, spec: &DiskSpec, ours: &[VolumeId]) -> Result<Disk> {
        let volume = VolumeFile::read(&self.disk_folder(spec))?.filter(|volume| volume.whole);
        let contents = self.contents(spec)?;
        let id = volume.as_ref().map(|volume| VolumeId(volume.uuid.clone()));
        let state = match &id {
            _ if spec.system => DiskState::System,
            Some(id) if ours.contains(id) => DiskState::Ours,
            Some(_) => DiskState::Volume,
            None if contents.is_empty() => DiskState::Empty,
            None => DiskState::Foreign,
        };
        Ok(Disk {
            id: DiskId(spec.id.clone()),
            model: spec.model.clone(),
            serial: spec.serial.clone(),
            size: spec.size,
            removable: !spec.system,
            read_only: spec.read_only,
            state,
            contents,
            volume: id,
            volume_label: volume.map(|volume| volume.label),
        })
    }
}
