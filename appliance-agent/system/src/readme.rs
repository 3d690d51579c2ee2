//! The `READ ME.txt` of a volume.

use crate::VolumeLabel;

/// Its name.
pub(crate) const FILE: &str = "READ ME.txt";

/// What it says: how the owner's family gets at everything without a Hearth box.
pub(crate) fn text(label: &VolumeLabel) -> String {
    let label = label.as_str();
    format!(
        "This disk holds backups of a Hearth box.

Everything on it can be read without Hearth, on any computer with Linux, by
whoever has the recovery key. You are reading this, so the disk is open already;
this is how it is opened elsewhere, as root:

  1. Plug it in and find its partition (the one of type crypto_LUKS):

       lsblk -o NAME,SIZE,FSTYPE,LABEL

  2. Open it. The recovery key is typed as it was shown: capital letters, with
     all dashes.

       cryptsetup open /dev/sdX1 {label}
       mount -o ro /dev/mapper/{label} /mnt

  3. List the backups and take one out. restic asks for a password: that is the
     recovery key again. (Without --no-lock it would want to write to the disk.)

       restic -r /mnt/repository --no-lock snapshots
       restic -r /mnt/repository --no-lock restore latest --target /some/folder

  4. Close it before you pull it out.

       umount /mnt
       cryptsetup close {label}

To put a backup onto a new box, none of this is needed: plug the disk into the
box, open its page and choose \"I have a backup disk\".

Please change nothing in the folder \"repository\".
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_tools_and_the_place() {
        let text = text(&VolumeLabel::new("hearth-export").unwrap());
        for part in ["cryptsetup open /dev/sdX1 hearth-export", "restic -r /mnt/repository", "recovery key"] {
            assert!(text.contains(part), "{part}");
        }
        assert!(text.lines().all(|line| line.len() <= 80));
    }
}
