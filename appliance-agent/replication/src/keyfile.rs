//! restic's key files: the repository's master key, encrypted by a password.
//!
//! rustic_core would write them with 128 MiB of scrypt, which a board with 1 GiB pays at every replica. Both passwords here are random (140 and 256
//! bits), so that stretching adds nothing to them; 16 MiB are what restic itself takes on small machines.

use crate::{Error, Key, Result, cipher::Cipher, disk::Disk};
use rustic_core::{
    FileType, Id, ReadBackend as _, WriteBackend as _,
    repofile::{KeyFile, MasterKey},
};
use zeroize::Zeroizing;

/// scrypt's cost: 128 · N · r bytes, 16 MiB.
const N: u32 = 1 << 14;
const R: u32 = 8;
const P: u32 = 1;
/// What somebody else's key file may ask for: restic's largest is 1 GiB on machines that have it, which a board does not.
const MOST_MEMORY: u64 = 256 << 20;

/// What the key files of boxes call themselves.
const BOX: &str = "box";

/// Writes a key file for `key`, and gives its name.
pub(crate) fn add(disk: &Disk, master: &MasterKey, key: Key<'_>) -> Result<Id> {
    let too_odd = || disk.explain("a key can't be written");
    let username = match key {
        Key::Recovery(_) => "recovery key",
        Key::Box(_) => BOX,
    };
    let mut file = KeyFile {
        hostname: Some("hearth".to_owned()),
        username: Some(username.to_owned()),
        created: None,
        kdf: "scrypt".to_owned(),
        n: N,
        r: R,
        p: P,
        data: Vec::new(),
        // 64 bytes as restic's, of which the 256 bits are random.
        salt: Id::random().to_hex().as_str().as_bytes().to_vec(),
    };
    let derived = file.kdf_key(&key.password().as_str()).map_err(|_| too_odd())?;
    let (encrypt, k, r) = derived.to_keys();
    let text = Zeroizing::new(serde_json::to_vec(master).map_err(|_| too_odd())?);
    file.data = Cipher::new(&encrypt, &k, &r).and_then(|cipher| cipher.encrypt(&text)).ok_or_else(too_odd)?;
    let bytes = serde_json::to_vec(&file).map_err(|_| too_odd())?;
    let id = crate::cipher::hash(&bytes).ok_or_else(too_odd)?;
    disk.write_bytes(FileType::Key, &id, false, bytes.into()).map_err(|_| too_odd())?;
    Ok(id)
}

/// Removes the key files of boxes, but for this one.
pub(crate) fn remove_boxes(disk: &Disk, but: &Id) -> Result<()> {
    let failed = |_| disk.explain("a former box's key can't be removed");
    for id in disk.list(FileType::Key).map_err(failed)? {
        let file = disk.read_full(FileType::Key, &id).map_err(failed)?;
        // What is not understood was not written by a box.
        if id != *but && parse(&file).is_some_and(|file| file.username.as_deref() == Some(BOX)) {
            disk.remove(FileType::Key, &id, false).map_err(failed)?;
        }
    }
    Ok(())
}

/// The master key, by the first key file that `key` opens.
pub(crate) fn find(disk: &Disk, key: Key<'_>) -> Result<MasterKey> {
    let password = key.password();
    let ids = disk.list(FileType::Key).map_err(|_| disk.explain("its keys can't be listed"))?;
    let (mut readable, mut damaged) = (0, None);
    for id in ids {
        let name = id.to_hex();
        let bytes = disk.read_full(FileType::Key, &id).map_err(|_| disk.explain("a key can't be read"))?;
        let Some(file) = parse(&bytes) else {
            damaged = Some(format!("the key file {} is not understood", name.as_str()));
            continue;
        };
        readable += 1;
        // Anything but success is a password that doesn't fit: the cipher can't tell more.
        if let Ok(found) = file.key_from_password(&password.as_str()) {
            let (encrypt, k, r) = found.to_keys();
            let mut master = MasterKey::new();
            (master.encrypt, master.mac.k, master.mac.r) = (encrypt, k, r);
            return Ok(master);
        }
    }
    match (readable, damaged) {
        (0, Some(words)) => Err(Error::Damaged(words)),
        (0, None) => Err(Error::Damaged("it has no keys".to_owned())),
        _ => Err(Error::WrongKey),
    }
}

/// A key file whose demands can be met.
fn parse(bytes: &[u8]) -> Option<KeyFile> {
    let file: KeyFile = serde_json::from_slice(bytes).ok()?;
    let memory = u64::from(file.n).saturating_mul(128).saturating_mul(file.r.into());
    let known = file.kdf == "scrypt"
        && file.n.is_power_of_two()
        && file.n > 1
        && (1..=64).contains(&file.r)
        && (1..=16).contains(&file.p);
    (known && memory <= MOST_MEMORY).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_key_file_that_asks_for_too_much_is_not_followed() {
        let file = |n: u64, r: u64| format!(r#"{{"kdf":"scrypt","N":{n},"r":{r},"p":1,"data":"AA==","salt":"AA=="}}"#);
        assert!(parse(file(32_768, 8).as_bytes()).is_some());
        for (n, r) in [(0, 8), (1, 8), (3, 8), (1 << 20, 8), (1 << 31, 1 << 31), (2, 0)] {
            assert!(parse(file(n, r).as_bytes()).is_none(), "{n} {r}");
        }
        assert!(parse(b"{}").is_none());
    }
}
