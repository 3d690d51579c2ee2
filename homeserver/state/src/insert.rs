//! Changing a state: the nodes from the changed leaves to the root are written anew, all others are shared.
//!
//! Changes go down the trie together, parted at each branch by nibble. On the way back up nothing is written before its final
//! shape is known: entries that might still end up in one leaf with their neighbours are handed up as they are
//! ([`Part::Loose`]). So each node that is written belongs to the new state, however many changes there are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::layer::{INLINE_WEIGHT, KeyMap, Keys, LEAF_WEIGHT, Layer, Types};
use crate::node::{Child, encode_branch, encode_leaf};
use crate::path::{Path, Place};
use crate::state::{Opened, open};
use crate::{Error, NodeId, WriteNodes};

/// Sets one entry and answers the root of the new state.
pub fn insert<W: WriteNodes>(
    nodes: &mut W,
    root: NodeId,
    event_type: &str,
    state_key: &str,
    value: u64,
) -> Result<NodeId, Error<W::Error>> {
    apply(nodes, root, [(event_type, state_key, Some(value))])
}

/// Removes one entry, if it is there, and answers the root of the new state.
pub fn remove<W: WriteNodes>(
    nodes: &mut W,
    root: NodeId,
    event_type: &str,
    state_key: &str,
) -> Result<NodeId, Error<W::Error>> {
    apply(nodes, root, [(event_type, state_key, None)])
}

/// Makes many changes at once and answers the root of the new state. `None` removes an entry.
///
/// If a key comes more than once, the last change counts. Each new node of the resulting state is written once and no other is; if nothing
/// changes, nothing is written. After an error some nodes may have been written, which do no harm but that nobody will need them.
pub fn apply<'c, W, T, K>(
    nodes: &mut W,
    root: NodeId,
    changes: impl IntoIterator<Item = (T, K, Option<u64>)>,
) -> Result<NodeId, Error<W::Error>>
where
    W: WriteNodes,
    T: Into<Cow<'c, str>>,
    K: Into<Cow<'c, str>>,
{
    let mut by_type: BTreeMap<Cow<'c, str>, Vec<Edit<'c, Keys>>> = BTreeMap::new();
    for (event_type, state_key, value) in changes {
        by_type.entry(event_type.into()).or_default().push(Edit::new(state_key.into(), value));
    }
    let edits = by_type.into_iter().map(|(event_type, keys)| Edit::new(event_type, in_order(keys))).collect();
    let old = (root != NodeId::EMPTY).then(|| Child::root(root));
    match edit::<Types, _>(nodes, Place::ROOT, old, in_order(edits))? {
        Part::Stored(child) => Ok(child.id),
        Part::Loose(items) if items.is_empty() => Ok(NodeId::EMPTY),
        Part::Loose(items) => write_leaf(nodes, items).map(|child| child.id),
    }
}

/// What was there, changed or not.
struct Amended<T> {
    now: T,
    /// Whether it is another than before.
    changed: bool,
}

/// A layer whose values can be changed.
trait Amend: Layer {
    type Change<'c>;

    /// The value after the change, if there is one then.
    fn amend<W: WriteNodes>(
        nodes: &mut W,
        old: Option<Self::Value>,
        change: Self::Change<'_>,
    ) -> Result<Amended<Option<Self::Value>>, Error<W::Error>>;
}

impl Amend for Keys {
    type Change<'c> = Option<u64>;

    fn amend<W: WriteNodes>(
        _: &mut W,
        old: Option<u64>,
        new: Option<u64>,
    ) -> Result<Amended<Option<u64>>, Error<W::Error>> {
        Ok(Amended { now: new, changed: new != old })
    }
}

impl Amend for Types {
    type Change<'c> = Vec<Edit<'c, Keys>>;

    fn amend<W: WriteNodes>(
        nodes: &mut W,
        old: Option<KeyMap>,
        edits: Vec<Edit<'_, Keys>>,
    ) -> Result<Amended<Option<KeyMap>>, Error<W::Error>> {
        let (part, changed) = match old {
            Some(KeyMap::Tree(child)) => {
                let part = edit(nodes, Place::ROOT, Some(child), edits)?;
                let changed = !part.is_still(Some(child));
                (part, changed)
            }
            Some(KeyMap::Inline(keys)) => {
                let items = amend_items(nodes, keys, edits)?;
                (split(nodes, Place::ROOT, items.now)?, items.changed)
            }
            None => {
                let part = edit(nodes, Place::ROOT, None, edits)?;
                let changed = !part.is_still(None);
                (part, changed)
            }
        };
        let keys = match part {
            Part::Stored(child) => Some(KeyMap::Tree(child)),
            Part::Loose(items) if items.is_empty() => None,
            Part::Loose(items) if weight_of(&items) > INLINE_WEIGHT => {
                Some(KeyMap::Tree(write_leaf(nodes, items)?))
            }
            Part::Loose(mut items) => {
                items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                let keys = items.into_iter().map(|item| (item.name.into_owned(), item.value));
                Some(KeyMap::Inline(keys.collect()))
            }
        };
        Ok(Amended { now: keys, changed })
    }
}

/// A change to what a trie holds for one name.
struct Edit<'c, L: Amend> {
    path: Path,
    name: Cow<'c, str>,
    change: L::Change<'c>,
}

impl<'c, L: Amend> Edit<'c, L> {
    fn new(name: Cow<'c, str>, change: L::Change<'c>) -> Self {
        Self { path: Path::of(&name), name, change }
    }
}

