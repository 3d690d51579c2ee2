//! What the kernel and udev know of disks (`lsblk --json`), and what a disk itself says.

use crate::{Error, Result, VolumeId};
use serde::{Deserialize, Deserializer};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The columns that [`Device`] reads.
pub(super) const COLUMNS: &str = "NAME,PATH,TYPE,SIZE,MODEL,SERIAL,RM,HOTPLUG,RO,FSTYPE,LABEL,PARTLABEL,MOUNTPOINTS";

/// The LUKS2 subsystem field of a whole volume of ours; it is written last.
pub(super) const SUBSYSTEM: &str = "hearth";

/// A block device and what lies on it.
#[derive(Debug, Deserialize)]
pub(super) struct Device {
    pub name: String,
    pub path: PathBuf,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(deserialize_with = "size")]
    pub size: u64,
    #[serde(default, deserialize_with = "text")]
    pub model: String,
    #[serde(default, deserialize_with = "text")]
    pub serial: String,
    #[serde(default, rename = "rm", deserialize_with = "flag")]
    removable: bool,
    #[serde(default, deserialize_with = "flag")]
    hotplug: bool,
    #[serde(default, rename = "ro", deserialize_with = "flag")]
    pub read_only: bool,
    #[serde(default, deserialize_with = "text")]
    pub fstype: String,
    #[serde(default, deserialize_with = "text")]
    pub label: String,
    #[serde(default, deserialize_with = "text")]
    pub partlabel: String,
    #[serde(default)]
    mountpoints: Vec<Option<PathBuf>>,
    #[serde(default)]
    pub children: Vec<Device>,
}

impl Device {
    pub fn removable(&self) -> bool {
        self.removable || self.hotplug
    }

    /// Everything below it, depth first, itself included.
    pub fn tree(&self) -> Vec<&Self> {
        let mut all = vec![self];
        all.extend(self.children.iter().flat_map(Self::tree));
        all
    }

    /// Where it and what lies on it are mounted.
    pub fn mounts(&self) -> impl Iterator<Item = &Path> {
        self.tree().into_iter().flat_map(|device| device.mountpoints.iter().flatten().map(PathBuf::as_path))
    }

    /// Whether the box runs from it: something of it is mounted outside the places of removable volumes.
    pub fn is_system(&self, volumes: &Path) -> bool {
        self.mounts().any(|path| !path.starts_with(volumes))
    }

    pub fn partitions(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(|child| child.kind == "part")
    }
}

/// The disks of a machine: without memory, loops, optical drives, empty card readers, and the hidden parts of an eMMC.
pub(super) fn parse(text: &str) -> Result<Vec<Device>> {
    #[derive(Deserialize)]
    struct Answer {
        blockdevices: Vec<Device>,
    }
    let answer: Answer = serde_json::from_str(text)
        .map_err(|error| Error::Unreadable { program: "lsblk".to_owned(), detail: error.to_string() })?;
    let mut disks = answer.blockdevices;
    disks.retain(|disk| {
        let hidden = disk.name.starts_with("mmcblk") && (disk.name.contains("boot") || disk.name.ends_with("rpmb"));
        let memory = ["zram", "ram", "nbd"].iter().any(|name| disk.name.starts_with(name));
        disk.kind == "disk" && disk.size > 0 && !hidden && !memory
    });
    Ok(disks)
}

/// A volume of ours by its LUKS2 header: its UUID and label. `None` for anything else, a half-made one included.
pub(super) fn volume(path: &Path) -> Option<(VolumeId, String)> {
    let mut header = [0; 4096];
    File::open(path).ok()?.read_exact_at(&mut header, 0).ok()?;
    parse_header(&header)
}

