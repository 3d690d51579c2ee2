//! The canonical shape: which names stand together in a leaf, and which are parted by a branch.
//!
//! Nothing is written before its final shape is known: entries that might still end up in one leaf with their neighbours are handed
//! up as they are ([`Part::Loose`]). So each node that is written belongs to the new state, however many changes there are.

use std::borrow::Cow;

use crate::layer::{LEAF_WEIGHT, Layer};
use crate::node::{Child, encode_branch, encode_leaf};
use crate::path::{Path, Place};
use crate::state::{Opened, open};
use crate::{Error, NodeId, WriteNodes};

/// A name and its value, not yet in a leaf.
pub(crate) struct Item<'c, L: Layer> {
    /// Found out when it is needed: only when a leaf is split.
    pub(crate) path: Option<Path>,
    pub(crate) name: Cow<'c, str>,
    pub(crate) value: L::Value,
}

/// What lies below one place of the new trie.
pub(crate) enum Part<'c, L: Layer> {
    /// A branch, or a leaf that nothing has changed. It is in the store.
    Stored(Child),
    /// All that lies there, if it fits into one leaf; it isn't in the store.
    Loose(Vec<Item<'c, L>>),
}

impl<L: Layer> Part<'_, L> {
    pub(crate) fn new(child: Option<Child>) -> Self {
        child.map_or(Self::Loose(Vec::new()), Self::Stored)
    }

    pub(crate) fn is_still(&self, before: Option<Child>) -> bool {
        match (self, before) {
            (Self::Stored(child), Some(before)) => child.id == before.id,
            (Self::Loose(items), None) => items.is_empty(),
            _ => false,
        }
    }

    pub(crate) fn is_branch(&self) -> bool {
        matches!(self, Self::Stored(child) if child.is_branch())
    }

    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Stored(child) => child.weight,
            Self::Loose(items) => weight_of(items),
        }
    }
}

/// Gives entries their shape below one place: loose if they fit a leaf, otherwise a branch.
pub(crate) fn split<'c, L: Layer, W: WriteNodes>(
    nodes: &mut W,
    place: Place,
    items: Vec<Item<'c, L>>,
) -> Result<Part<'c, L>, Error<W::Error>> {
    if place.is_bottom() || weight_of(&items) <= LEAF_WEIGHT {
        return Ok(Part::Loose(items));
    }
    let mut below: [Vec<Item<'c, L>>; 16] = Default::default();
    for mut item in items {
        let path = *item.path.get_or_insert_with(|| Path::of(&item.name));
        if let Some(items) = below.get_mut(usize::from(place.next_nibble(&path))) {
            items.push(item);
        }
    }
    let mut parts = Vec::with_capacity(16);
    for (nibble, items) in (0..).zip(below) {
        parts.push(split(nodes, place.below(nibble), items)?);
    }
    join(nodes, place, parts)
}

/// Puts the 16 parts below one place together: loose if they now fit a leaf, otherwise a branch.
pub(crate) fn join<'c, L: Layer, W: WriteNodes>(
    nodes: &mut W,
    place: Place,
    parts: Vec<Part<'c, L>>,
) -> Result<Part<'c, L>, Error<W::Error>> {
    let weight = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.weight()));
    if weight <= LEAF_WEIGHT && !parts.iter().any(Part::is_branch) {
        let mut together = Vec::new();
        for (nibble, part) in (0..).zip(parts) {
            match part {
                Part::Loose(items) => together.extend(items),
                Part::Stored(leaf) => {
                    if let Opened::Leaf(items) = open::<L, _>(nodes, leaf, place.below(nibble))? {
                        together.extend(items.into_iter().map(|(name, value)| Item {
                            path: None,
                            name: Cow::Owned(name),
                            value,
                        }));
                    }
                }
            }
        }
        return Ok(Part::Loose(together));
    }
    let mut children = [None; 16];
    for (slot, part) in children.iter_mut().zip(parts) {
        *slot = match part {
            Part::Stored(child) => Some(child),
            Part::Loose(items) if items.is_empty() => None,
            Part::Loose(items) => Some(write_leaf(nodes, items)?),
        };
    }
    let count = children.iter().flatten().fold(0_u64, |sum, child| sum.saturating_add(child.count));
    let bytes = encode_branch::<L>(&children);
    write(nodes, &bytes, count, 0).map(Part::Stored)
}

pub(crate) fn write_leaf<L: Layer, W: WriteNodes>(
    nodes: &mut W,
    mut items: Vec<Item<'_, L>>,
) -> Result<Child, Error<W::Error>> {
    items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let bytes = encode_leaf::<L>(items.iter().map(|item| (item.name.as_ref(), &item.value)));
    let count = items.iter().fold(0_u64, |sum, item| sum.saturating_add(L::count_owned(&item.value)));
    write(nodes, &bytes, count, weight_of(&items))
}

pub(crate) fn write<W: WriteNodes>(
    nodes: &mut W,
    bytes: &[u8],
    count: u64,
    weight: u64,
) -> Result<Child, Error<W::Error>> {
    let id = NodeId::of(bytes);
    nodes.put(id, bytes).map_err(Error::Store)?;
    Ok(Child { id, count, weight })
}

pub(crate) fn weight_of<L: Layer>(items: &[Item<'_, L>]) -> u64 {
    items.iter().fold(0, |sum, item| sum.saturating_add(L::weight(&item.name, &item.value)))
}
