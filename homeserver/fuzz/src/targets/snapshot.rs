//! Snapshots, as a damaged or a foreign disk might hold them.

use hearth_store::{
    Options, Store, StoreError,
    dump::verify,
    records::RegistrationTokenRecord,
    tables::{self, REGISTRATION_TOKENS},
};

/// Tries one input.
pub fn run(data: &[u8]) {
    let (mut rows, mut tokens) = (0, 0);
    let verified = verify(data, |row| {
        rows += 1;
        if row.is_of(REGISTRATION_TOKENS) {
            tokens += usize::from(row.of(REGISTRATION_TOKENS).is_ok_and(|row| row.is_some()));
        }
        Ok(())
    });
    match verified {
        Ok(contents) => {
            assert_eq!((contents.rows, contents.bytes), (rows, data.len() as u64));
            assert!(tokens as u64 <= rows);
        }
        Err(error) => assert!(error.to_string().ends_with('.'), "no words for the owner: {error}"),
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
    let work = |change: &mut hearth_store::Change<'_>| {
        for name in ["a", "b", ""] {
            let record = RegistrationTokenRecord { uses_allowed: None, completed: 0, expires_at: Some(7) };
            change.put(REGISTRATION_TOKENS, name, &record)?;
            change.put(tables::SECRETS, name, &vec![1, 2, 3])?;
        }
        Ok::<_, StoreError>(())
    };
    store.change_blocking(work).unwrap();
    let mut whole = Vec::new();
    store.snapshot().unwrap().dump(&mut whole, |_, _| Ok(())).unwrap();
    store.close();
    let cut = whole[..whole.len() / 2].to_vec();
    vec![whole, cut, b"Hearth snapshot\n\0\0\0\x02".to_vec(), b"SQLite format 3".to_vec()]
}
