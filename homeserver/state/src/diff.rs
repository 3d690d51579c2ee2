//! The difference of two states, found by walking both side by side and only where their node ids differ.

use std::sync::Arc;

use crate::layer::{KeyMap, Keys, Layer, Types};
use crate::node::{Child, Children};
use crate::path::{Path, Place};
use crate::state::{Opened, open};
use crate::{Error, NodeId, ReadNodes};

/// An entry that is not the same in two states.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The type of the event. Shared between the differences of one type.
    pub event_type: Arc<str>,
    /// The state key.
    pub state_key: String,
    /// The value in the old state, if the entry is there.
    pub old: Option<u64>,
    /// The value in the new state, if the entry is there. Always another than `old`.
    pub new: Option<u64>,
}

/// Which event types a walk is about. Nodes that hold only others are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeFilter<'t> {
    /// Every type.
    All,
    /// This type.
    Only(&'t str),
    /// All but this type.
    Except(&'t str),
}

impl TypeFilter<'_> {
    fn wants(&self, event_type: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(wanted) => event_type == *wanted,
            Self::Except(unwanted) => event_type != *unwanted,
        }
    }

    /// Whether types that are wanted can lie below this place.
    fn leads_to(&self, place: Place) -> bool {
        match self {
            Self::Only(wanted) => place.is_on(&Path::of(wanted)),
            Self::All | Self::Except(_) => true,
        }
    }
}

/// The entries in which two states differ, from [`State::diff`](crate::State::diff).
///
/// Differences of one type come together; the order is otherwise that of hashes. After an error nothing more comes.
#[derive(Debug)]
pub struct Diff<'n, N> {
    nodes: &'n N,
    types: TypeFilter<'n>,
    /// Places still to be looked at, the next one last.
    pub(crate) places: Vec<Task>,
    ready: std::vec::IntoIter<Difference>,
}

#[derive(Debug)]
pub(crate) enum Task {
    Types(Pair<Types>),
    Keys(Arc<str>, Pair<Keys>),
}

/// The same place in both tries.
#[derive(Debug)]
pub(crate) struct Pair<L: Layer> {
    place: Place,
    old: Side<L>,
    new: Side<L>,
}

/// What one trie has at a place.
#[derive(Debug)]
pub(crate) enum Side<L: Layer> {
    Node(Child),
    /// These names, ascending: a part of a leaf that stands higher up in this trie than in the other, or nothing.
    Items(Vec<(String, L::Value)>),
}

impl<L: Layer> Side<L> {
    fn new(child: Option<Child>) -> Self {
        child.map_or(Self::Items(Vec::new()), Self::Node)
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Items(items) if items.is_empty())
    }

    fn open<N: ReadNodes>(self, nodes: &N, place: Place) -> Result<Opened<L>, Error<N::Error>> {
        match self {
            Self::Node(child) => open(nodes, child, place),
            Self::Items(items) => Ok(Opened::Leaf(items)),
        }
    }
}

impl Side<Types> {
    fn root(root: NodeId) -> Self {
        Self::new((root != NodeId::EMPTY).then(|| Child::root(root)))
    }
}

impl Side<Keys> {
    fn of_type(keys: Option<KeyMap>) -> Self {
        match keys {
            Some(KeyMap::Tree(child)) => Self::Node(child),
            Some(KeyMap::Inline(keys)) => Self::Items(keys),
            None => Self::Items(Vec::new()),
        }
    }
}

/// A name whose value is not the same on both sides.
struct Change<V> {
    name: String,
    old: Option<V>,
    new: Option<V>,
}

/// What comes of a pair.
enum Step<L: Layer> {
    /// Pairs one level down, those with the higher nibbles first.
    Below(Vec<Pair<L>>),
    /// Names that differ, ascending.
    Names(Vec<Change<L::Value>>),
}

impl<L: Layer> Pair<L> {
    /// The new trie's node at this place, where the old one has another or none.
    pub(crate) fn added(&self) -> Option<NodeId> {
        match (&self.old, &self.new) {
            (Side::Node(old), Side::Node(new)) if old.id == new.id => None,
            (_, Side::Node(new)) => Some(new.id),
            (_, Side::Items(_)) => None,
        }
    }

