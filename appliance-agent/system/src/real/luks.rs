//! LUKS2 by cryptsetup. Keys go in on standard input, never as arguments.
//!
//! A header has two slots: 0 for the recovery key, 1 for the box's own. Label and subsystem are written last, so a header
//! that bears them stands for a whole volume.

use super::probe::SUBSYSTEM;
use crate::command::{Answer, LONG, SHORT, ask, call};
use crate::{Error, Result, Secret, VolumeKey, VolumeLabel};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// 256 MiB in KiB: what a board with 1 GiB can spare when the volume is opened there.
const RECOVERY_MEMORY: &str = "262144";
/// 64 MiB: the box's own key is as long as a cipher's, there is nothing to be guessed, and it is opened every few hours.
const OWN_MEMORY: &str = "65536";
/// The least that argon2 takes; with that memory some seconds on a Pi 3.
const ITERATIONS: &str = "4";
const THREADS: &str = "4";

/// How a volume's data is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    /// On processors with instructions for it.
    Aes,
    /// Several times faster than AES without them: Pi 3 and Pi 4.
    Adiantum,
}

impl Cipher {
    /// By what `/proc/cpuinfo` says: `Features` on ARM, `flags` elsewhere, of every core.
    pub fn fitting(cpuinfo: &str) -> Self {
        let mut lists = cpuinfo.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            matches!(key.trim(), "Features" | "flags").then(|| value.split_whitespace().any(|feature| feature == "aes"))
        });
        let first = lists.next().unwrap_or(false);
        if first && lists.all(|has| has) { Self::Aes } else { Self::Adiantum }
    }

    /// cryptsetup's name for it, and the key's bits.
    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Aes => ["--cipher", "aes-xts-plain64", "--key-size", "512"],
            Self::Adiantum => ["--cipher", "xchacha12,aes-adiantum-plain64", "--key-size", "256"],
        }
    }
}

/// Writes a new header that `recovery` opens, without label yet.
pub(super) fn format(device: &Path, cipher: Cipher, recovery: &Secret) -> Result<()> {
    ask("cryptsetup", &formatting(device, cipher), Some(recovery.reveal()), LONG).map(drop)
}

fn formatting(device: &Path, cipher: Cipher) -> Vec<&OsStr> {
    let mut arguments: Vec<&OsStr> = ["--batch-mode", "luksFormat", "--type", "luks2"].map(OsStr::new).to_vec();
    arguments.extend(cipher.arguments().map(OsStr::new));
    // The slots' own 256 KiB are encrypted the ordinary way, so that only the kernel's mapping needs Adiantum.
    arguments.extend(["--keyslot-cipher", "aes-xts-plain64", "--keyslot-key-size", "512"].map(OsStr::new));
    arguments.extend(["--sector-size", "4096", "--hash", "sha256", "--key-slot", "0"].map(OsStr::new));
    arguments.extend(derivation(RECOVERY_MEMORY).map(OsStr::new));
    arguments.extend([OsStr::new("--key-file=-"), device.as_os_str()]);
    arguments
}

/// Adds the box's own key to slot 1, in place of what is there.
pub(super) fn set_own_key(device: &Path, recovery: &Secret, own: &Secret) -> Result<()> {
    if has_slot(device, 1)? {
        let arguments = ["--batch-mode", "luksKillSlot", "--key-file=-"].map(OsStr::new);
        let arguments = arguments.into_iter().chain([device.as_os_str(), OsStr::new("1")]).collect::<Vec<_>>();
        opened(&call("cryptsetup", &arguments, Some(recovery.reveal()), LONG)?)?;
    }
    let mut arguments: Vec<&OsStr> = ["--batch-mode", "luksAddKey", "--key-slot", "1"].map(OsStr::new).to_vec();
    arguments.extend(derivation(OWN_MEMORY).map(OsStr::new));
    arguments.push(device.as_os_str());
    // Without a key file it reads a line for each key; keys are one line by their type.
    let lines = zeroize::Zeroizing::new(format!("{}\n{}\n", recovery.reveal(), own.reveal()));
    opened(&call("cryptsetup", &arguments, Some(&lines), LONG)?)
}

/// Writes label and subsystem: from now on it is a volume.
pub(super) fn declare(device: &Path, label: &VolumeLabel) -> Result<()> {
    let arguments = ["config", "--label", label.as_str(), "--subsystem", SUBSYSTEM].map(OsStr::new);
    let arguments: Vec<&OsStr> = arguments.into_iter().chain([device.as_os_str()]).collect();
    ask("cryptsetup", &arguments, None, SHORT).map(drop)
}

