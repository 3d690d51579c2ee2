//! Files in place of consoles and the boot partition.

use super::{Fake, faults};
use crate::{Announce, Result, atomic};

impl Announce for Fake {
    fn announce(&self, text: &str) -> Result<()> {
        if self.faults()?.announce_fails {
            return Err(faults::failed("console"));
        }
        let firmware = self.folder.join("firmware");
        atomic::folder(&firmware, 0o700, None)?;
        atomic::write(&self.folder.join("console.txt"), text.as_bytes(), 0o600, None)?;
        atomic::write(&firmware.join("HEARTH-SETUP.txt"), text.replace('\n', "\r\n").as_bytes(), 0o600, None)
    }

    fn withdraw(&self) -> Result<()> {
        if self.faults()?.announce_fails {
            return Err(faults::failed("console"));
        }
        let file = self.folder.join("firmware/HEARTH-SETUP.txt");
        if file.exists() { atomic::remove(&file) } else { Ok(()) }
    }
}
