//! What operations cost, in nodes and bytes.

use super::*;
use crate::{insert, remove};

/// The most nodes and bytes that one operation took, out of many.
#[derive(Default, Debug)]
struct Most {
    nodes: usize,
    bytes: usize,
}

impl Most {
    fn see(&mut self, nodes: usize, bytes: usize) {
        self.nodes = self.nodes.max(nodes);
        self.bytes = self.bytes.max(bytes);
    }

    fn assert_at_most(&self, what: &str, members: u64, nodes: usize, bytes: usize) {
        println!("{members:>7} members, {what}: at most {} nodes, {} bytes", self.nodes, self.bytes);
        assert!(self.nodes <= nodes, "{what} with {members} members took {} nodes", self.nodes);
        assert!(self.bytes <= bytes, "{what} with {members} members took {} bytes", self.bytes);
    }
}

/// (members, nodes on a path, bytes on it)
const BOUNDS: [(u64, usize, usize); 3] = [(100, 3, 2_048), (10_000, 5, 2_560), (100_000, 6, 3_072)];

#[test]
fn an_operation_touches_one_path() {
    for (members, path_nodes, path_bytes) in BOUNDS {
        let mut nodes = Counting::default();
        let root = build(&mut nodes, &room(members));
        let [mut updates, mut update_reads, mut lookups, mut diffs] = <[Most; 4]>::default();
        for number in 0..300 {
            let (old, new) = (member(number * 331 % members), member(members + number));
            for key in [&old, &new] {
                nodes.start();
                let changed = insert(&mut nodes, root, "m.room.member", key, 5_000_000 + number).unwrap();
                updates.see(nodes.written.len(), nodes.bytes_written());
                update_reads.see(nodes.read.borrow().len(), nodes.bytes_read.get());

                nodes.start();
                assert_eq!(State::at(&nodes, root).diff(changed).count(), 1);
                diffs.see(nodes.read.borrow().len(), nodes.bytes_read.get());
            }
            nodes.start();
            assert!(State::at(&nodes, root).get("m.room.member", &old).unwrap().is_some());
            lookups.see(nodes.read.borrow().len(), nodes.bytes_read.get());

            nodes.start();
            let removed = remove(&mut nodes, root, "m.room.member", &old).unwrap();
            updates.see(nodes.written.len(), nodes.bytes_written());
            assert_eq!(State::at(&nodes, removed).len().unwrap(), State::at(&nodes, root).len().unwrap() - 1);
        }
        // A leaf that is split takes up to 16 for its place.
        updates.assert_at_most("an update writes", members, path_nodes + 16, path_bytes + 1_024);
        update_reads.assert_at_most("an update reads", members, path_nodes, path_bytes);
        lookups.assert_at_most("a lookup reads", members, path_nodes, path_bytes);
        diffs.assert_at_most("a difference reads", members, 2 * path_nodes + 16, 2 * path_bytes + 1_024);
    }
}

#[test]
fn an_average_update_is_below_three_kibibytes() {
    for (members, path_nodes, path_bytes) in BOUNDS {
        let mut nodes = Counting::default();
        let mut root = build(&mut nodes, &room(members));
        nodes.start();
        for number in 0..300 {
            root = insert(&mut nodes, root, "m.room.member", &member(number * 7 % (2 * members)), 5_000_000 + number)
                .unwrap();
        }
        let (count, bytes) = (nodes.written.len() as f64 / 300.0, nodes.bytes_written() / 300);
        println!("{members:>7} members: {count:.1} nodes and {bytes} bytes written per update");
        assert!(count <= path_nodes as f64 && bytes <= path_bytes);
    }
}

#[test]
fn one_type_and_all_but_one_are_read_without_the_others() {
    let mut nodes = Counting::default();
    let mut model = room(100_000);
    model.extend((0..500).map(|number| (("m.space.child".to_owned(), format!("!room{number}:example.org")), number)));
    let root = build(&mut nodes, &model);
    let state = State::at(&nodes, root);

    nodes.read.take();
    assert_eq!(state.iter_except_type("m.room.member").count(), 512);
    let others = nodes.read.take().len();
    assert_eq!(state.iter_type("m.space.child").count(), 500);
    let children = nodes.read.take().len();
    assert_eq!(state.iter_type("m.room.name").count(), 1);
    let name = nodes.read.take().len();
    println!("all but members {others} nodes, 500 space children {children}, one setting {name}");
    assert!(others <= 40 && children <= 40 && name <= 2);

    assert_eq!(state.len().unwrap(), 100_512);
    assert_eq!(state.len_of_type("m.room.member").unwrap(), 100_000);
    assert!(nodes.read.take().len() <= 4);
}

#[test]
fn a_new_room_is_one_node() {
    let mut nodes = Counting::default();
    build(&mut nodes, &room(2));
    assert_eq!(nodes.written.len(), 1);
    println!("a new room takes {} bytes", nodes.bytes_written());
    assert!(nodes.bytes_written() <= 512);
}

#[test]
fn building_writes_each_node_once() {
    let mut nodes = Counting::default();
    build(&mut nodes, &room(100_000));
    assert_eq!(nodes.written.len(), nodes.nodes.len());
    println!("100,000 members: {} nodes, {} bytes in all", nodes.nodes.len(), nodes.bytes_written());
    assert!(nodes.bytes_written() <= 6 << 20);
}