/// Makes `/dev/mapper/NAME` of it. `Error::WrongKey`, `TooLittleMemory`, `VolumeDamaged`.
pub(super) fn open(device: &Path, key: &VolumeKey, name: &str, read_only: bool) -> Result<()> {
    let mut arguments = opening(key);
    if read_only {
        arguments.push("--readonly".into());
    }
    arguments.extend([device.as_os_str().to_owned(), name.into()]);
    opened(&call("cryptsetup", &arguments, Some(key.secret().reveal()), LONG)?)
}

/// Takes the mapping away. Nothing there is no error; `forced` also where the disk is gone and something still holds it.
pub(super) fn close(name: &str, forced: bool) -> Result<()> {
    if !Path::new("/dev/mapper").join(name).exists() {
        return Ok(());
    }
    if forced {
        // cryptsetup looks for the header, and dies of a signal where the disk is gone.
        return ask("dmsetup", &["remove", "--deferred", name], None, SHORT).map(drop);
    }
    let answer = call("cryptsetup", &["close", name], None, LONG)?;
    match answer.status {
        // 4: there is no such mapping.
        Some(0 | 4) => Ok(()),
        Some(5) => Err(Error::VolumeBusy),
        _ => Err(Error::ProgramFailed { program: "cryptsetup".to_owned(), detail: answer.detail() }),
    }
}

fn derivation(memory: &'static str) -> [&'static str; 8] {
    [
        "--pbkdf",
        "argon2id",
        "--pbkdf-memory",
        memory,
        "--pbkdf-force-iterations",
        ITERATIONS,
        "--pbkdf-parallel",
        THREADS,
    ]
}

fn opening(key: &VolumeKey) -> Vec<OsString> {
    let mut arguments = vec!["open".into(), "--type".into(), "luks2".into(), "--key-file=-".into()];
    if let VolumeKey::Own(_) = key {
        // Otherwise slot 0 is tried first, for seconds and 256 MiB.
        arguments.extend(["--key-slot".into(), "1".into()]);
    }
    arguments
}

fn has_slot(device: &Path, slot: u8) -> Result<bool> {
    let arguments = [OsStr::new("luksDump"), OsStr::new("--dump-json-metadata"), device.as_os_str()];
    let text = ask("cryptsetup", &arguments, None, SHORT)?;
    let header: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| Error::Unreadable { program: "cryptsetup".to_owned(), detail: error.to_string() })?;
    Ok(header.get("keyslots").and_then(|slots| slots.get(slot.to_string())).is_some())
}

