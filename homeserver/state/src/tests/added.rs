//! What one version of a state adds to another.

use super::{Model, build, room};
use crate::{MemoryNodes, NodeId, added, reachable};
use std::collections::HashSet;

fn below(nodes: &MemoryNodes, root: NodeId) -> HashSet<NodeId> {
    reachable(nodes, [root]).map(Result::unwrap).collect()
}

fn added_to(nodes: &MemoryNodes, old: NodeId, new: NodeId) -> Vec<NodeId> {
    added(nodes, old, new).map(Result::unwrap).collect()
}

#[test]
fn from_nothing_everything_is_added_and_from_itself_nothing() {
    let mut nodes = MemoryNodes::new();
    let root = build(&mut nodes, &room(2_000));
    let all = added_to(&nodes, NodeId::EMPTY, root);
    assert_eq!(all.first(), Some(&root), "parents come before children");
    assert_eq!(all.iter().copied().collect::<HashSet<_>>(), below(&nodes, root));
    assert_eq!(added_to(&nodes, root, root), []);
    assert_eq!(added_to(&nodes, root, NodeId::EMPTY), []);
}

#[test]
fn version_by_version_every_node_is_named_and_few_twice() {
    let mut nodes = MemoryNodes::new();
    let mut state: Model = room(40);
    let (mut before, mut named, mut needed) = (NodeId::EMPTY, Vec::new(), HashSet::new());
    let (mut random, mut name) = (1_u64, 0_u64);
    for step in 0..400_u64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match random >> 61 {
            // Somebody leaves: branches and leaves fold together again.
            0 | 1 => drop(state.pop_last()),
            2 => drop(state.insert((format!("org.example.{}", random >> 40 & 63), String::new()), step)),
            _ => {
                name += 1;
                state.insert(("m.room.member".to_owned(), format!("@new{name}:example.org")), step);
            }
        }
        let root = build(&mut nodes, &state);
        let fresh = added_to(&nodes, before, root);
        for id in below(&nodes, root).difference(&below(&nodes, before)) {
            assert!(fresh.contains(id), "step {step}: {id} is new and was not named");
        }
        needed.extend(below(&nodes, root));
        named.extend(fresh);
        before = root;
    }
    let once: HashSet<_> = named.iter().copied().collect();
    assert_eq!(once, needed);
    assert!(named.len() < 2 * once.len(), "{} nodes were named {} times", once.len(), named.len());
}

#[test]
fn a_missing_node_ends_the_walk_in_an_error() {
    let mut nodes = MemoryNodes::new();
    let root = build(&mut nodes, &room(10));
    let other = MemoryNodes::new();
    let walk: Vec<_> = added(&other, NodeId::EMPTY, root).collect();
    assert!(walk.len() == 1 && walk[0].is_err());
}
