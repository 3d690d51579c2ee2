use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;

use crate::{Error, reachable};

/// The name of a node: the first 16 bytes of the BLAKE3 hash of its bytes. A root's id names a whole state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 16]);

impl NodeId {
    /// The root of the state that has no entries. No node is stored for it.
    pub const EMPTY: Self = Self([0; 16]);

    /// The id whose bytes these are, as a store keeps it.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id of the node with this encoding.
    pub fn of(encoding: &[u8]) -> Self {
        Self(first_half(blake3::hash(encoding)))
    }
}

/// The first 16 bytes of a hash.
pub(crate) fn first_half(hash: blake3::Hash) -> [u8; 16] {
    let [first, ..] = hash.as_bytes().as_chunks::<16>().0 else {
        return [0; 16];
    };
    *first
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// A node and its bytes.
pub type NodeBytes<'a> = (NodeId, &'a [u8]);

/// Where nodes are read from.
///
/// Nodes never change and most are read again and again, so a cache in front is easy and pays; it is the implementer's business.
pub trait ReadNodes {
    /// How reading and writing can fail.
    type Error;

    /// The bytes that were stored under this id, or `None` if there are none.
    ///
    /// The bytes are not trusted: they may be damaged or foreign, and are then answered with [`Error::Malformed`].
    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, Self::Error>;
}

/// Where nodes are written to.
pub trait WriteNodes: ReadNodes {
    /// Stores a node. Called for each changed node of the final state once, children before parents.
    ///
    /// The id may be there already, with the same bytes.
    fn put(&mut self, id: NodeId, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl<N: ReadNodes> ReadNodes for &N {
    type Error = N::Error;

    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, Self::Error> {
        (**self).node(id)
    }
}

impl<N: ReadNodes> ReadNodes for &mut N {
    type Error = N::Error;

    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, Self::Error> {
        (**self).node(id)
    }
}

impl<N: WriteNodes> WriteNodes for &mut N {
    fn put(&mut self, id: NodeId, bytes: &[u8]) -> Result<(), Self::Error> {
        (**self).put(id, bytes)
    }
}

/// Nodes in memory: for tests, and for states that nobody keeps.
#[derive(Clone, Debug, Default)]
pub struct MemoryNodes {
    nodes: HashMap<NodeId, Box<[u8]>>,
}

impl MemoryNodes {
    /// Without any nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every node, in no order.
    pub fn iter(&self) -> impl Iterator<Item = NodeBytes<'_>> {
        self.nodes.iter().map(|(id, bytes)| (*id, bytes.as_ref()))
    }
}

impl ReadNodes for MemoryNodes {
    type Error = Infallible;

    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        Ok(self.nodes.get(&id))
    }
}

impl WriteNodes for MemoryNodes {
    fn put(&mut self, id: NodeId, bytes: &[u8]) -> Result<(), Infallible> {
        self.nodes.insert(id, bytes.into());
        Ok(())
    }
}

/// New nodes on top of a store that is only read: states can be tried out, and what came of it stored later or never.
///
/// `Overlay::new(&snapshot)` borrows the store.
#[derive(Debug)]
pub struct Overlay<N> {
    below: N,
    new: MemoryNodes,
}

impl<N: ReadNodes> Overlay<N> {
    /// Reads what it does not have from `below`.
    pub fn new(below: N) -> Self {
        Self { below, new: MemoryNodes::new() }
    }

    /// The new nodes that one of these states needs, for the store. Steps on the way to them are left out.
    ///
    /// Children come in no particular order: store them in one transaction.
    pub fn new_nodes(&self, roots: impl IntoIterator<Item = NodeId>) -> Result<Vec<NodeBytes<'_>>, Error<N::Error>> {
        // What lies below the overlay never names a node in it, so only new nodes need be looked into.
        let roots = roots.into_iter().filter(|root| self.new.nodes.contains_key(root));
        let mut found = Vec::new();
        let mut walk = reachable(self, roots).only_below(|id| self.new.nodes.contains_key(&id));
        while let Some(id) = walk.next().transpose()? {
            if let Some(bytes) = self.new.nodes.get(&id) {
                found.push((id, bytes.as_ref()));
            }
        }
        Ok(found)
    }
}

/// The bytes of a node that may come from either of two places.
enum Either<A, B> {
    New(A),
    Below(B),
}

impl<A: AsRef<[u8]>, B: AsRef<[u8]>> AsRef<[u8]> for Either<A, B> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::New(bytes) => bytes.as_ref(),
            Self::Below(bytes) => bytes.as_ref(),
        }
    }
}

impl<N: ReadNodes> ReadNodes for Overlay<N> {
    type Error = N::Error;

    fn node(&self, id: NodeId) -> Result<Option<impl AsRef<[u8]>>, Self::Error> {
        match self.new.nodes.get(&id) {
            Some(bytes) => Ok(Some(Either::New(bytes))),
            None => Ok(self.below.node(id)?.map(Either::Below)),
        }
    }
}

impl<N: ReadNodes> WriteNodes for Overlay<N> {
    fn put(&mut self, id: NodeId, bytes: &[u8]) -> Result<(), Self::Error> {
        self.new.nodes.insert(id, bytes.into());
        Ok(())
    }
}
