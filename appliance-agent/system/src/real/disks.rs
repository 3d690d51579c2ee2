//! The disks, and what each is to the box.

use super::probe::{self, Device};
use super::{Real, words};
use crate::command::{SHORT, ask, call};
use crate::{Disk, DiskId, DiskState, Disks, Error, Result, VolumeId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Disks for Real {
    fn disks(&self, ours: &[VolumeId]) -> Result<Vec<Disk>> {
        let mut disks: Vec<Disk> = self.devices()?.iter().map(|(id, device)| self.describe(id, device, ours)).collect();
        disks.sort_by(|a, b| (a.state != DiskState::System, &a.id).cmp(&(b.state != DiskState::System, &b.id)));
        Ok(disks)
    }
}

impl Real {
    /// Every disk with its lasting name.
    pub(super) fn devices(&self) -> Result<Vec<(DiskId, Device)>> {
        settle()?;
        let text = ask("lsblk", &["--json", "--bytes", "--output", probe::COLUMNS], None, SHORT)?;
        let names = [names("/dev/disk/by-id"), names("/dev/disk/by-path")];
        let named = |device: Device| {
            let lasting = names.iter().find_map(|names| names.get(&device.name)).cloned();
            (DiskId(lasting.unwrap_or_else(|| device.name.clone())), device)
        };
        Ok(probe::parse(&text)?.into_iter().map(named).collect())
    }

    pub(super) fn device(&self, disk: &DiskId) -> Result<Device> {
        let found = self.devices()?.into_iter().find(|(id, _)| id == disk);
        found.map(|(_, device)| device).ok_or(Error::DiskGone)
    }

    pub(super) fn is_system(&self, device: &Device) -> bool {
        device.is_system(&self.paths.volumes)
    }

    pub(super) fn describe(&self, id: &DiskId, device: &Device, ours: &[VolumeId]) -> Disk {
        let volume = volume_on(device);
        let contents = contents(device);
        let state = match &volume {
            _ if self.is_system(device) => DiskState::System,
            Some((_, volume, _)) if ours.contains(volume) => DiskState::Ours,
            Some(_) => DiskState::Volume,
            None if contents.is_empty() => DiskState::Empty,
            None => DiskState::Foreign,
        };
        let (volume, volume_label) = volume.map(|(_, volume, label)| (volume, label)).unzip();
        Disk {
            id: id.clone(),
            model: device.model.clone(),
            serial: device.serial.clone(),
            size: device.size,
            removable: device.removable(),
            read_only: device.read_only,
            state,
            contents,
            volume,
            volume_label,
        }
    }
}

/// The volume of ours on a disk, with the device that it is on.
pub(super) fn volume_on(device: &Device) -> Option<(PathBuf, VolumeId, String)> {
    let encrypted = device.tree().into_iter().filter(|each| each.fstype == "crypto_LUKS");
    encrypted.filter_map(|each| probe::volume(&each.path).map(|(id, label)| (each.path.clone(), id, label))).next()
}

/// What is on a disk, in words. Partitions count also where nothing is known of them.
pub(super) fn contents(device: &Device) -> Vec<String> {
    let whole = std::iter::once(device).filter(|disk| !disk.fstype.is_empty());
    let parts = device.partitions().filter(|part| {
        // Space that partitioning tools keep free is nothing that anybody would miss.
        let reserved = part.partlabel == "Microsoft reserved partition" || part.partlabel.starts_with("BIOS boot");
        !(part.fstype.is_empty() && reserved)
    });
    let name = |each: &Device| if each.label.is_empty() { each.partlabel.clone() } else { each.label.clone() };
    let describe = |each: &Device| match probe::volume(&each.path) {
        Some((_, label)) => format!("a Hearth backup ({label}), {}", words::amount(each.size)),
        None => words::contents(&each.fstype, &name(each), each.size),
    };
    let mut contents: Vec<String> = whole.chain(parts).map(describe).collect();
    if contents.is_empty() && probe::has_data(&device.path, device.size) {
        contents.push(words::contents("", "", device.size));
    }
    contents
}

/// Waits until udev has seen what was plugged in or written.
pub(super) fn settle() -> Result<()> {
    // It also ends in an error where something else than our disks takes long; what is known then is good enough.
    call("udevadm", &["settle", "--timeout=10"], None, SHORT).map(drop)
}

/// For each disk the link in one of udev's folders that names it best.
fn names(folder: &str) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().into_string().ok()?, target.file_name()?.to_str()?.to_owned()))
    });
    best_names(links)
}

/// Of several names the one that bears model and serial rather than a bare number; then the shortest, then the first.
fn best_names(links: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let rank = |name: &str| {
        let bare =
            ["wwn-", "nvme-eui.", "nvme-nvme.", "scsi-3", "dm-", "lvm-"].iter().any(|start| name.starts_with(start));
        (bare, name.len(), name.to_owned())
    };
    let mut best: BTreeMap<String, String> = BTreeMap::new();
    for (name, device) in links {
        match best.get(&device) {
            Some(known) if rank(known) <= rank(&name) => {}
            _ => {
                best.insert(device, name);
            }
        }
    }
    best
}

/// The device of the partition that the firmware reads, on the disk that the box runs from.
pub(super) fn firmware(devices: &[(DiskId, Device)], volumes: &Path) -> Option<PathBuf> {
    let system = devices.iter().map(|(_, device)| device).filter(|device| device.is_system(volumes));
    let mut parts = system.flat_map(Device::partitions).filter(|part| part.fstype == "vfat");
    parts.find(|part| part.partlabel.eq_ignore_ascii_case("firmware")).map(|part| part.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<(DiskId, Device)> {
        let disks = probe::parse(probe::tests::EXAMPLE).unwrap();
        disks.into_iter().map(|disk| (DiskId(disk.name.clone()), disk)).collect()
    }

    #[test]
    fn disks_in_words() {
        let real = Real::new();
        let described: Vec<Disk> = example().iter().map(|(id, device)| real.describe(id, device, &[])).collect();
        assert_eq!(described[0].contents, ["Windows files, label HOLIDAYS, 120 GB"]);
        assert_eq!(described[0].state, DiskState::Foreign);
        assert_eq!(described[2].state, DiskState::System);
    }

    #[test]
    fn the_firmware_partition_is_that_of_our_own_disk() {
        let volumes = Path::new("/run/hearth-volumes");
        let mut devices = example();
        assert_eq!(firmware(&devices, volumes), Some(PathBuf::from("/dev/mmcblk0p1")));
        devices.pop();
        assert_eq!(firmware(&devices, volumes), None);
    }

    #[test]
    fn lasting_names() {
        let links = [
            ("wwn-0x5002538", "sda"),
            ("usb-Samsung_PSSD_T7_S5T2-0:0", "sda"),
            ("usb-Samsung_PSSD_T7_S5T2-0:0-part1", "sda1"),
            ("ata-Samsung_PSSD_T7_long_name_S5T2_and_more", "sda"),
            ("wwn-0x1", "sdb"),
        ];
        let best = best_names(links.into_iter().map(|(name, device)| (name.to_owned(), device.to_owned())));
        assert_eq!(best["sda"], "usb-Samsung_PSSD_T7_S5T2-0:0");
        assert_eq!(best["sdb"], "wwn-0x1");
    }
}
