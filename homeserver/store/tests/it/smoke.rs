//! The whole face of the store, used once as the homeserver uses it.

use hearth_store::{Options, Read, Store, StoreError, StreamPos, Table};
use std::ops::Bound;

const T: Table<(String, StreamPos), String> = Table::new("T");
const U: Table<u64, ()> = Table::new("U");

#[tokio::test]
async fn everything_once() -> Result<(), StoreError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hearth.db");
    let store = Store::open(&path, Options::default()).unwrap();
    let pos = store
        .change(|change| {
            let pos = change.next_pos();
            change.put(T, ("alice", pos), &"one".to_owned())?;
            change.put(U, 3, &())?;
            assert_eq!(change.get(T, ("alice", pos))?.as_deref(), Some("one"));
            Ok::<_, StoreError>(pos)
        })
        .await?;
    let snapshot = store.snapshot()?;
    assert_eq!(snapshot.pos(), pos);
    assert_eq!(snapshot.last(T, ("alice",))?, Some((("alice".to_owned(), pos), "one".to_owned())));
    assert_eq!(snapshot.range(U, 1..)?.count(), 1);
    let name = "alice".to_owned();
    assert_eq!(snapshot.range_in(T, (&name,), (Bound::Excluded(pos), Bound::Unbounded))?.count(), 0);
    assert_eq!(snapshot.prefix(T, ())?.count(), 1);
    assert!(snapshot.contains(U, 3)?);
    store.close();
    let again = Store::open(&path, Options::default()).unwrap();
    assert!(again.snapshot()?.get(T, (name, pos))?.is_some());
    assert!(again.durable_pos() >= pos);
    Ok(())
}
