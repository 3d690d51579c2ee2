//! The database's file, damaged: the check finds it, or finds every row sound, and changes nothing.
//!
//! The input is a list of patches to a good file: where (three bytes), how many bytes, and these. The last may be cut short.

use hearth_store::{Options, Store, StoreError, check, records::RegistrationTokenRecord, tables};
use std::{
    cell::{Cell, OnceCell},
    fs, panic,
    sync::Once,
};

thread_local! {
    static GOOD: OnceCell<Vec<u8>> = const { OnceCell::new() };
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Tries one input.
pub fn run(data: &[u8]) {
    let mut bytes = GOOD.with(|good| good.get_or_init(good_file).clone());
    let mut rest = data;
    while let [a, b, c, length, behind @ ..] = rest {
        let at = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let (patch, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        for (offset, byte) in patch.iter().enumerate() {
            let place = (at + offset) % bytes.len();
            bytes[place] = *byte;
        }
        rest = behind;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    fs::write(&path, &bytes).unwrap();
    // redb panics on some damage. The store catches that; libFuzzer's hook would not let it.
    let report = quietly(|| check(&path, &Options::default()));
    if let Err(error) = report {
        assert!(!error.to_string().is_empty());
    }
    assert!(fs::read(&path).unwrap() == bytes, "the check has changed the file");
}

/// Runs something whose panics are caught inside it, without the panic hook being told.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                hook(panic);
            }
        }));
    });
    EXPECTED.set(true);
    let result = work();
    EXPECTED.set(false);
    result
}

fn good_file() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::open(&path, Options::default()).unwrap();
    for number in 0..50_u64 {
        let work = move |change: &mut hearth_store::Change<'_>| {
            let record = RegistrationTokenRecord { uses_allowed: Some(number), completed: 0, expires_at: None };
            change.put(tables::REGISTRATION_TOKENS, format!("token {number}").as_str(), &record)?;
            Ok::<_, StoreError>(())
        };
        store.change_blocking(work).unwrap();
    }
    store.close();
    fs::read(&path).unwrap()
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new(), vec![0, 0, 0, 4, 0, 0, 0, 0], vec![0, 0, 9, 2, 0xff, 0xff]];
    for page in [0_u8, 0x10, 0x20, 0x30, 0x40] {
        seeds.push([&[0, page, 0, 8][..], &[0xff; 8], &[0, page, 64, 8][..], &[0; 8]].concat());
    }
    seeds
}
