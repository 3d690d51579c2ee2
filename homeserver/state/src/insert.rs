//! Changing a state: the nodes from the changed leaves to the root are written anew, all others are shared.
//!
//! Changes go down the trie together, parted at each branch by nibble; what comes back up is put into shape by [`shape`](crate::shape).

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::layer::{INLINE_WEIGHT, KeyMap, Keys, Layer, Types};
use crate::node::Child;
use crate::path::{Path, Place};
use crate::shape::{Item, Part, join, split, weight_of, write_leaf};
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
            Part::Loose(items) if weight_of(&items) > INLINE_WEIGHT => Some(KeyMap::Tree(write_leaf(nodes, items)?)),
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
    let Some(first) = edits.first() else {
        return Ok(Part::new(old));
    };
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
    let kept =
        kept.into_iter().filter_map(|(name, value)| Some(Item { path: None, name: Cow::Owned(name), value: value? }));
    Ok(Amended { now: kept.chain(added).collect(), changed })
}
