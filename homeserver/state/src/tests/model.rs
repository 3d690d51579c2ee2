//! The trie against a plain map.

use std::collections::{BTreeSet, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Difference, Entry, Overlay, TypeFilter, insert, reachable, remove, verify};

/// Few types and keys, so that changes meet; long keys, so that leaves fill; collisions of every length.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0_u32..40).prop_map(|number| format!("@user{number}:example.org")),
        3 => (0_u32..6).prop_map(|number| format!("=a1b2={}{number}", "long".repeat(60))),
        2 => (0_u32..8).prop_map(|number| format!("={}={}{number}", "f".repeat(32), "x".repeat(200))),
        1 => "[=\\x00-\\xff]{0,12}",
        1 => Just(String::new()),
    ]
}

fn event_type() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("m.room.member".to_owned()),
        2 => prop::sample::select(vec!["m.room.name", "m.room.topic", "m.space.child"]).prop_map(str::to_owned),
        2 => name(),
    ]
}

type Change = ((String, String), Option<u64>);

fn change() -> impl Strategy<Value = Change> {
    let value = prop_oneof![4 => any::<u64>().prop_map(Some), 2 => (0_u64..3).prop_map(Some), 3 => Just(None)];
    ((event_type(), name()), value)
}

/// Batches of changes, one after the other.
fn history() -> impl Strategy<Value = Vec<Vec<Change>>> {
    vec(prop_oneof![3 => vec(change(), 1..4), 1 => vec(change(), 0..150)], 1..12)
}

fn change_model(model: &mut Model, changes: &[Change]) {
    for (key, value) in changes {
        match value {
            Some(value) => model.insert(key.clone(), *value),
            None => model.remove(key),
        };
    }
}

fn change_trie(nodes: &mut impl WriteNodes<Error = Infallible>, root: NodeId, changes: &[Change]) -> NodeId {
    apply(nodes, root, changes.iter().map(|((event_type, key), value)| (event_type, key, *value))).unwrap()
}

/// The difference as the definition says it.
fn plain_diff(old: &Model, new: &Model) -> Vec<Difference> {
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let differences = keys.into_iter().map(|key| Difference {
        event_type: Arc::from(key.0.as_str()),
        state_key: key.1.clone(),
        old: old.get(key).copied(),
        new: new.get(key).copied(),
    });
    differences.filter(|difference| difference.old != difference.new).collect()
}

fn sorted<T: Ord>(items: impl Iterator<Item = Result<T, crate::Error<Infallible>>>) -> Vec<T> {
    let mut items: Vec<_> = items.map(Result::unwrap).collect();
    items.sort();
    items
}

