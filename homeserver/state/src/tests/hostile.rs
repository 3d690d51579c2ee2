//! Damaged stores, foreign bytes, colliding hashes.

use proptest::prelude::*;

use super::*;
use crate::layer::{KeyMap, Keys, Layer, Types, count_of, weight_of};
use crate::node::{Child, Node, encode_branch, encode_leaf};
use crate::{Error, Fault, insert, reachable, remove, verify};

/// Does everything with a state whose nodes can't be trusted. None of it may panic or fail to end.
fn exercise(nodes: &MemoryNodes, root: NodeId) {
    let state = State::at(nodes, root);
    let _ = (state.len(), state.len_of_type("m.room.member"), verify(nodes, root));
    let _ = (state.get("m.room.name", ""), state.get("m.room.member", &member(7)));
    // Ends at the first error, and what is listed before that is really there: each leaf stands in one place only.
    let stored = 1 + nodes.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    assert!(state.iter().count() <= stored);
    assert!(state.iter_type("m.room.member").count() <= stored);
    assert!(state.diff(NodeId::EMPTY).count() <= stored);
    assert!(reachable(nodes, [root, root]).count() <= nodes.len() + 2);
    let mut scratch = nodes.clone();
    let _ = insert(&mut scratch, root, "m.room.member", &member(7), 1);
    let _ = remove(&mut scratch, root, "m.room.member", &member(8));
    let _ = apply(&mut scratch, root, (0..60).map(|number| ("m.room.member", member(number), None)));
    let other = build(&mut scratch, &room(80));
    let _ = State::at(&scratch, root).diff(other).count();
    let _ = State::at(&scratch, other).diff(root).count();
}

fn bytes_of(nodes: &MemoryNodes, id: NodeId) -> Vec<u8> {
    nodes.node(id).unwrap().unwrap().as_ref().to_vec()
}

