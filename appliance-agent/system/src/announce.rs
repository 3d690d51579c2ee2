//! Telling the owner, who has no password yet, how to reach the box.

use crate::Result;

/// Words on the consoles and in a file of the boot partition.
pub trait Announce {
    /// Shows `text` (address, setup code) on every console and as `HEARTH-SETUP.txt` on the firmware partition, which any
    /// computer reads from the card. The partition is mounted only meanwhile. What can be shown is shown even where
    /// another place fails; the error is the first one. Saying the same text again writes nothing to the card.
    fn announce(&self, text: &str) -> Result<()>;

    /// Takes the file away again, once the box is claimed and set up. Nothing to take away is no error.
    fn withdraw(&self) -> Result<()>;
}
