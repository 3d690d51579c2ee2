//! The two tries: event types, and within a type the state keys. What is the same for both is written once, over [`Layer`].

use crate::Fault;
use crate::bytes::{Input, write_integer};
use crate::node::{Child, Leaf, write_named};

/// Names stand together in a leaf if they weigh no more than this in total.
///
/// Larger leaves mean fewer nodes but more bytes written per change. With this one a change in a room of 100,000 members writes five nodes
/// and less than 3 KiB.
pub(crate) const LEAF_WEIGHT: u64 = 1536;

/// A type's keys stand inline in the leaf of types if they weigh no more than this.
///
/// That leaf is written with every change to the state, so this is small: enough for the usual single empty key, or a direct chat's members.
pub(crate) const INLINE_WEIGHT: u64 = 96;

/// What an entry weighs beyond its name: a length, a value of usual size.
const ENTRY_WEIGHT: u64 = 8;

/// One of the two tries: what its nodes are called and what its leaves hold for a name.
pub(crate) trait Layer: Sized {
    const BRANCH: u8;
    const LEAF: u8;
    /// What a leaf holds for a name, as a view into its bytes.
    type View<'a>;
    /// The same, copied out.
    type Value: Clone + PartialEq + std::fmt::Debug;

    fn read<'a>(input: &mut Input<'a>) -> Result<Self::View<'a>, Fault>;
    fn own(view: Self::View<'_>) -> Result<Self::Value, Fault>;
    fn write(value: &Self::Value, out: &mut Vec<u8>);
    fn weight(name: &str, value: &Self::Value) -> u64;
    /// How many entries of the state the view holds.
    fn count(view: &Self::View<'_>) -> Result<u64, Fault>;
    /// How many entries of the state the value holds.
    fn count_owned(value: &Self::Value) -> u64;
}

/// The inner trie: state keys and the values of entries.
#[derive(Debug)]
pub(crate) enum Keys {}

impl Layer for Keys {
    const BRANCH: u8 = 2;
    const LEAF: u8 = 3;
    type View<'a> = u64;
    type Value = u64;

    fn read(input: &mut Input<'_>) -> Result<u64, Fault> {
        input.integer()
    }

    fn own(view: u64) -> Result<u64, Fault> {
        Ok(view)
    }

    fn write(value: &u64, out: &mut Vec<u8>) {
        write_integer(out, *value);
    }

    fn weight(name: &str, _: &u64) -> u64 {
        name.len() as u64 + ENTRY_WEIGHT
    }

    fn count(_: &u64) -> Result<u64, Fault> {
        Ok(1)
    }

    fn count_owned(_: &u64) -> u64 {
        1
    }
}

/// The outer trie: event types and the state keys that each has.
#[derive(Debug)]
pub(crate) enum Types {}

/// The state keys of one type, as a view.
pub(crate) enum Slot<'a> {
    Inline(Leaf<'a, Keys>),
    Tree(Child),
}

impl Slot<'_> {
    pub(crate) fn count(&self) -> Result<u64, Fault> {
        match self {
            Self::Inline(keys) => keys.count(),
            Self::Tree(child) => Ok(child.count),
        }
    }
}

/// The state keys of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyMap {
    Inline(Vec<(String, u64)>),
    Tree(Child),
}

impl Layer for Types {
    const BRANCH: u8 = 0;
    const LEAF: u8 = 1;
    type View<'a> = Slot<'a>;
    type Value = KeyMap;

    fn read<'a>(input: &mut Input<'a>) -> Result<Slot<'a>, Fault> {
        match input.integer()? {
            0 => Child::read(input).map(Slot::Tree),
            length => Ok(Slot::Inline(Leaf::entries(input.take(length)?))),
        }
    }

    fn own(view: Slot<'_>) -> Result<KeyMap, Fault> {
        match view {
            Slot::Inline(keys) => keys.own().map(KeyMap::Inline),
            Slot::Tree(child) => Ok(KeyMap::Tree(child)),
        }
    }

    fn write(value: &KeyMap, out: &mut Vec<u8>) {
        match value {
            KeyMap::Inline(keys) => {
                let mut entries = Vec::new();
                keys.iter().for_each(|(name, value)| write_named::<Keys>(name, value, &mut entries));
                write_integer(out, entries.len() as u64);
                out.append(&mut entries);
            }
            KeyMap::Tree(child) => {
                write_integer(out, 0);
                child.write(out);
            }
        }
    }

    fn weight(name: &str, value: &KeyMap) -> u64 {
        let keys = match value {
            KeyMap::Inline(keys) => weight_of::<Keys>(keys),
            KeyMap::Tree(_) => INLINE_WEIGHT,
        };
        name.len() as u64 + ENTRY_WEIGHT + keys.min(INLINE_WEIGHT)
    }

    fn count(view: &Slot<'_>) -> Result<u64, Fault> {
        view.count()
    }

    fn count_owned(value: &KeyMap) -> u64 {
        match value {
            KeyMap::Inline(keys) => keys.len() as u64,
            KeyMap::Tree(child) => child.count,
        }
    }
}

/// The weight of names with their values.
pub(crate) fn weight_of<L: Layer>(items: &[(String, L::Value)]) -> u64 {
    items.iter().fold(0, |sum, (name, value)| sum.saturating_add(L::weight(name, value)))
}

/// How many entries of the state these names stand for.
pub(crate) fn count_of<L: Layer>(items: &[(String, L::Value)]) -> Result<u64, Fault> {
    items.iter().try_fold(0_u64, |sum, (_, value)| sum.checked_add(L::count_owned(value)).ok_or(Fault::Count))
}