/// The fields of a LUKS2 header, all but the version are text padded with NUL: magic (6 bytes), version (2, big-endian), size
/// and sequence (8 each), label (48), checksum's algorithm (32), salt (64), UUID (40), subsystem (48).
fn parse_header(header: &[u8]) -> Option<(VolumeId, String)> {
    let text = |from: usize, length: usize| -> Option<String> {
        let field = header.get(from..from.checked_add(length)?)?;
        let text = field.split(|&byte| byte == 0).next()?;
        String::from_utf8(text.to_vec()).ok()
    };
    if header.get(..8)? != b"LUKS\xba\xbe\0\x02" || text(208, 48)? != SUBSYSTEM {
        return None;
    }
    let uuid = text(168, 40)?;
    let fits = uuid.len() == 36 && uuid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    // It goes into commands and files; what cryptsetup made always fits.
    fits.then_some((VolumeId(uuid), text(24, 48)?))
}

/// Whether something is written on a device that no signature tells of. Looks at its beginning, its end and at 62 places
/// between, 64 KiB each: enough not to take a used disk for an empty one, at the price of a moment.
pub(super) fn has_data(path: &Path, size: u64) -> bool {
    const LOOK: u64 = 64 << 10;
    let Ok(file) = File::open(path) else { return true };
    let mut buffer = vec![0; 64 << 10];
    (0..64).any(|place| {
        let last = size.saturating_sub(LOOK);
        let at = if place == 63 { last } else { last / 63 * place };
        match file.read_at(&mut buffer, at) {
            Ok(read) => buffer.iter().take(read).any(|&byte| byte != 0),
            // What can't be read may be anything.
            Err(_) => true,
        }
    })
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    Ok(text.chars().filter(|each| !each.is_control()).collect::<String>().trim().to_owned())
}