/// Asks everything of a state that can be asked, and compares.
fn check(nodes: &MemoryNodes, root: NodeId, model: &Model) {
    let state = State::at(nodes, root);
    assert_eq!(state.len().unwrap(), model.len() as u64);
    assert_eq!(state.is_empty(), model.is_empty());
    assert_eq!(contents(nodes, root), *model);
    assert_eq!(state.iter().count(), model.len(), "an entry came twice");
    assert_eq!(verify(nodes, root).unwrap().entries, model.len() as u64);
    for ((event_type, key), value) in model {
        assert_eq!(state.get(event_type, key).unwrap(), Some(*value));
        let other = (event_type.clone(), format!("{key}?"));
        assert_eq!(state.get(event_type, &other.1).unwrap(), model.get(&other).copied());
    }
    let types: BTreeSet<_> = model.keys().map(|(event_type, _)| event_type.as_str()).collect();
    for wanted in types.into_iter().take(6).chain(["m.room.member", "", "=ffff=nobody"]) {
        let of_type = |(key, value): (&(String, String), &u64)| Entry {
            event_type: key.0.as_str().into(),
            state_key: key.1.clone(),
            value: *value,
        };
        let (only, except): (Vec<_>, Vec<_>) = model.iter().partition(|((event_type, _), _)| event_type == wanted);
        assert_eq!(state.len_of_type(wanted).unwrap(), only.len() as u64);
        assert_eq!(sorted(state.iter_type(wanted)), only.into_iter().map(of_type).collect::<Vec<_>>());
        assert_eq!(sorted(state.iter_except_type(wanted)), except.into_iter().map(of_type).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_history_gives_what_a_map_gives(history in history()) {
        let mut nodes = MemoryNodes::new();
        let (mut root, mut model) = (NodeId::EMPTY, Model::new());
        for changes in &history {
            let before = (root, model.clone());
            root = change_trie(&mut nodes, root, changes);
            change_model(&mut model, changes);
            check(&nodes, root, &model);
            // The old version is still there, and the two differ as the maps do.
            prop_assert_eq!(&contents(&nodes, before.0), &before.1);
            prop_assert_eq!(sorted(State::at(&nodes, before.0).diff(root)), plain_diff(&before.1, &model));
        }
    }

    #[test]
    fn equal_maps_have_equal_roots(history in history(), seed in any::<u64>()) {
        let mut nodes = MemoryNodes::new();
        let (mut root, mut model) = (NodeId::EMPTY, Model::new());
        for changes in &history {
            root = change_trie(&mut nodes, root, changes);
            change_model(&mut model, changes);
        }
        prop_assert_eq!(build(&mut nodes, &model), root, "built at once");

        let mut entries: Vec<_> = model.iter().collect();
        entries.sort_by_key(|((event_type, key), value)| {
            (event_type.len() as u64 + key.len() as u64 * 7 + *value).wrapping_mul(seed | 1)
        });
        let one_by_one = entries.iter().fold(NodeId::EMPTY, |root, ((event_type, key), value)| {
            insert(&mut nodes, root, event_type, key, **value).unwrap()
        });
        prop_assert_eq!(one_by_one, root, "one by one in another order");

        let emptied = entries.iter().zip(1..).fold(root, |root, (((event_type, key), _), removed)| {
            let root = remove(&mut nodes, root, event_type, key).unwrap();
            if removed % 8 == 0 || entries.len() - removed < 12 {
                verify(&nodes, root).unwrap();
            }
            root
        });
        prop_assert_eq!(emptied, NodeId::EMPTY, "taken away one by one");
    }

    #[test]
    fn forks_differ_as_maps_do(trunk in history(), left in history(), right in history(), wanted in event_type()) {
        let mut nodes = MemoryNodes::new();
        let mut run = |root, model: &Model, history: &[Vec<Change>]| {
            history.iter().fold((root, model.clone()), |(root, mut model), changes| {
                change_model(&mut model, changes);
                (change_trie(&mut nodes, root, changes), model)
            })
        };
        let (root, model) = run(NodeId::EMPTY, &Model::new(), &trunk);
        let (left, left_model) = run(root, &model, &left);
        let (right, right_model) = run(root, &model, &right);

        let state = State::at(&nodes, left);
        let expected = plain_diff(&left_model, &right_model);
        prop_assert_eq!(sorted(state.diff(right)), expected.clone());
        prop_assert_eq!(left == right, expected.is_empty());
        let (only, except): (Vec<_>, Vec<_>) = expected.into_iter().partition(|difference| *difference.event_type == *wanted);
        prop_assert_eq!(sorted(state.diff_types(right, TypeFilter::Only(&wanted))), only);
        prop_assert_eq!(sorted(state.diff_types(right, TypeFilter::Except(&wanted))), except);

        // Applying the difference leads from the one to the other.
        let differences: Vec<_> = state.diff(right).map(Result::unwrap).collect();
        let changes = differences.iter().map(|d| (&*d.event_type, d.state_key.as_str(), d.new));
        prop_assert_eq!(apply(&mut nodes, left, changes).unwrap(), right);
    }

    #[test]
    fn an_overlay_hands_over_what_a_state_needs(before in history(), steps in history()) {
        let mut nodes = MemoryNodes::new();
        let base = before.iter().fold(NodeId::EMPTY, |root, changes| change_trie(&mut nodes, root, changes));
        let mut overlay = Overlay::new(&nodes);
        let root = steps.iter().fold(base, |root, changes| change_trie(&mut overlay, root, changes));

        let new: Vec<_> = overlay.new_nodes([root]).unwrap().into_iter().map(|(id, bytes)| (id, bytes.to_vec())).collect();
        for (id, bytes) in new {
            nodes.put(id, &bytes).unwrap();
        }
        verify(&nodes, root).unwrap();
    }

    #[test]
    fn only_nodes_of_the_new_state_are_written_and_once(history in history()) {
        let mut nodes = Counting::default();
        let mut root = NodeId::EMPTY;
        for changes in &history {
            nodes.start();
            let before = root;
            root = change_trie(&mut nodes, root, changes);
            let needed: HashSet<_> = reachable(&nodes.nodes, [root]).map(Result::unwrap).collect();
            prop_assert!(nodes.written.iter().all(|(id, _)| needed.contains(id)));
            prop_assert!(before != root || nodes.written.is_empty());
            if before == root {
                continue;
            }
            let mut ids: Vec<_> = nodes.written.iter().map(|(id, _)| *id).collect();
            ids.sort();
            ids.dedup();
            // Two types with the same keys and values share nodes, which are then written for each.
            prop_assert!(ids.len() == nodes.written.len() || needed.len() < verify(&nodes.nodes, root).unwrap().nodes as usize);
        }
    }
}

#[test]
fn reachable_nodes_are_enough_and_no_more() {
    let mut nodes = MemoryNodes::new();
    let old = build(&mut nodes, &room(500));
    let new = insert(&mut nodes, old, "m.room.member", "@new:example.org", 1).unwrap();
    let both: Vec<_> = reachable(&nodes, [old, new]).map(Result::unwrap).collect();
    assert_eq!(both.len(), nodes.len());

    let mut kept = MemoryNodes::new();
    for id in State::at(&nodes, new).reachable() {
        let id = id.unwrap();
        kept.put(id, nodes.node(id).unwrap().unwrap().as_ref()).unwrap();
    }
    assert_eq!(verify(&kept, new).unwrap().nodes, kept.len() as u64);
    assert!(verify(&kept, old).is_err());
}

#[test]
fn the_last_change_of_a_key_counts() {
    let mut nodes = MemoryNodes::new();
    let changes =
        [("t", "k", Some(1)), ("t", "other", Some(5)), ("t", "k", None), ("t", "k", Some(2)), ("t", "other", None)];
    let root = apply(&mut nodes, NodeId::EMPTY, changes).unwrap();
    assert_eq!(contents(&nodes, root), Model::from([(("t".into(), "k".into()), 2)]));
}

/// The ids are stored for good, so another encoding needs another version byte.
#[test]
fn the_encoding_stays_as_it_is() {
    let mut nodes = MemoryNodes::new();
    let root = insert(&mut nodes, NodeId::EMPTY, "m.room.create", "", 300).unwrap();
    let bytes = nodes.node(root).unwrap().unwrap().as_ref().to_vec();
    assert_eq!(bytes, b"\x01\x01\x0dm.room.create\x03\x00\xac\x02");
    assert_eq!(build(&mut nodes, &room(5_000)).to_string(), "be51305d63c1e99dcaf4e2cdbd40d12d");
}

#[test]
fn a_hundred_thousand_entries() {
    let model = room(100_000);
    let mut nodes = MemoryNodes::new();
    let root = build(&mut nodes, &model);
    assert_eq!(verify(&nodes, root).unwrap().nodes, nodes.len() as u64, "only nodes of the final state were written");
    assert_eq!(contents(&nodes, root), model);
    let state = State::at(&nodes, root);
    assert_eq!(state.len_of_type("m.room.member").unwrap(), 100_000);
    assert_eq!(state.iter_except_type("m.room.member").count(), model.len() - 100_000);
    for ((event_type, key), value) in &model {
        assert_eq!(state.get(event_type, key).unwrap(), Some(*value));
    }

    let half: Model =
        model.iter().filter(|(_, value)| *value % 2 == 0).map(|(key, value)| (key.clone(), *value)).collect();
    let odd = model.keys().filter(|key| !half.contains_key(*key));
    let halved = apply(&mut nodes, root, odd.map(|(event_type, key)| (event_type, key, None))).unwrap();
    assert_eq!(halved, build(&mut nodes, &half));
    assert_eq!(State::at(&nodes, root).diff(halved).count(), model.len() - half.len());
}
