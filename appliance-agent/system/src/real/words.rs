//! What is on a disk, in words that its owner recognises it by.

/// What a file system or container is to people. `kind` is what blkid calls it.
fn thing(kind: &str) -> &'static str {
    match kind {
        "ntfs" => "Windows files",
        "BitLocker" => "encrypted Windows files (BitLocker)",
        "vfat" | "msdos" => "FAT files (cameras, sticks, Windows)",
        "exfat" => "exFAT files (cameras, sticks, Windows)",
        "ext2" | "ext3" | "ext4" | "btrfs" | "xfs" | "f2fs" | "bcachefs" | "jfs" | "reiserfs" => "Linux files",
        "hfs" | "hfsplus" | "apfs" => "Mac files",
        "crypto_LUKS" => "encrypted Linux files",
        "swap" => "Linux swap space",
        "iso9660" | "udf" => "an image of a disc",
        "squashfs" | "erofs" => "a system image",
        "LVM2_member" | "linux_raid_member" | "zfs_member" | "ddf_raid_member" | "isw_raid_member" => {
            "a part of a disk array"
        }
        _ => "data of an unknown kind",
    }
}

/// `Windows files, label HOLIDAYS, 120 GB`.
pub(super) fn contents(kind: &str, label: &str, size: u64) -> String {
    let label: String = label.chars().filter(|each| !each.is_control()).take(40).collect();
    let label = label.trim();
    let thing = thing(kind);
    if label.is_empty() {
        format!("{thing}, {}", amount(size))
    } else {
        format!("{thing}, label {label}, {}", amount(size))
    }
}

/// A size as it is printed on the box that the disk came in: powers of 1000.
pub(crate) fn amount(bytes: u64) -> String {
    let mut value = bytes;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if value < 1000 {
            return format!("{value} {unit}");
        }
        value = value.saturating_add(500) / 1000;
    }
    // From here one decimal is worth having: 1.5 TB.
    let tenths = bytes.saturating_add(50_000_000_000) / 100_000_000_000;
    if tenths.is_multiple_of(10) {
        format!("{} TB", tenths / 10)
    } else {
        format!("{}.{} TB", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(contents("ntfs", "HOLIDAYS", 120_034_123_776), "Windows files, label HOLIDAYS, 120 GB");
        assert_eq!(contents("ext4", "", 999), "Linux files, 999 bytes");
        assert_eq!(contents("", "", 1_500_301_910_016), "data of an unknown kind, 1.5 TB");
        assert_eq!(
            contents("vfat", "A\u{1b}[31m\nB", 64_000_000),
            "FAT files (cameras, sticks, Windows), label A[31mB, 64 MB"
        );
    }

    #[test]
    fn amounts() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1000, "1 kB"),
            (999_499, "999 kB"),
            (32_010_928_128, "32 GB"),
            (999_999_999_999, "1 TB"),
            (2_000_398_934_016, "2 TB"),
        ] {
            assert_eq!(amount(bytes), text);
        }
    }
}
