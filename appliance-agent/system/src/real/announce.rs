//! The consoles, and the partition that the firmware reads: FAT, so any computer shows it.

use super::{Real, disks, line, mount};
use crate::{Access, Announce, Error, Result, atomic};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "HEARTH-SETUP.txt";
const FOLDER: &str = "/run/hearth-firmware";

impl Announce for Real {
    fn announce(&self, text: &str) -> Result<()> {
        let shown = show(text);
        // Notepad of older Windows knows no other end of a line.
        let contents = text.replace('\n', "\r\n");
        self.on_firmware(Some(&contents)).and(shown)
    }

    fn withdraw(&self) -> Result<()> {
        self.on_firmware(None)
    }
}

impl Real {
    /// Brings the file to `wanted`. It is looked at read-only first, for mounting FAT to be written already writes.
    fn on_firmware(&self, wanted: Option<&str>) -> Result<()> {
        let devices = self.devices()?;
        let device = disks::firmware(&devices, &self.paths.volumes).ok_or_else(|| Error::ProgramFailed {
            program: "lsblk".to_owned(),
            detail: "there is no partition named firmware on the disk that the box runs from".to_owned(),
        })?;
        let folder = Path::new(FOLDER);
        let file = folder.join(FILE);
        atomic::folder(folder, 0o700, None)?;
        // What an agent that was killed left mounted.
        mount::detach(folder, true)?;
        let present = mounted(&device, folder, Access::ReadOnly, || atomic::read(&file))?;
        if present.as_deref() == wanted {
            return Ok(());
        }
        mounted(&device, folder, Access::ReadWrite, || match wanted {
            Some(text) => atomic::write(&file, text.as_bytes(), 0o644, None),
            None => atomic::remove(&file),
        })
    }
}

/// Does something while a partition is mounted.
fn mounted<T>(device: &Path, folder: &Path, access: Access, work: impl FnOnce() -> Result<T>) -> Result<T> {
    mount::attach(device, folder, "vfat", access)?;
    let done = work();
    let detached = mount::detach(folder, false);
    done.and_then(|done| detached.map(|()| done))
}

/// Shows the text on every console of the kernel and on the first screen. One that does not take it (a serial line whose
/// other end holds it up) is not waited for.
fn show(text: &str) -> Result<()> {
    let active = line("/sys/class/tty/console/active").unwrap_or_default();
    let mut names: Vec<&str> =
        active.split_whitespace().map(|name| if name == "tty0" { "tty1" } else { name }).collect();
    names.push("tty1");
    names.sort_unstable();
    names.dedup();
    let text = format!("\r\n{}\r\n", text.replace('\n', "\r\n"));
    let mut first = None;
    for name in names {
        let path = Path::new("/dev").join(name);
        let flags = rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let written = OpenOptions::new().write(true).custom_flags(flags).open(&path);
        match written.and_then(|mut console| console.write_all(text.as_bytes())) {
            Err(error) if !absent(&error) => first = first.or(Some(Error::file("write", path, error))),
            _ => {}
        }
    }
    first.map_or(Ok(()), Err)
}

/// A board without a screen has no tty1, a line nobody listens to blocks.
fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::WouldBlock)
        || error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}
