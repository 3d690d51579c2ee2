use crate::diff::{Diff, TypeFilter};
use crate::layer::{Keys, Layer, Slot, Types, count_of};
use crate::node::{Child, Children, Node};
use crate::path::{Path, Place};
use crate::walk::{Iter, Reachable};
use crate::{Error, Fault, NodeId, ReadNodes, reachable};

/// One state of a room, to be read: a root and the store that has its nodes. Cheap to make and to copy.
///
/// Whether the root exists is seen when it is first read.
#[derive(Debug)]
pub struct State<'n, N> {
    nodes: &'n N,
    root: NodeId,
}

impl<N> Clone for State<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for State<'_, N> {}

impl<'n, N: ReadNodes> State<'n, N> {
    /// The state with this root.
    pub fn at(nodes: &'n N, root: NodeId) -> Self {
        Self { nodes, root }
    }

    /// The root, which is equal for equal states and for no others.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// Whether there are no entries. Reads nothing.
    pub fn is_empty(&self) -> bool {
        self.root == NodeId::EMPTY
    }

    /// The value of one entry.
    pub fn get(&self, event_type: &str, state_key: &str) -> Result<Option<u64>, Error<N::Error>> {
        let keys = self.find_type(event_type, |slot| match slot {
            Slot::Inline(keys) => Ok(Keymap::Inline(keys.find(state_key)?)),
            Slot::Tree(child) => Ok(Keymap::Tree(child.id)),
        })?;
        match keys {
            None => Ok(None),
            Some(Keymap::Inline(value)) => Ok(value),
            Some(Keymap::Tree(root)) => find::<Keys, _, _>(self.nodes, root, state_key, Ok),
        }
    }

    /// How many entries there are. Reads the root.
    pub fn len(&self) -> Result<u64, Error<N::Error>> {
        if self.is_empty() {
            return Ok(0);
        }
        read::<Types, _, _>(self.nodes, self.root, |node| match node {
            Node::Branch(branch) => Ok(branch.count()),
            Node::Leaf(leaf) => leaf.count(),
        })
    }

    /// How many entries there are of one type. Reads the path to the type, mostly one node.
    pub fn len_of_type(&self, event_type: &str) -> Result<u64, Error<N::Error>> {
        let count = self.find_type(event_type, |slot| slot.count())?;
        Ok(count.unwrap_or(0))
    }

    /// Every entry.
    ///
    /// Entries of one type come together; the order is otherwise that of hashes, the same for equal states.
    pub fn iter(&self) -> Iter<'n, N> {
        Iter::new(self.nodes, self.root, TypeFilter::All)
    }

    /// Every entry of one type. Reads no node that holds only others.
    pub fn iter_type(&self, event_type: &'n str) -> Iter<'n, N> {
        Iter::new(self.nodes, self.root, TypeFilter::Only(event_type))
    }

    /// Every entry but those of one type, whose nodes are not read.
    pub fn iter_except_type(&self, event_type: &'n str) -> Iter<'n, N> {
        Iter::new(self.nodes, self.root, TypeFilter::Except(event_type))
    }

    /// What has to change in this state to make it the other, which the same store holds. Reads only nodes that differ.
    pub fn diff(&self, new: NodeId) -> Diff<'n, N> {
        self.diff_types(new, TypeFilter::All)
    }

    /// Like [`State::diff`], for some types only.
    pub fn diff_types(&self, new: NodeId, types: TypeFilter<'n>) -> Diff<'n, N> {
        Diff::new(self.nodes, self.root, new, types)
    }

    /// The ids of all nodes of this state.
    pub fn reachable(&self) -> Reachable<'n, N, std::option::IntoIter<NodeId>> {
        reachable(self.nodes, Some(self.root))
    }

    /// What `read` makes of the slot of a type, if there are entries of that type.
    fn find_type<R>(
        &self,
        event_type: &str,
        read: impl FnOnce(Slot<'_>) -> Result<R, Fault>,
    ) -> Result<Option<R>, Error<N::Error>> {
        if self.is_empty() {
            return Ok(None);
        }
        find::<Types, _, _>(self.nodes, self.root, event_type, read)
    }
}

/// What a type's slot says about one state key.
enum Keymap {
    Inline(Option<u64>),
    Tree(NodeId),
}

/// Reads a node.
pub(crate) fn read<L: Layer, N: ReadNodes, R>(
    nodes: &N,
    id: NodeId,
    read: impl FnOnce(Node<'_, L>) -> Result<R, Fault>,
) -> Result<R, Error<N::Error>> {
    let bytes = nodes.node(id).map_err(Error::Store)?.ok_or(Error::Missing(id))?;
    Node::parse(bytes.as_ref()).and_then(read).map_err(|fault| Error::Malformed { id, fault })
}

/// Goes from a root to the leaf where a name would be, and if it is there answers what `found` makes of its value.
fn find<L: Layer, N: ReadNodes, R>(
    nodes: &N,
    root: NodeId,
    name: &str,
    found: impl FnOnce(L::View<'_>) -> Result<R, Fault>,
) -> Result<Option<R>, Error<N::Error>> {
    enum Step<R> {
        Down(NodeId),
        End(Option<R>),
    }
    let path = Path::of(name);
    let mut place = Place::ROOT;
    let mut id = root;
    let mut found = Some(found);
    loop {
        let nibble = place.next_nibble(&path);
        let step = read::<L, _, _>(nodes, id, |node| match node {
            Node::Branch(_) if place.is_bottom() => Err(Fault::Depth),
            Node::Branch(branch) => Ok(branch.child(nibble).map_or(Step::End(None), |child| Step::Down(child.id))),
            Node::Leaf(leaf) => {
                let view = leaf.find(name)?;
                view.zip(found.take()).map(|(view, found)| found(view)).transpose().map(Step::End)
            }
        })?;
        match step {
            Step::End(result) => return Ok(result),
            Step::Down(child) => id = child,
        }
        place = place.below(nibble);
    }
}

/// A node with its entries copied out, for the walks that outlive its bytes.
#[expect(clippy::large_enum_variant, reason = "lives on the stack for one step")]
pub(crate) enum Opened<L: Layer> {
    Branch(Children),
    Leaf(Vec<(String, L::Value)>),
}

/// Reads a node that a parent names (or the caller, if it is a root), and checks that it can be what the parent says.
///
/// A walk over a damaged store ends, for no place is deeper than a path is long and no leaf is accepted in two places.
pub(crate) fn open<L: Layer, N: ReadNodes>(
    nodes: &N,
    child: Child,
    place: Place,
) -> Result<Opened<L>, Error<N::Error>> {
    let known = !child.is_root();
    read::<L, _, _>(nodes, child.id, |node| match node {
        Node::Branch(_) if known && !child.is_branch() => Err(Fault::Kind(L::BRANCH)),
        Node::Leaf(_) if known && child.is_branch() => Err(Fault::Kind(L::LEAF)),
        Node::Branch(_) if place.is_bottom() => Err(Fault::Depth),
        Node::Branch(branch) if known && branch.count() != child.count => Err(Fault::Count),
        Node::Branch(branch) => Ok(Opened::Branch(branch)),
        Node::Leaf(leaf) => {
            let items = leaf.own()?;
            if known && count_of::<L>(&items)? != child.count {
                return Err(Fault::Count);
            }
            if items.first().is_some_and(|(name, _)| !place.is_on(&Path::of(name))) {
                return Err(Fault::Misplaced);
            }
            Ok(Opened::Leaf(items))
        }
    })
}