    fn step<N: ReadNodes>(self, nodes: &N) -> Result<Step<L>, Error<N::Error>> {
        let Self { place, old, new } = self;
        if let (Side::Node(old), Side::Node(new)) = (&old, &new)
            && old.id == new.id
        {
            return Ok(Step::Names(Vec::new()));
        }
        let (old, new) = match (old.open(nodes, place)?, new.open(nodes, place)?) {
            (Opened::Leaf(old), Opened::Leaf(new)) => return Ok(Step::Names(merge(old, new))),
            (Opened::Branch(old), Opened::Branch(new)) => (by_nibble(old), by_nibble(new)),
            (Opened::Branch(old), Opened::Leaf(new)) => (by_nibble(old), part(place, new)),
            (Opened::Leaf(old), Opened::Branch(new)) => (part(place, old), by_nibble(new)),
        };
        let mut below: Vec<_> = (0..)
            .zip(old.into_iter().zip(new))
            .map(|(nibble, (old, new))| Pair { place: place.below(nibble), old, new })
            .filter(|pair| !(pair.old.is_empty() && pair.new.is_empty()))
            .collect();
        below.reverse();
        Ok(Step::Below(below))
    }
}

fn by_nibble<L: Layer>(children: Children) -> Vec<Side<L>> {
    children.each().map(|(_, child)| Side::new(child)).collect()
}

/// Parts a leaf's names as a branch in its place would.
fn part<L: Layer>(place: Place, items: Vec<(String, L::Value)>) -> Vec<Side<L>> {
    let mut parts: [Vec<_>; 16] = Default::default();
    for item in items {
        let nibble = place.next_nibble(&Path::of(&item.0));
        if let Some(part) = parts.get_mut(usize::from(nibble)) {
            part.push(item);
        }
    }
    parts.into_iter().map(Side::Items).collect()
}

/// What differs between names that ascend.
fn merge<V: PartialEq>(old: Vec<(String, V)>, new: Vec<(String, V)>) -> Vec<Change<V>> {
    let added = |(name, value)| Change { name, old: None, new: Some(value) };
    let mut merged = Vec::new();
    let mut new = new.into_iter().peekable();
    for (name, value) in old {
        while let Some(item) = new.next_if(|(other, _)| *other < name) {
            merged.push(added(item));
        }
        match new.next_if(|(other, _)| *other == name) {
            Some((_, same)) if same == value => {}
            now => {
                let new = now.map(|(_, value)| value);
                merged.push(Change { name, old: Some(value), new });
            }
        }
    }
    merged.extend(new.map(added));
    merged
}

impl<'n, N: ReadNodes> Diff<'n, N> {
    pub(crate) fn new(nodes: &'n N, old: NodeId, new: NodeId, types: TypeFilter<'n>) -> Self {
        let roots = Pair { place: Place::ROOT, old: Side::root(old), new: Side::root(new) };
        Self { nodes, types, places: vec![Task::Types(roots)], ready: Vec::new().into_iter() }
    }

    pub(crate) fn step(&mut self, task: Task) -> Result<(), Error<N::Error>> {
        match task {
            Task::Types(pair) => match pair.step(self.nodes)? {
                Step::Below(pairs) => {
                    let wanted = pairs.into_iter().filter(|pair| self.types.leads_to(pair.place));
                    self.places.extend(wanted.map(Task::Types));
                }
                Step::Names(types) => {
                    let wanted = types.into_iter().rev().filter(|change| self.types.wants(&change.name));
                    self.places.extend(wanted.map(|Change { name, old, new }| {
                        let (old, new) = (Side::of_type(old), Side::of_type(new));
                        Task::Keys(name.into(), Pair { place: Place::ROOT, old, new })
                    }));
                }
            },
            Task::Keys(event_type, pair) => match pair.step(self.nodes)? {
                Step::Below(pairs) => {
                    self.places.extend(pairs.into_iter().map(|pair| Task::Keys(event_type.clone(), pair)));
                }
                Step::Names(keys) => {
                    let differences = keys.into_iter().map(|Change { name: state_key, old, new }| Difference {
                        event_type: event_type.clone(),
                        state_key,
                        old,
                        new,
                    });
                    self.ready = differences.collect::<Vec<_>>().into_iter();
                }
            },
        }
        Ok(())
    }
}

impl<N: ReadNodes> Iterator for Diff<'_, N> {
    type Item = Result<Difference, Error<N::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(difference) = self.ready.next() {
                return Some(Ok(difference));
            }
            let task = self.places.pop()?;
            if let Err(error) = self.step(task) {
                self.places.clear();
                return Some(Err(error));
            }
        }
    }
}
