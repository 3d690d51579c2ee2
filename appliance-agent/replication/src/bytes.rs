//! Amounts of bytes in words.

/// `1.4 GB`: in thousands, as the makers of disks count.
pub(crate) fn in_words(bytes: u64) -> String {
    let mut unit = "bytes";
    let mut scale = 1_u64;
    for (next, factor) in [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)] {
        if bytes >= factor {
            (unit, scale) = (next, factor);
        }
    }
    let tenths = (u128::from(bytes) * 10 / u128::from(scale)) % 10;
    match (unit, tenths) {
        ("bytes", _) | (_, 0) => format!("{} {unit}", bytes / scale),
        _ => format!("{}.{tenths} {unit}", bytes / scale),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn amounts_are_short() {
        let words = [0, 999, 1_000, 1_450_000, 64_000_000_000, 2_150_000_000_000].map(in_words);
        assert_eq!(words, ["0 bytes", "999 bytes", "1 kB", "1.4 MB", "64 GB", "2.1 TB"]);
    }
}
