//! Mounting, unmounting, and what is mounted.

use crate::{Access, Error, Result, Usage};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CStr;
use std::path::Path;

/// A file system of ours or of somebody else: no device files, no setuid, nothing to be run.
pub(super) fn attach(device: &Path, folder: &Path, kind: &str, access: Access) -> Result<()> {
    let mut flags = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NOATIME;
    if access == Access::ReadOnly {
        flags |= MountFlags::RDONLY;
    }
    // After the first error nothing more is written, so that what is there stays as good as it is.
    let data: Option<&CStr> = (kind == "ext4").then_some(c"errors=remount-ro");
    mount(device, folder, kind, flags, data).map_err(|error| Error::file("mount", device, error.into()))
}

/// Unmounts; `Error::VolumeBusy` where files are in use, unless it is `forced`: then it is out of sight at once and goes
/// when they are closed. Nothing mounted is no error.
pub(super) fn detach(folder: &Path, forced: bool) -> Result<()> {
    let flags = if forced { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match unmount(folder, flags | UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(Errno::BUSY) => Err(Error::VolumeBusy),
        Err(error) => Err(Error::file("unmount", folder, error.into())),
    }
}

/// Room on the file system that `path` is on.
pub(super) fn usage(path: &Path) -> Result<Usage> {
    let room = rustix::fs::statvfs(path).map_err(|error| Error::file("measure", path, error.into()))?;
    Ok(Usage {
        total: room.f_blocks.saturating_mul(room.f_frsize),
        used: room.f_blocks.saturating_sub(room.f_bfree).saturating_mul(room.f_frsize),
        free: room.f_bavail.saturating_mul(room.f_frsize),
    })
}

/// How `folder` is mounted: whether the file system itself takes writes. `None`: nothing is mounted there.
pub(super) fn state(folder: &Path) -> Result<Option<Access>> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
    Ok(parse_state(&text, folder))
}

/// A line is `ID PARENT DEVICE ROOT FOLDER OPTIONS FIELDS... - KIND SOURCE SUPER_OPTIONS`. The last mount on a folder is the one
/// that is seen.
fn parse_state(mountinfo: &str, folder: &Path) -> Option<Access> {
    let folder = folder.to_str()?;
    let found = mountinfo.lines().rfind(|line| line.split(' ').nth(4) == Some(folder))?;
    let (place, file_system) = found.split_once(" - ")?;
    // Since 6.12 ext4 says "rw" on after an error that ended its writing, and since 6.15 it names that state beside it.
    let locked = |options: Option<&str>| {
        options.is_some_and(|options| {
            options.split(',').any(|option| matches!(option, "ro" | "emergency_ro" | "shutdown"))
        })
    };
    let read_only = locked(place.split(' ').nth(5)) || locked(file_system.split(' ').nth(2));
    Some(if read_only { Access::ReadOnly } else { Access::ReadWrite })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "\
22 1 259:2 / / ro,relatime shared:1 - erofs /dev/root ro,user_xattr
40 22 259:5 / /data rw,noatime shared:9 - ext4 /dev/mmcblk0p6 rw
77 22 254:0 / /run/hearth-volumes/backup rw,nosuid,nodev,noexec,noatime shared:40 - ext4 /dev/mapper/hearth-backup rw,errors=remount-ro
78 22 254:1 / /run/hearth-volumes/export rw,nosuid,nodev,noexec,noatime shared:41 - ext4 /dev/mapper/hearth-export ro,errors=remount-ro
79 22 254:2 / /run/hearth-volumes/hurt rw,nosuid,nodev,noexec,noatime shared:42 - ext4 /dev/mapper/hearth-hurt rw,errors=remount-ro,emergency_ro
";

    #[test]
    fn what_is_mounted_and_how() {
        let state = |folder| parse_state(INFO, Path::new(folder));
        assert_eq!(state("/data"), Some(Access::ReadWrite));
        assert_eq!(state("/run/hearth-volumes/backup"), Some(Access::ReadWrite));
        // The kernel gave up on it: the mount still says rw, the file system ro.
        assert_eq!(state("/run/hearth-volumes/export"), Some(Access::ReadOnly));
        assert_eq!(state("/run/hearth-volumes/hurt"), Some(Access::ReadOnly));
        assert_eq!(state("/"), Some(Access::ReadOnly));
        assert_eq!(state("/run"), None);
    }

    #[test]
    fn room() {
        let room = usage(Path::new("/")).unwrap();
        assert!(room.total >= room.used + room.free && room.total > 0, "{room:?}");
    }

    #[test]
    fn nothing_mounted_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(state(folder.path()).unwrap(), None);
    }
}
