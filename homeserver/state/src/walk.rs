//! Listing entries and nodes.

use std::collections::HashSet;
use std::sync::Arc;

use crate::diff::{Diff, Difference, TypeFilter};
use crate::layer::{KeyMap, Keys, Layer, Types};
use crate::node::{Child, Node};
use crate::state::read;
use crate::{Error, NodeId, ReadNodes};

/// One entry of a state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The type of the event. Shared between the entries of one type.
    pub event_type: Arc<str>,
    /// The state key.
    pub state_key: String,
    /// The value.
    pub value: u64,
}

/// The entries of a state, from [`State::iter`](crate::State::iter) and its siblings. After an error nothing more comes.
#[derive(Debug)]
pub struct Iter<'n, N> {
    /// Every entry is a difference from the empty state.
    from_empty: Diff<'n, N>,
}

impl<'n, N: ReadNodes> Iter<'n, N> {
    pub(crate) fn new(nodes: &'n N, root: NodeId, types: TypeFilter<'n>) -> Self {
        Self { from_empty: Diff::new(nodes, NodeId::EMPTY, root, types) }
    }
}

impl<N: ReadNodes> Iterator for Iter<'_, N> {
    type Item = Result<Entry, Error<N::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = |Difference { event_type, state_key, new, .. }| Some(Entry { event_type, state_key, value: new? });
        self.from_empty.next().and_then(|next| next.map(entry).transpose())
    }
}

/// The ids of all nodes that these roots need, each once, parents before children: what a garbage collector must keep.
///
/// Leaves of state keys are named without being read, so that they exist is not known ([`verify`](crate::verify()) finds out).
pub fn reachable<N, I>(nodes: &N, roots: I) -> Reachable<'_, N, I::IntoIter>
where
    N: ReadNodes,
    I: IntoIterator<Item = NodeId>,
{
    Reachable { nodes, roots: roots.into_iter(), todo: Vec::new(), seen: HashSet::new(), failed: false }
}

/// The ids of nodes, from [`reachable`]. After an error nothing more comes.
#[derive(Debug)]
pub struct Reachable<'n, N, I> {
    nodes: &'n N,
    roots: I,
    todo: Vec<Named>,
    seen: HashSet<NodeId>,
    failed: bool,
}

/// A node that is still to be looked at.
#[derive(Debug)]
enum Named {
    Types(NodeId),
    Keys(Child),
}

impl<'n, N: ReadNodes, I: Iterator<Item = NodeId>> Reachable<'n, N, I> {
    /// Leaves out nodes of which `wanted` says no, and what is reached only through them.
    pub fn only_below<F: FnMut(NodeId) -> bool>(self, wanted: F) -> OnlyBelow<'n, N, I, F> {
        OnlyBelow { walk: self, wanted }
    }

    fn next_wanted(&mut self, wanted: &mut impl FnMut(NodeId) -> bool) -> Option<Result<NodeId, Error<N::Error>>> {
        while !self.failed {
            let named = match self.todo.pop() {
                Some(named) => named,
                None => Named::Types(self.roots.next()?),
            };
            let id = match &named {
                Named::Types(id) => *id,
                Named::Keys(child) => child.id,
            };
            if id == NodeId::EMPTY || !wanted(id) || !self.seen.insert(id) {
                continue;
            }
            let below = self.descend(named);
            self.failed = below.is_err();
            return Some(below.map(|()| id));
        }
        None
    }

    fn descend(&mut self, named: Named) -> Result<(), Error<N::Error>> {
        let below = match named {
            Named::Keys(child) if !child.is_branch() => return Ok(()),
            Named::Keys(child) => below::<Keys, _>(self.nodes, child.id, Named::Keys, |_| None),
            Named::Types(id) => below::<Types, _>(
                self.nodes,
                id,
                |child| Named::Types(child.id),
                |keys| match keys {
                    KeyMap::Tree(child) => Some(Named::Keys(child)),
                    KeyMap::Inline(_) => None,
                },
            ),
        };
        self.todo.extend(below?);
        Ok(())
    }
}

/// the nodes below a node.
fn below<L: Layer, N: ReadNodes>(
    nodes: &N,
    id: NodeId,
    child: impl Fn(Child) -> Named,
    value: impl Fn(L::Value) -> Option<Named>,
) -> Result<Vec<Named>, Error<N::Error>> {
    read::<L, _, _>(nodes, id, |node| match node {
        Node::Branch(children) => Ok(children.each().filter_map(|(_, below)| below.map(&child)).collect()),
        Node::Leaf(leaf) => Ok(leaf.own()?.into_iter().filter_map(|(_, below)| value(below)).collect()),
    })
}

impl<N: ReadNodes, I: Iterator<Item = NodeId>> Iterator for Reachable<'_, N, I> {
    type Item = Result<NodeId, Error<N::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_wanted(&mut |_| true)
    }
}

/// From [`Reachable::only_below`].
#[derive(Debug)]
pub struct OnlyBelow<'n, N, I, F> {
    walk: Reachable<'n, N, I>,
    wanted: F,
}

impl<N, I, F> Iterator for OnlyBelow<'_, N, I, F>
where
    N: ReadNodes,
    I: Iterator<Item = NodeId>,
    F: FnMut(NodeId) -> bool,
{
    type Item = Result<NodeId, Error<N::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.walk.next_wanted(&mut self.wanted)
    }
}
