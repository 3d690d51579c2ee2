//! Checking a whole state.

use crate::layer::{INLINE_WEIGHT, KeyMap, Keys, LEAF_WEIGHT, Layer, Types, weight_of};
use crate::node::{Child, Node};
use crate::path::{Path, Place};
use crate::{Error, Fault, NodeId, ReadNodes};

/// What a state that is in order consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries of the map.
    pub entries: u64,
    /// Nodes. One that stands in two places counts twice.
    pub nodes: u64,
    /// The bytes of those nodes.
    pub bytes: u64,
}

/// Reads every node of a state and checks that its bytes have its hash, that everything in it is where it belongs and that the shape
/// is the canonical one. The first thing that is not so is the error.
pub fn verify<N: ReadNodes>(nodes: &N, root: NodeId) -> Result<Summary, Error<N::Error>> {
    let mut summary = Summary::default();
    if root != NodeId::EMPTY {
        summary.entries = node::<Types, N>(nodes, root, Place::ROOT, &mut summary)?.count;
    }
    Ok(summary)
}

/// A layer whose values can be checked.
trait Check: Layer {
    fn check<N: ReadNodes>(
        nodes: &N,
        value: &Self::Value,
        summary: &mut Summary,
    ) -> Result<Option<Fault>, Error<N::Error>>;
}

impl Check for Keys {
    fn check<N: ReadNodes>(_: &N, _: &u64, _: &mut Summary) -> Result<Option<Fault>, Error<N::Error>> {
        Ok(None)
    }
}

impl Check for Types {
    fn check<N: ReadNodes>(nodes: &N, keys: &KeyMap, summary: &mut Summary) -> Result<Option<Fault>, Error<N::Error>> {
        let shape_is_right = match keys {
            KeyMap::Inline(keys) => weight_of::<Keys>(keys) <= INLINE_WEIGHT,
            KeyMap::Tree(child) => {
                below::<Keys, N>(nodes, *child, Place::ROOT, summary)?;
                child.is_branch() || child.weight > INLINE_WEIGHT
            }
        };
        Ok((!shape_is_right).then_some(Fault::Shape))
    }
}

/// Checks a node and all below it, and answers what its parent should say of it.
fn node<L: Check, N: ReadNodes>(
    nodes: &N,
    id: NodeId,
    place: Place,
    summary: &mut Summary,
) -> Result<Child, Error<N::Error>> {
    let malformed = |fault| Error::Malformed { id, fault };
    let bytes = nodes.node(id).map_err(Error::Store)?.ok_or(Error::Missing(id))?;
    let bytes = bytes.as_ref();
    // First of all, for what has the right hash can't be a part of itself.
    if NodeId::of(bytes) != id {
        return Err(malformed(Fault::Hash));
    }
    summary.nodes += 1;
    summary.bytes += bytes.len() as u64;
    match Node::<L>::parse(bytes).map_err(malformed)? {
        Node::Branch(_) if place.is_bottom() => Err(malformed(Fault::Depth)),
        Node::Branch(children) => {
            let mut weight = 0_u64;
            let mut needed = false;
            for (nibble, child) in children.each() {
                let Some(child) = child else { continue };
                below::<L, N>(nodes, child, place.below(nibble), summary)?;
                weight = weight.saturating_add(child.weight);
                needed |= child.is_branch();
            }
            if !needed && weight <= LEAF_WEIGHT {
                return Err(malformed(Fault::Shape));
            }
            Ok(Child { id, count: children.count(), weight: 0 })
        }
        Node::Leaf(leaf) => {
            let items = leaf.own().map_err(malformed)?;
            let weight = weight_of::<L>(&items);
            if weight > LEAF_WEIGHT && !place.is_bottom() {
                return Err(malformed(Fault::Shape));
            }
            for (name, value) in &items {
                if !place.is_on(&Path::of(name)) {
                    return Err(malformed(Fault::Misplaced));
                }
                if let Some(fault) = L::check(nodes, value, summary)? {
                    return Err(malformed(fault));
                }
            }
            Ok(Child { id, count: leaf.count().map_err(malformed)?, weight })
        }
    }
}

/// Checks a node that a parent names.
fn below<L: Check, N: ReadNodes>(
    nodes: &N,
    named: Child,
    place: Place,
    summary: &mut Summary,
) -> Result<(), Error<N::Error>> {
    let found = node::<L, N>(nodes, named.id, place, summary)?;
    let fault = if found.count != named.count {
        Fault::Count
    } else if found.weight != named.weight {
        Fault::Weight
    } else {
        return Ok(());
    };
    Err(Error::Malformed { id: named.id, fault })
}