/// A name and its value, not yet in a leaf.
struct Item<'c, L: Layer> {
    /// Found out when it is needed: only when a leaf is split.
    path: Option<Path>,
    name: Cow<'c, str>,
    value: L::Value,
}

/// What lies below one place of the new trie.
enum Part<'c, L: Layer> {
    /// A branch, or a leaf that nothing has changed. It is in the store.
    Stored(Child),
    /// All that lies there, if it fits into one leaf; it isn't in the store.
    Loose(Vec<Item<'c, L>>),
}

impl<L: Layer> Part<'_, L> {
    fn new(child: Option<Child>) -> Self {
        child.map_or(Self::Loose(Vec::new()), Self::Stored)
    }

    fn is_still(&self, before: Option<Child>) -> bool {
        match (self, before) {
            (Self::Stored(child), Some(before)) => child.id == before.id,
            (Self::Loose(items), None) => items.is_empty(),
            _ => false,
        }
    }

    fn is_branch(&self) -> bool {
        matches!(self, Self::Stored(child) if child.is_branch())
    }

    fn weight(&self) -> u64 {
        match self {
            Self::Stored(child) => child.weight,
            Self::Loose(items) => weight_of(items),
        }
    }
}

/// Sorts edits by path, and leaves of those with the same name the last.
fn in_order<L: Amend>(mut edits: Vec<Edit<'_, L>>) -> Vec<Edit<'_, L>> {
    edits.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.name.cmp(&b.name)));
    edits.dedup_by(|later, earlier| {
        let same = later.name == earlier.name;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    edits
}

/// Makes changes, in order of path, below one place.
fn edit<'c, L: Amend, W: WriteNodes>(
    nodes: &mut W,
    place: Place,
    old: Option<Child>,
    mut edits: Vec<Edit<'c, L>>,
) -> Result<Part<'c, L>, Error<W::Error>> {
    let Some(first) = edits.first() else { return Ok(Part::new(old)) };
    let Some(child) = old else {
        let items = amend_items(nodes, Vec::new(), edits)?;
        return split(nodes, place, items.now);
    };
    let place = place.towards(first.path);
    match open::<L, _>(nodes, child, place)? {
        Opened::Leaf(items) => {
            let items = amend_items(nodes, items, edits)?;
            if items.changed { split(nodes, place, items.now) } else { Ok(Part::Stored(child)) }
        }
        Opened::Branch(children) => {
            let mut parts = Vec::with_capacity(16);
            let mut changed = false;
            // From the last nibble, so that each nibble's edits are at the end.
            for (nibble, before) in children.each().collect::<Vec<_>>().into_iter().rev() {
                let start = edits.partition_point(|edit| place.next_nibble(&edit.path) < nibble);
                let part = edit(nodes, place.below(nibble), before, edits.split_off(start))?;
                changed |= !part.is_still(before);
                parts.push(part);
            }
            parts.reverse();
            if changed { join(nodes, place, parts) } else { Ok(Part::Stored(child)) }
        }
    }
}

/// Makes changes to names that ascend.
fn amend_items<'c, L: Amend, W: WriteNodes>(
    nodes: &mut W,
    items: Vec<(String, L::Value)>,
    edits: Vec<Edit<'c, L>>,
) -> Result<Amended<Vec<Item<'c, L>>>, Error<W::Error>> {
    let mut kept: Vec<(String, Option<L::Value>)> =
        items.into_iter().map(|(name, value)| (name, Some(value))).collect();
    let mut added = Vec::new();
    let mut changed = false;
    for Edit { path, name, change } in edits {
        let at = kept.binary_search_by(|(other, _)| other.as_str().cmp(&name)).ok();
        let slot = at.and_then(|at| kept.get_mut(at)).map(|(_, value)| value);
        let old = slot.as_ref().and_then(|value| (*value).clone());
        let new = L::amend(nodes, old, change)?;
        changed |= new.changed;
        match (slot, new.now) {
            (Some(slot), new) => *slot = new,
            (None, Some(value)) => added.push(Item { path: Some(path), name, value }),
            (None, None) => {}
        }
    }
    let kept = kept.into_iter().filter_map(|(name, value)| {
        Some(Item { path: None, name: Cow::Owned(name), value: value? })
    });
    Ok(Amended { now: kept.chain(added).collect(), changed })
}

/// Gives entries their shape below one place: loose if they fit a leaf, otherwise a branch.
fn split<'c, L: Layer, W: WriteNodes>(
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
fn join<'c, L: Layer, W: WriteNodes>(
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

fn write_leaf<L: Layer, W: WriteNodes>(
    nodes: &mut W,
    mut items: Vec<Item<'_, L>>,
) -> Result<Child, Error<W::Error>> {
    items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let bytes = encode_leaf::<L>(items.iter().map(|item| (item.name.as_ref(), &item.value)));
    let count = items.iter().fold(0_u64, |sum, item| sum.saturating_add(L::count_owned(&item.value)));
    write(nodes, &bytes, count, weight_of(&items))
}

fn write<W: WriteNodes>(
    nodes: &mut W,
    bytes: &[u8],
    count: u64,
    weight: u64,
) -> Result<Child, Error<W::Error>> {
    let id = NodeId::of(bytes);
    nodes.put(id, bytes).map_err(Error::Store)?;
    Ok(Child { id, count, weight })
}

fn weight_of<L: Layer>(items: &[Item<'_, L>]) -> u64 {
    items.iter().fold(0, |sum, item| sum.saturating_add(L::weight(&item.name, &item.value)))
}