/// Older versions print numbers and flags as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Flag(bool),
    Number(u64),
    Text(String),
    Nothing(()),
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Loose::deserialize(deserializer)? {
        Loose::Flag(flag) => flag,
        Loose::Number(number) => number != 0,
        Loose::Text(text) => text == "1",
        Loose::Nothing(()) => false,
    })
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Loose::deserialize(deserializer)? {
        Loose::Number(number) => Ok(number),
        Loose::Text(text) => text.parse().map_err(serde::de::Error::custom),
        Loose::Flag(_) => Err(serde::de::Error::custom("a size is a number")),
        Loose::Nothing(()) => Ok(0),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A box with its card, an old NTFS disk, a volume of ours that is open, and things that are no disks.
    pub(crate) const EXAMPLE: &str = r#"{"blockdevices": [
        {"name":"loop0","path":"/dev/loop0","type":"loop","size":4096,"model":null,"serial":null,"rm":false,"hotplug":false,"ro":false,"fstype":null,"label":null,"partlabel":null,"mountpoints":[null]},
        {"name":"sda","path":"/dev/sda","type":"disk","size":120034123776,"model":"Elements 25A2","serial":"575833314131","rm":false,"hotplug":true,"ro":false,"fstype":null,"label":null,"partlabel":null,"mountpoints":[null],"children":[
            {"name":"sda1","path":"/dev/sda1","type":"part","size":16777216,"model":null,"serial":null,"rm":false,"hotplug":true,"ro":false,"fstype":null,"label":null,"partlabel":"Microsoft reserved partition","mountpoints":[null]},
            {"name":"sda2","path":"/dev/sda2","type":"part","size":120000000000,"model":null,"serial":null,"rm":false,"hotplug":true,"ro":false,"fstype":"ntfs","label":"HOLIDAYS","partlabel":"Basic data partition","mountpoints":[null]}]},
        {"name":"sdb","path":"/dev/sdb","type":"disk","size":"2000398934016","model":"PSSD T7 ","serial":"S5T2","rm":"0","hotplug":"1","ro":"0","fstype":null,"label":null,"mountpoints":[null],"children":[
            {"name":"sdb1","path":"/dev/sdb1","type":"part","size":"2000396836864","fstype":"crypto_LUKS","label":"hearth-backup","partlabel":"hearth-backup","mountpoints":[null],"children":[
                {"name":"hearth-backup","path":"/dev/mapper/hearth-backup","type":"crypt","size":"2000380059648","fstype":"ext4","label":"hearth-backup","mountpoints":["/run/hearth-volumes/backup"]}]}]},
        {"name":"sdc","path":"/dev/sdc","type":"disk","size":0,"model":"Card Reader","serial":"1","rm":true,"hotplug":true,"ro":false,"fstype":null,"label":null,"partlabel":null,"mountpoints":[null]},
        {"name":"mmcblk0","path":"/dev/mmcblk0","type":"disk","size":31914983424,"model":null,"serial":"0x1234abcd","rm":false,"hotplug":false,"ro":false,"fstype":null,"label":null,"partlabel":null,"mountpoints":[null],"children":[
            {"name":"mmcblk0p1","path":"/dev/mmcblk0p1","type":"part","size":67108864,"fstype":"vfat","label":"FIRMWARE","partlabel":"firmware","mountpoints":[null]},
            {"name":"mmcblk0p6","path":"/dev/mmcblk0p6","type":"part","size":28000000000,"fstype":"ext4","label":"hearth-data","partlabel":"data","mountpoints":["/data"]}]},
        {"name":"mmcblk0boot0","path":"/dev/mmcblk0boot0","type":"disk","size":4194304,"ro":true,"mountpoints":[null]},
        {"name":"zram0","path":"/dev/zram0","type":"disk","size":512000000,"mountpoints":["[SWAP]"]}
    ]}"#;

    #[test]
    fn disks_and_what_is_none() {
        let disks = parse(EXAMPLE).unwrap();
        let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!(names, ["sda", "sdb", "mmcblk0"]);
        let volumes = Path::new("/run/hearth-volumes");
        let system: Vec<bool> = disks.iter().map(|disk| disk.is_system(volumes)).collect();
        assert_eq!(system, [false, false, true]);
        assert_eq!(
            (disks[1].model.as_str(), disks[1].size, disks[1].removable()),
            ("PSSD T7", 2_000_398_934_016, true)
        );
        assert_eq!(disks[1].mounts().collect::<Vec<_>>(), [Path::new("/run/hearth-volumes/backup")]);
        assert_eq!(disks[2].partitions().count(), 2);
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["", "[]", r#"{"blockdevices":[{"name":"sda"}]}"#] {
            assert_eq!(parse(text).unwrap_err().code(), "program_unreadable", "{text}");
        }
    }

    #[test]
    fn this_machine_has_disks_that_can_be_read() {
        let arguments = ["--json", "--bytes", "--output", COLUMNS];
        let text = crate::command::ask("lsblk", &arguments, None, crate::command::SHORT).unwrap();
        parse(&text).unwrap();
    }

    #[test]
    fn headers() {
        let mut header = vec![0; 4096];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"LUKS\xba\xbe\0\x02");
        put(24, b"hearth-backup");
        put(168, b"6d1b1e94-1111-4222-8333-0123456789ab");
        put(208, b"hearth");
        let (id, label) = parse_header(&header).unwrap();
        assert_eq!((id.0.as_str(), label.as_str()), ("6d1b1e94-1111-4222-8333-0123456789ab", "hearth-backup"));
        for (at, byte) in [(0, b'X'), (7, 1), (168, b'/'), (208, b'H'), (214, b'x')] {
            let mut other = header.clone();
            other[at] = byte;
            assert_eq!(parse_header(&other), None, "byte {at}");
        }
        assert_eq!(parse_header(&header[..200]), None);
    }

    #[test]
    fn used_and_empty_devices() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let size = 10 << 20;
        File::create(&path).unwrap().set_len(size).unwrap();
        assert!(!has_data(&path, size));
        std::os::unix::fs::FileExt::write_at(&File::options().write(true).open(&path).unwrap(), b"x", size - 1)
            .unwrap();
        assert!(has_data(&path, size));
        assert!(has_data(Path::new("/nowhere"), size));
    }
}
