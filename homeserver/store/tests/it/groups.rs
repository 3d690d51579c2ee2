//! Changes that share a commit: order, isolation of failures, hooks, dropped futures.

use hearth_store::tables::{TableVisitor, visit_all};
use hearth_store::{Key, Options, Read, Store, StoreError, Table, Value};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

const ROWS: Table<u64, u64> = Table::new("GROUPS");

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
    (folder, store)
}

/// Holds the writer's thread until told, so that what is asked for meanwhile makes one group.
fn hold(store: &Store) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel::<()>();
    let (began, begun) = mpsc::channel();
    let store = store.clone();
    std::thread::spawn(move || {
        store.change_blocking(move |_| {
            began.send(()).unwrap();
            let _ = wait.recv();
            Ok::<_, StoreError>(())
        })
    });
    begun.recv().unwrap();
    go
}

#[tokio::test]
async fn a_failure_or_a_panic_leaves_nothing_and_spares_the_others() {
    let (_folder, store) = store();
    let go = hold(&store);
    let changes: Vec<_> = (0..30_u64)
        .map(|number| {
            let store = store.clone();
            let hooks = Arc::new(AtomicBool::new(false));
            let hook = hooks.clone();
            let task = tokio::spawn(async move {
                store
                    .change(move |change| {
                        change.put(ROWS, number, &number)?;
                        change.put(ROWS, 1_000, &number)?;
                        change.on_commit(move || hook.store(true, Ordering::SeqCst));
                        match number % 3 {
                            0 => Ok(number),
                            1 => Err(StoreError::Unencodable("on purpose".into())),
                            _ => panic!("on purpose too"),
                        }
                    })
                    .await
            });
            (number, hooks, task)
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    go.send(()).unwrap();
    for (number, hook, task) in changes {
        let result = task.await.unwrap();
        match number % 3 {
            0 => assert_eq!(result.unwrap(), number),
            1 => assert!(matches!(result, Err(StoreError::Unencodable(_)))),
            _ => assert!(matches!(result, Err(StoreError::Panicked(words)) if words == "on purpose too")),
        }
        assert_eq!(hook.load(Ordering::SeqCst), number % 3 == 0);
        assert_eq!(store.snapshot().unwrap().contains(ROWS, number).unwrap(), number % 3 == 0);
    }
    assert_eq!(store.snapshot().unwrap().get(ROWS, 1_000).unwrap().unwrap() % 3, 0);
}

#[test]
fn changes_see_those_before_them_and_hooks_run_in_order_before_the_answer() {
    let (_folder, store) = store();
    let order = Arc::new(Mutex::new(Vec::new()));
    let go = hold(&store);
    let threads: Vec<_> = (1..=100_u64)
        .map(|_| {
            let (store, order) = (store.clone(), order.clone());
            std::thread::spawn(move || {
                let heard = order.clone();
                let reader = store.clone();
                let mine = store
                    .change_blocking(move |change| {
                        let next = change.get(ROWS, 0)?.unwrap_or(0) + 1;
                        change.put(ROWS, 0, &next)?;
                        let pos = change.next_pos();
                        change.on_commit(move || {
                            // Durable and visible by now.
                            assert!(reader.durable_pos() >= pos);
                            assert!(reader.snapshot().unwrap().get(ROWS, 0).unwrap().unwrap() >= next);
                            heard.lock().unwrap().push(next);
                        });
                        Ok::<_, StoreError>(next)
                    })
                    .unwrap();
                assert!(order.lock().unwrap().contains(&mine));
            })
        })
        .collect();
    go.send(()).unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*order.lock().unwrap(), (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_dropped_future_loses_neither_its_commit_nor_its_hooks() {
    let (_folder, store) = store();
    let go = hold(&store);
    let (told, tell) = mpsc::channel();
    let writer = store.clone();
    let task = tokio::spawn(async move {
        writer
            .change(move |change| {
                change.put(ROWS, 7, &7)?;
                change.on_commit(move || told.send(()).unwrap());
                Ok::<_, StoreError>(())
            })
            .await
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    tokio::task::spawn_blocking(move || tell.recv_timeout(Duration::from_secs(10)).unwrap()).await.unwrap();
    assert_eq!(store.snapshot().unwrap().get(ROWS, 7).unwrap(), Some(7));
}

#[test]
fn a_panicking_hook_harms_nobody() {
    let (_folder, store) = store();
    let change = |number: u64| {
        store.change_blocking(move |change| {
            change.on_commit(|| panic!("on purpose"));
            change.put(ROWS, number, &number)
        })
    };
    change(1).unwrap();
    change(2).unwrap();
    assert_eq!(store.snapshot().unwrap().prefix(ROWS, ()).unwrap().count(), 2);
}

#[test]
fn a_hook_that_would_wait_for_itself_is_refused() {
    let (_folder, store) = store();
    let (told, tell) = mpsc::channel();
    let inner = store.clone();
    store
        .change_blocking(move |change| {
            change.on_commit(move || told.send(inner.change_blocking(|_| Ok::<_, StoreError>(()))).unwrap());
            change.put(ROWS, 1, &1)
        })
        .unwrap();
    assert!(matches!(tell.recv().unwrap(), Err(StoreError::InsideHook)));
}

#[test]
fn closing_finishes_what_waits_and_refuses_the_rest() {
    let (folder, store) = store();
    let go = hold(&store);
    let waiting: Vec<_> = (0..20_u64)
        .map(|number| {
            let store = store.clone();
            std::thread::spawn(move || store.change_blocking(move |change| change.put(ROWS, number, &number)))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    let other = store.clone();
    let held = store.snapshot().unwrap();
    let closing = std::thread::spawn(move || store.close());
    std::thread::sleep(Duration::from_millis(50));
    assert!(matches!(other.change_blocking(|change| change.put(ROWS, 99, &99)), Err(StoreError::Closed)));
    go.send(()).unwrap();
    closing.join().unwrap();
    waiting.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    assert!(matches!(other.snapshot(), Err(StoreError::Closed)));
    let _ = held.get(ROWS, 1);
    let again = Store::open(&folder.path().join("db"), Options { verify: true, ..Options::default() }).unwrap();
    assert_eq!(again.snapshot().unwrap().prefix(ROWS, ()).unwrap().count(), 20);
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let (_folder, store) = store();
    store.change_blocking(|change| change.put(ROWS, 1, &1)).unwrap();
    let before = store.snapshot().unwrap();
    let pos = store
        .change_blocking(|change| {
            change.put(ROWS, 1, &2)?;
            change.put(ROWS, 2, &2)?;
            Ok::<_, StoreError>(change.next_pos())
        })
        .unwrap();
    assert_eq!(before.get(ROWS, 1).unwrap(), Some(1));
    assert_eq!(before.prefix(ROWS, ()).unwrap().count(), 1);
    assert!(before.pos() < pos);
    assert_eq!(store.snapshot().unwrap().pos(), pos);
}

#[test]
fn positions_go_on_after_a_crash_even_where_no_row_tells_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut last = hearth_store::StreamPos::ZERO;
    for _ in 0..3 {
        let store = Store::open(&path, Options::default()).unwrap();
        for _ in 0..3 {
            let pos = store.change_blocking(|change| Ok::<_, StoreError>(change.next_pos())).unwrap();
            assert!(pos > last);
            last = pos;
        }
        let failed = store.change_blocking(|change| {
            change.next_pos();
            Err::<(), _>(StoreError::Unencodable("on purpose".into()))
        });
        failed.unwrap_err();
        // What a kill leaves: a copy of the file while it is open.
        let copy = folder.path().join("copy");
        std::fs::copy(&path, &copy).unwrap();
        drop(store);
        std::fs::rename(&copy, &path).unwrap();
    }
}

#[test]
fn no_two_tables_have_the_same_number() {
    struct Numbers(BTreeMap<[u8; 2], &'static str>);
    impl TableVisitor for Numbers {
        type Error = Infallible;
        fn table<K: Key, V: Value>(&mut self, table: Table<K, V>) -> Result<(), Infallible> {
            let other = self.0.insert(table.number(), table.name());
            assert_eq!(other, None, "{} and {other:?} share a number: rename one", table.name());
            Ok(())
        }
    }
    visit_all(&mut Numbers(BTreeMap::new())).unwrap();
}
