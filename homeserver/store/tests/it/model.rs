//! Random work against a plain map: what a change reads of itself, and what remains of it.

use hearth_store::{Change, Options, Read, Store, StoreError, Table};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound;

type K = (u8, String);
const ROWS: Table<K, u64> = Table::new("MODEL");
/// Neighbours that must never show up in the other table's ranges.
const BEFORE: Table<K, u64> = Table::new("MODEL_A");
const BEHIND: Table<K, u64> = Table::new("MODEL_B");
type Model = BTreeMap<K, u64>;

#[derive(Debug, Clone)]
enum Step {
    Put(K, u64),
    Delete(K),
    DeletePrefix(u8),
    Get(K),
    Prefix(u8, Vec<bool>),
    Range(Bound<K>, Bound<K>, Vec<bool>),
    RangeIn(u8, Bound<String>, Bound<String>, Vec<bool>),
}

fn key() -> impl Strategy<Value = K> {
    (0..4_u8, word())
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "\0", "a", "a\0", "aa", "ab", "b", "\u{1}", "ba", "c"]).prop_map(str::to_owned)
}

fn bound<T: std::fmt::Debug + Clone>(of: impl Strategy<Value = T> + Clone) -> impl Strategy<Value = Bound<T>> {
    prop_oneof![of.clone().prop_map(Bound::Included), of.prop_map(Bound::Excluded), Just(Bound::Unbounded)]
}

/// From which side to take the next row.
fn sides() -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(any::<bool>(), 0..48)
}

fn step() -> impl Strategy<Value = Step> {
    let key = || key().boxed();
    let word = || word().boxed();
    prop_oneof![
        6 => (key(), any::<u64>()).prop_map(|(key, value)| Step::Put(key, value)),
        3 => key().prop_map(Step::Delete),
        1 => (0..4_u8).prop_map(Step::DeletePrefix),
        2 => key().prop_map(Step::Get),
        2 => (0..4_u8, sides()).prop_map(|(first, sides)| Step::Prefix(first, sides)),
        2 => (bound(key()), bound(key()), sides()).prop_map(|(from, to, sides)| Step::Range(from, to, sides)),
        2 => (0..4_u8, bound(word()), bound(word()), sides()).prop_map(|(first, from, to, sides)| Step::RangeIn(first, from, to, sides)),
    ]
}

/// Takes rows from the ends as the sides say, and the rest from the front.
fn drain<I: DoubleEndedIterator>(mut rows: I, sides: &[bool]) -> Vec<I::Item> {
    let mut taken = Vec::new();
    for &front in sides {
        taken.extend(if front { rows.next() } else { rows.next_back() });
    }
    taken.extend(rows);
    taken
}

fn in_bounds(model: &Model, from: &Bound<K>, to: &Bound<K>) -> Vec<(K, u64)> {
    // Filtering, unlike BTreeMap::range, has an answer for bounds in the wrong order.
    let bounds = (from.clone(), to.clone());
    model
        .iter()
        .filter(|(key, _)| std::ops::RangeBounds::contains(&bounds, *key))
        .map(|(key, value)| (key.clone(), *value))
        .collect()
}

fn compare(read: &impl Read, model: &Model, step: &Step) -> Result<(), StoreError> {
    match step {
        Step::Get(key) => {
            assert_eq!(read.get(ROWS, key)?, model.get(key).copied());
            assert_eq!(read.contains(ROWS, (key.0, key.1.as_str()))?, model.contains_key(key));
        }
        Step::Prefix(first, sides) => {
            let expected: Vec<_> =
                model.iter().filter(|(key, _)| key.0 == *first).map(|(key, value)| (key.clone(), *value)).collect();
            assert_eq!(read.first(ROWS, (first,))?, expected.first().cloned());
            assert_eq!(read.last(ROWS, (first,))?, expected.last().cloned());
            let found = drain(read.prefix(ROWS, (first,))?.map(Result::unwrap), sides);
            assert_eq!(found, drain(expected.into_iter(), sides));
        }
        Step::Range(from, to, sides) => {
            let found = drain(read.range(ROWS, (from.clone(), to.clone()))?.map(Result::unwrap), sides);
            assert_eq!(found, drain(in_bounds(model, from, to).into_iter(), sides));
        }
        Step::RangeIn(first, from, to, sides) => {
            let found = drain(read.range_in(ROWS, (first,), (from.clone(), to.clone()))?.map(Result::unwrap), sides);
            let expected = model.iter().filter(|(key, _)| {
                key.0 == *first && std::ops::RangeBounds::contains(&(from.clone(), to.clone()), &key.1)
            });
            assert_eq!(
                found,
                drain(expected.map(|(key, value)| (key.clone(), *value)).collect::<Vec<_>>().into_iter(), sides)
            );
        }
        Step::Put(..) | Step::Delete(_) | Step::DeletePrefix(_) => {}
    }
    Ok(())
}

fn perform(change: &mut Change<'_>, model: &mut Model, step: &Step) -> Result<(), StoreError> {
    match step {
        Step::Put(key, value) => {
            change.put(ROWS, key, value)?;
            model.insert(key.clone(), *value);
        }
        Step::Delete(key) => assert_eq!(change.delete(ROWS, key)?, model.remove(key).is_some()),
        Step::DeletePrefix(first) => {
            let before = model.len();
            model.retain(|key, _| key.0 != *first);
            assert_eq!(change.delete_prefix(ROWS, (first,))?, (before - model.len()) as u64);
        }
        _ => compare(change, model, step)?,
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn a_change_and_a_map_agree(changes in prop::collection::vec((prop::collection::vec(step(), 0..40), any::<bool>()), 1..5)) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
        store.change_blocking(|change| {
            for table in [BEFORE, BEHIND] {
                change.put(table, (0, ""), &0)?;
                change.put(table, (255, "z"), &0)?;
            }
            Ok::<_, StoreError>(())
        }).unwrap();
        let mut model = Model::new();
        for (steps, keep) in changes {
            let before = model.clone();
            let mut within = model.clone();
            let work = steps.clone();
            let done = store.change_blocking(move |change| {
                for step in &work {
                    perform(change, &mut within, step)?;
                }
                if keep { Ok(within) } else { Err(StoreError::Unencodable("on purpose".into())) }
            });
            model = match done {
                Ok(within) => within,
                Err(error) => { assert!(!keep, "{error}"); before }
            };
            let snapshot = store.snapshot().unwrap();
            for step in &steps {
                compare(&snapshot, &model, step).unwrap();
            }
            let all: Vec<_> = snapshot.prefix(ROWS, ()).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(all, model.clone().into_iter().collect::<Vec<_>>());
        }
    }
}