fn fault<T: std::fmt::Debug>(result: Result<T, Error<Infallible>>) -> Fault {
    match result {
        Err(Error::Malformed { fault, .. }) => fault,
        other => panic!("{other:?} where damage was to be found"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn arbitrary_bytes_are_a_node_or_an_error(
        kind in 0_u8..5,
        body in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 0..300),
        whole in any::<bool>(),
    ) {
        let bytes = if whole { body } else { [vec![1, kind], body].concat() };
        decode::<Types>(&bytes);
        decode::<Keys>(&bytes);
        let mut nodes = MemoryNodes::new();
        let root = NodeId::from_bytes([7; 16]);
        nodes.put(root, &bytes).unwrap();
        exercise(&nodes, root);
    }

    #[test]
    fn a_damaged_node_is_found(
        members in prop_oneof![Just(3_u64), Just(100), Just(1_500)],
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        damage in 0..6,
        with in 1_u8..,
    ) {
        let mut nodes = MemoryNodes::new();
        let root = build(&mut nodes, &room(members));
        let mut ids: Vec<_> = nodes.iter().map(|(id, _)| id).collect();
        ids.sort();
        let id = *which.get(&ids);
        let mut bytes = bytes_of(&nodes, id);
        let at = at.index(bytes.len());
        match damage {
            0 => bytes[at] ^= with,
            1 => bytes.truncate(at),
            2 => bytes.insert(at, with),
            3 => bytes.rotate_left(at.max(1)),
            4 => bytes = bytes_of(&nodes, *ids.iter().find(|other| **other != id).unwrap_or(&id)),
            _ => { bytes.remove(at); }
        }
        let unharmed = bytes == bytes_of(&nodes, id);
        nodes.put(id, &bytes).unwrap();
        prop_assert_eq!(verify(&nodes, root).is_ok(), unharmed);
        exercise(&nodes, root);
    }

    /// Nodes that name themselves and each other at random, with counts that may agree.
    #[test]
    fn circles_end(
        links in proptest::collection::vec((0_u8..4, proptest::collection::vec((any::<bool>(), 0_u8..4, 1_u64..4, 0_u64..2), 16)), 4),
    ) {
        let id = |number: u8| NodeId::from_bytes([number + 1; 16]);
        let mut nodes = MemoryNodes::new();
        for (number, (kind, children)) in (0..).zip(links) {
            let children = children.into_iter().map(|(there, to, count, weight)| there.then_some(Child { id: id(to), count, weight }));
            let children: [Option<Child>; 16] = children.collect::<Vec<_>>().try_into().unwrap();
            let bytes = match (kind, children[0]) {
                (0, _) => encode_branch::<Types>(&children),
                (1, Some(child)) => encode_leaf::<Types>([("m.room.member", &KeyMap::Tree(child))].into_iter()),
                (1 | 2, _) => encode_branch::<Keys>(&children),
                _ => encode_leaf::<Keys>([("a", &1)].into_iter()),
            };
            nodes.put(id(number), &bytes).unwrap();
        }
        exercise(&nodes, id(0));
    }
}

/// What is understood of any bytes is a node that would be written as just these bytes.
fn decode<L: Layer>(bytes: &[u8]) {
    match Node::<L>::parse(bytes) {
        Ok(Node::Leaf(leaf)) => {
            if let Ok(items) = leaf.own() {
                let again = encode_leaf::<L>(items.iter().map(|(name, value)| (name.as_str(), value)));
                assert_eq!(again, bytes);
                let _ = (count_of::<L>(&items), weight_of::<L>(&items), leaf.count());
            }
            let _ = (leaf.find("m.room.member"), leaf.find(""));
        }
        Ok(Node::Branch(children)) => {
            let all: Vec<_> = children.each().map(|(_, child)| child).collect();
            assert_eq!(encode_branch::<L>(&all.try_into().unwrap()), bytes);
            assert!(children.count() > 0);
        }
        Err(_) => {}
    }
}

#[test]
fn a_missing_node_is_named() {
    let mut nodes = MemoryNodes::new();
    let root = build(&mut nodes, &room(1_500));
    for (missing, _) in nodes.iter() {
        let mut holed = MemoryNodes::new();
        for (id, bytes) in nodes.iter().filter(|(id, _)| *id != missing) {
            holed.put(id, bytes).unwrap();
        }
        assert!(matches!(verify(&holed, root), Err(Error::Missing(id)) if id == missing));
        assert!(
            matches!(State::at(&holed, root).iter().find_map(Result::err), Some(Error::Missing(id)) if id == missing)
        );
    }
}

/// A branch that is its own only child passes every count; depth ends it.
#[test]
fn a_branch_below_itself_is_too_deep() {
    let id = NodeId::from_bytes([1; 16]);
    let mut children = [None; 16];
    children[0] = Some(Child { id, count: 1, weight: 0 });
    let mut nodes = MemoryNodes::new();
    nodes.put(id, &encode_branch::<Types>(&children)).unwrap();
    let state = State::at(&nodes, id);
    assert_eq!(fault(state.get("=00=a", "")), Fault::Depth);
    assert_eq!(fault(state.iter().next().unwrap()), Fault::Depth);
    assert_eq!(fault(insert(&mut nodes.clone(), id, "=00=a", "", 1)), Fault::Depth);
    exercise(&nodes, id);
}

#[test]
fn a_node_with_more_or_less_than_its_parent_says_is_refused() {
    let mut nodes = MemoryNodes::new();
    let good = build(&mut nodes, &room(300));
    for state in [good, build(&mut nodes, &room(30))] {
        let bytes = bytes_of(&nodes, state);
        let Ok(Node::<Types>::Leaf(leaf)) = Node::parse(&bytes) else { panic!() };
        let mut slots = leaf.own().unwrap();
        for (_, keys) in &mut slots {
            if let KeyMap::Tree(child) = keys {
                child.count += 1;
            }
        }
        let bytes = encode_leaf::<Types>(slots.iter().map(|(name, keys)| (name.as_str(), keys)));
        let root = NodeId::of(&bytes);
        nodes.put(root, &bytes).unwrap();
        let members = State::at(&nodes, root).iter_type("m.room.member").next();
        assert_eq!(fault(members.unwrap()), Fault::Count);
        assert_eq!(fault(insert(&mut nodes.clone(), root, "m.room.member", "@a:b", 1)), Fault::Count);
        assert_eq!(fault(verify(&nodes, root)), Fault::Count);
    }
}

/// Sixteen times the same child, again and again: the counts agree, and would have a walk list 16^16 entries.
#[test]
fn a_leaf_in_many_places_is_listed_once() {
    let mut nodes = MemoryNodes::new();
    let leaf = encode_leaf::<Keys>([("a", &1), ("b", &2)].into_iter());
    let mut child = Child { id: NodeId::of(&leaf), count: 2, weight: 18 };
    nodes.put(child.id, &leaf).unwrap();
    for _ in 0..15 {
        let bytes = encode_branch::<Keys>(&[Some(child); 16]);
        child = Child { id: NodeId::of(&bytes), count: child.count * 16, weight: 0 };
        nodes.put(child.id, &bytes).unwrap();
    }
    let root = encode_leaf::<Types>([("t", &KeyMap::Tree(child))].into_iter());
    nodes.put(NodeId::of(&root), &root).unwrap();
    assert_eq!(fault(State::at(&nodes, NodeId::of(&root)).iter().next().unwrap()), Fault::Misplaced);
    assert_eq!(fault(verify(&nodes, NodeId::of(&root))), Fault::Misplaced);
    exercise(&nodes, NodeId::of(&root));
}

#[test]
fn shapes_that_are_not_canonical_are_found() {
    let mut nodes = MemoryNodes::new();
    let root_of = |keys: KeyMap, nodes: &mut MemoryNodes| {
        let bytes = encode_leaf::<Types>([("t", &keys)].into_iter());
        nodes.put(NodeId::of(&bytes), &bytes).unwrap();
        NodeId::of(&bytes)
    };
    let long = "x".repeat(100);
    let inline = root_of(KeyMap::Inline(vec![(long.clone(), 1)]), &mut nodes);
    assert_eq!(fault(verify(&nodes, inline)), Fault::Shape);

    let leaf = encode_leaf::<Keys>([("=0=a", &1)].into_iter());
    let light = Child { id: NodeId::of(&leaf), count: 1, weight: 12 };
    nodes.put(light.id, &leaf).unwrap();
    let tree = root_of(KeyMap::Tree(light), &mut nodes);
    assert_eq!(fault(verify(&nodes, tree)), Fault::Shape);
    let wrong_weight = root_of(KeyMap::Tree(Child { weight: 13, ..light }), &mut nodes);
    assert_eq!(fault(verify(&nodes, wrong_weight)), Fault::Weight);
    let wrong_count = root_of(KeyMap::Tree(Child { count: 2, ..light }), &mut nodes);
    assert_eq!(fault(verify(&nodes, wrong_count)), Fault::Count);

    let mut children = [None; 16];
    children[0] = Some(light);
    let branch = encode_branch::<Keys>(&children);
    nodes.put(NodeId::of(&branch), &branch).unwrap();
    let branch = root_of(KeyMap::Tree(Child { id: NodeId::of(&branch), count: 1, weight: 0 }), &mut nodes);
    assert_eq!(fault(verify(&nodes, branch)), Fault::Shape);
}

/// Keys, and types, whose hashes are the same to the last nibble.
#[test]
fn full_collisions_stay_right() {
    let twin = |number: u64| format!("=abcdef={number}{}", "x".repeat(200));
    let model: Model = (0..40)
        .flat_map(|number| [((twin(number), "k".into()), number), (("t".into(), twin(number)), number)])
        .collect();
    let mut nodes = MemoryNodes::new();
    let root = build(&mut nodes, &model);
    assert_eq!(verify(&nodes, root).unwrap().entries, 80);
    assert_eq!(contents(&nodes, root), model);
    let state = State::at(&nodes, root);
    assert_eq!(state.get("t", &twin(11)).unwrap(), Some(11));
    assert_eq!(state.get("t", &twin(40)).unwrap(), None);
    assert_eq!(state.iter_type(&twin(3)).count(), 1);
    assert_eq!(state.iter_except_type(&twin(3)).count(), 79);
    let emptied = model.keys().fold(root, |root, (event_type, key)| remove(&mut nodes, root, event_type, key).unwrap());
    assert_eq!(emptied, NodeId::EMPTY);
}

/// Names found with much work make the way to themselves longer, not the way to others.
#[test]
fn ground_names_cost_little() {
    let mut model = room(10_000);
    let evil = |number: u64| format!("=1234567890{:02x}=@evil:example.org{}", number * 5 % 256, "x".repeat(40));
    model.extend((0..50).map(|number| (("m.room.member".into(), evil(number)), number)));
    let mut nodes = Counting::default();
    let root = build(&mut nodes, &model);
    nodes.start();
    insert(&mut nodes, root, "m.room.member", &evil(51), 1).unwrap();
    assert!(nodes.written.len() >= 12, "{} nodes", nodes.written.len());
    assert!(nodes.written.len() <= 14, "{} nodes", nodes.written.len());
    assert!(nodes.bytes_written() <= 4 * 1024, "{} bytes", nodes.bytes_written());
}