/// cryptsetup's statuses: 1 wrong parameters, 2 no permission (the key), 3 memory, 4 wrong device, 5 in use.
fn opened(answer: &Answer) -> Result<()> {
    match answer.status {
        Some(0) => Ok(()),
        Some(2) => Err(Error::WrongKey),
        Some(3) => Err(Error::TooLittleMemory),
        Some(4) => Err(Error::VolumeDamaged { detail: answer.detail() }),
        Some(5) => Err(Error::VolumeBusy),
        // A header that is beyond repair is a wrong parameter to it.
        Some(1) if answer.stderr.contains("not a valid LUKS") => Err(Error::VolumeDamaged { detail: answer.detail() }),
        _ => Err(Error::ProgramFailed { program: "cryptsetup".to_owned(), detail: answer.detail() }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe;
    use super::*;
    use std::fs::File;
    use std::path::PathBuf;

    const RECOVERY: &str = "ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345";

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned()).unwrap()
    }

    fn own(digit: char) -> Secret {
        Secret::new(digit.to_string().repeat(64)).unwrap()
    }

    /// A file as large as a volume's header and a little.
    fn device(folder: &tempfile::TempDir) -> PathBuf {
        let path = folder.path().join("device");
        File::create(&path).unwrap().set_len(40 << 20).unwrap();
        path
    }

    /// Opening needs the kernel's device mapper; whether a key opens a header does not.
    fn fits(device: &Path, key: &VolumeKey) -> Result<()> {
        let mut arguments = opening(key);
        arguments.extend(["--test-passphrase".into(), device.as_os_str().to_owned()]);
        opened(&call("cryptsetup", &arguments, Some(key.secret().reveal()), LONG).unwrap())
    }

    fn dump(device: &Path) -> serde_json::Value {
        let arguments = [OsStr::new("luksDump"), OsStr::new("--dump-json-metadata"), device.as_os_str()];
        serde_json::from_str(&ask("cryptsetup", &arguments, None, SHORT).unwrap()).unwrap()
    }

    #[test]
    fn a_volume_opens_by_both_keys_on_a_board_with_little_memory() {
        let folder = tempfile::tempdir().unwrap();
        let device = device(&folder);
        let recovery = secret(RECOVERY);
        format(&device, Cipher::Aes, &recovery).unwrap();
        set_own_key(&device, &recovery, &own('1')).unwrap();
        assert_eq!(probe::volume(&device), None, "half made");
        declare(&device, &VolumeLabel::new(VolumeLabel::BACKUP).unwrap()).unwrap();

        let (id, label) = probe::volume(&device).unwrap();
        let uuid = ask("cryptsetup", &[OsStr::new("luksUUID"), device.as_os_str()], None, SHORT).unwrap();
        assert_eq!((id.0.as_str(), label.as_str()), (uuid.trim(), "hearth-backup"));

        fits(&device, &VolumeKey::Recovery(recovery.clone())).unwrap();
        fits(&device, &VolumeKey::Own(own('1'))).unwrap();
        let wrong = secret("ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2346");
        assert_eq!(fits(&device, &VolumeKey::Recovery(wrong)).unwrap_err().code(), "wrong_recovery_key");
        assert_eq!(fits(&device, &VolumeKey::Own(recovery.clone())).unwrap_err().code(), "wrong_recovery_key");

        let header = dump(&device);
        assert_eq!(header["segments"]["0"]["encryption"], "aes-xts-plain64");
        assert_eq!(header["segments"]["0"]["sector_size"], 4096);
        for (slot, memory) in [("0", 262_144), ("1", 65_536)] {
            let slot = &header["keyslots"][slot];
            assert_eq!(slot["key_size"], 64);
            assert_eq!(slot["kdf"]["type"], "argon2id");
            assert_eq!(slot["kdf"]["time"], 4);
            assert_eq!(slot["kdf"]["memory"], memory);
            assert_eq!(slot["area"]["encryption"], "aes-xts-plain64");
        }
        assert_eq!(header["keyslots"].as_object().unwrap().len(), 2);

        // What a person types at another machine's prompt ends at the line's end.
        let arguments = [OsStr::new("open"), OsStr::new("--test-passphrase"), device.as_os_str()];
        let typed = call("cryptsetup", &arguments, Some(&format!("{RECOVERY}\n")), LONG).unwrap();
        assert_eq!(typed.status, Some(0), "{}", typed.stderr);

        // Another box takes it over.
        set_own_key(&device, &recovery, &own('2')).unwrap();
        fits(&device, &VolumeKey::Own(own('2'))).unwrap();
        assert_eq!(fits(&device, &VolumeKey::Own(own('1'))).unwrap_err().code(), "wrong_recovery_key");
        assert_eq!(set_own_key(&device, &own('1'), &own('3')).unwrap_err().code(), "wrong_recovery_key");
        fits(&device, &VolumeKey::Own(own('2'))).unwrap();
    }

    /// cryptsetup tries a cipher out before it writes a header with it, which needs a kernel that has it; whether it would accept
    /// the arguments does not. `on_a_box.rs` makes volumes with both where there is such a kernel.
    #[test]
    fn both_ciphers_are_asked_for_in_words_that_cryptsetup_knows() {
        for (cipher, name) in [(Cipher::Aes, "aes-xts-plain64"), (Cipher::Adiantum, "xchacha12,aes-adiantum-plain64")] {
            let mut arguments = formatting(Path::new("/nonexistent"), cipher);
            assert!(arguments.contains(&OsStr::new(name)));
            arguments.push(OsStr::new("--test-args"));
            let answer = call("cryptsetup", &arguments, Some("x"), SHORT).unwrap();
            assert_eq!(answer.status, Some(0), "{}", answer.stderr);
        }
    }

    #[test]
    fn what_is_no_volume_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let error = fits(&device(&folder), &VolumeKey::Recovery(secret(RECOVERY))).unwrap_err();
        assert_eq!(error.code(), "volume_damaged", "{error:?}");
    }

    #[test]
    fn processors() {
        let pi4 = "processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 cpuid\n\nprocessor\t: 1\nFeatures\t: fp asimd evtstrm crc32 cpuid\n";
        let pi5 = "processor\t: 0\nFeatures\t: fp asimd aes pmull sha1 sha2\n";
        let pc = "flags\t\t: fpu vme aes avx\n";
        assert_eq!(Cipher::fitting(pi4), Cipher::Adiantum);
        assert_eq!(Cipher::fitting(pi5), Cipher::Aes);
        assert_eq!(Cipher::fitting(pc), Cipher::Aes);
        assert_eq!(Cipher::fitting(&format!("{pi5}\n{pi4}")), Cipher::Adiantum);
        assert_eq!(Cipher::fitting("flags : vaes aesni"), Cipher::Adiantum);
        assert_eq!(Cipher::fitting(""), Cipher::Adiantum);
    }
}
