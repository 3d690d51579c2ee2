//! The folder that a server reads, cut at every moment.

use hearth_certificates::{Authority, Folder, Hosts, Pair};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use tempfile::TempDir;

const NOW: u64 = 1_790_000_000_000;

fn pairs<const N: usize>(root: &Path) -> [Pair; N] {
    let (authority, _) = Authority::open(&root.join("authority"), NOW).unwrap();
    let hosts = Hosts { names: vec!["hearth.local".to_owned()], addresses: Vec::new() };
    [(); N].map(|()| authority.issue(&hosts, NOW).unwrap())
}

fn current(folder: &Folder) -> [u8; 32] {
    folder.current().unwrap().unwrap().fingerprint()
}

#[test]
fn the_old_one_is_kept_until_the_new_one_has_served() {
    let root = TempDir::new().unwrap();
    let [one, two, three] = pairs(root.path());
    let folder = Folder::new(root.path().join("tls"), None);
    assert!(folder.current().unwrap().is_none());
    folder.install(&one).unwrap();
    assert!(folder.previous().unwrap().is_none());
    assert!(!folder.roll_back().unwrap());
    folder.install(&two).unwrap();
    // The second never served, so the first is what one goes back to.
    folder.install(&three).unwrap();
    assert_eq!(current(&folder), three.fingerprint());
    assert!(folder.roll_back().unwrap());
    assert_eq!(current(&folder), one.fingerprint());
    folder.install(&two).unwrap();
    folder.confirm().unwrap();
    assert!(folder.previous().unwrap().is_none());
    assert_eq!(current(&folder), two.fingerprint());
    let mode = fs::metadata(folder.path().join("key.pem")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

/// Every state that a power cut can leave while `two` takes the place of `one`.
#[test]
fn a_cut_leaves_one_or_the_other() {
    let root = TempDir::new().unwrap();
    let [one, two] = pairs(root.path());
    type State = fn(&Path, &Pair);
    let states: [(State, bool); 5] = [
        (|folder, _| fs::create_dir(folder.join("next")).unwrap(), false),
        (
            |folder, two| {
                fs::create_dir(folder.join("next")).unwrap();
                fs::write(folder.join("next/key.pem"), two.key_pem()).unwrap();
            },
            false,
        ),
        (|folder, two| two.write(&folder.join("next"), None).unwrap(), false),
        // The key has moved, the certificate has not.
        (
            |folder, two| {
                two.write(&folder.join("next"), None).unwrap();
                fs::rename(folder.join("next/key.pem"), folder.join("key.pem")).unwrap();
            },
            true,
        ),
        (
            |folder, two| {
                two.write(folder, None).unwrap();
                fs::create_dir(folder.join("next")).unwrap();
            },
            true,
        ),
    ];
    for (number, (cut, is_new)) in states.into_iter().enumerate() {
        let folder = Folder::new(root.path().join(format!("tls-{number}")), None);
        folder.install(&one).unwrap();
        cut(folder.path(), &two);
        folder.recover().unwrap();
        let expected = if is_new { &two } else { &one };
        assert_eq!(current(&folder), expected.fingerprint(), "{number}");
        assert!(!folder.path().join("next").exists(), "{number}");
        folder.recover().unwrap();
    }
}

#[test]
fn what_can_not_be_ended_goes_back_to_the_previous() {
    let root = TempDir::new().unwrap();
    let [one, two] = pairs(root.path());
    let folder = Folder::new(root.path().join("tls"), None);
    folder.install(&one).unwrap();
    folder.install(&two).unwrap();
    fs::create_dir(folder.path().join("next")).unwrap();
    fs::write(folder.path().join("key.pem"), "torn").unwrap();
    folder.recover().unwrap();
    assert_eq!(current(&folder), one.fingerprint());
}
