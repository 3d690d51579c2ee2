//! As `machine.toml` says.

use super::Fake;
use crate::{Board, Error, Identity, Image, Owner, Paths, Result, atomic, check_hostname};
use std::path::Path;

impl Identity for Fake {
    fn board(&self) -> Board {
        Board { name: self.machine.board.clone(), model: self.machine.model.clone() }
    }

    fn image(&self) -> Image {
        Image { version: self.machine.version.clone(), built_ms: self.machine.built_ms }
    }

    fn machine_id(&self) -> Result<String> {
        let path = self.paths.etc.join("machine-id");
        if let Some(id) = atomic::read(&path)? {
            return Ok(id.trim().to_owned());
        }
        let id = random_uuid()?.replace('-', "");
        atomic::write(&path, format!("{id}\n").as_bytes(), 0o444, None)?;
        Ok(id)
    }

    fn hostname(&self) -> Result<String> {
        let kept = atomic::read(&self.paths.etc.join("hostname"))?;
        Ok(kept.map_or_else(|| "hearth".to_owned(), |name| name.trim().to_owned()))
    }

    fn set_hostname(&self, name: &str) -> Result<()> {
        check_hostname(name)?;
        let path = self.paths.etc.join("hostname");
        self.faults()?.may_write(&path)?;
        atomic::write(&path, format!("{name}\n").as_bytes(), 0o644, None)
    }

    fn restore_hostname(&self) -> Result<()> {
        check_hostname(&self.hostname()?)
    }

    fn paths(&self) -> Paths {
        self.paths.clone()
    }

    fn homeserver_owner(&self) -> Owner {
        Owner { uid: rustix::process::getuid().as_raw(), gid: rustix::process::getgid().as_raw() }
    }
}

/// A fresh one from the kernel.
pub(super) fn random_uuid() -> Result<String> {
    let path = Path::new("/proc/sys/kernel/random/uuid");
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
    Ok(text.trim().to_owned())
}
