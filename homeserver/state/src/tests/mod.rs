//! One binary with all tests. `model` compares with a plain map, `hostile` damages nodes and makes hashes collide, `figures` counts
//! what an operation costs.

mod added;
mod figures;
mod hostile;
mod model;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use crate::{MemoryNodes, NodeId, ReadNodes, State, WriteNodes, apply};

/// The plain map that a trie is compared with.
type Model = BTreeMap<(String, String), u64>;

/// Builds the state that a map describes.
fn build(nodes: &mut impl WriteNodes<Error = Infallible>, model: &Model) -> NodeId {
    let entries = model.iter().map(|((event_type, key), value)| (event_type, key, Some(*value)));
    apply(nodes, NodeId::EMPTY, entries).unwrap()
}

/// All that a state holds.
fn contents(nodes: &impl ReadNodes<Error = Infallible>, root: NodeId) -> Model {
    let entries = State::at(nodes, root).iter().map(Result::unwrap);
    entries.map(|entry| ((entry.event_type.to_string(), entry.state_key), entry.value)).collect()
}

/// A room as rooms are: a dozen settings and so many members.
fn room(members: u64) -> Model {
    let settings = [
        "m.room.create",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.history_visibility",
        "m.room.guest_access",
        "m.room.canonical_alias",
        "m.room.name",
        "m.room.topic",
        "m.room.avatar",
        "m.room.encryption",
        "m.room.server_acl",
        "m.room.pinned_events",
    ];
    let settings = settings.into_iter().map(|event_type| (event_type.to_owned(), String::new()));
    let members = (0..members).map(|number| ("m.room.member".to_owned(), member(number)));
    settings.chain(members).zip(1_000_000..).collect()
}

fn member(number: u64) -> String {
    format!("@person{number}:server{}.example.org", number % 97)
}

/// Nodes in memory that count what is asked of them.
#[derive(Default)]
struct Counting {
    nodes: MemoryNodes,
    /// Ids read, in order.
    read: RefCell<Vec<NodeId>>,
    bytes_read: Cell<usize>,
    /// Ids and sizes of nodes written, in order.
    written: Vec<(NodeId, usize)>,
}

impl Counting {
    fn start(&mut self) {
        self.read.take();
        self.bytes_read.take();
        self.written.clear();
    }

    fn bytes_written(&self) -> usize {
        self.written.iter().map(|(_, size)| size).sum()
    }
}

impl ReadNodes for Counting {
    type Error = Infallible;

    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        let bytes = self.nodes.node(id)?;
        self.read.borrow_mut().push(id);
        self.bytes_read.set(self.bytes_read.get() + bytes.as_ref().map_or(0, |bytes| bytes.as_ref().len()));
        Ok(bytes)
    }
}

impl WriteNodes for Counting {
    fn put(&mut self, id: NodeId, bytes: &[u8]) -> Result<(), Infallible> {
        self.written.push((id, bytes.len()));
        self.nodes.put(id, bytes)
    }
}
