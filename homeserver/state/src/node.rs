//! The bytes of nodes.
//!
//! ```text
//! branch   +---------+------+-----------------+---------+---------+- - -     one child for each bit set,
//!          | version | kind | bitmap (16, LE) | child   | child   |          from the lowest bit (nibble 0) on
//!          +---------+------+-----------------+---------+---------+- - -
//! child    +---------+---------------+----------------+
//!          | id (16) | count (v > 0) | weight (v)     |                      weight 0: the child is a branch
//!          +---------+---------------+----------------+
//!
//! leaf     +---------+------+-------------+-------------+- - -               to the end of the node,
//! of keys  | version | kind | entry       | entry       |                    state keys ascending
//!          +---------+------+-------------+-------------+- - -
//! entry    +------------+-----------+-----------+
//!          | length (v) | state key | value (v) |
//!          +------------+-----------+-----------+
//!
//! leaf     +---------+------+-------------+-------------+- - -               to the end of the node,
//! of types | version | kind | slot        | slot        |                    event types ascending
//!          +---------+------+-------------+-------------+- - -
//! slot     +------------+------------+------------+----------------------+
//!          | length (v) | event type | inline (v) | entries of so many   |   inline > 0: the keys stand here
//!          +------------+------------+------------+ bytes, or if inline  |   inline = 0: they are a trie
//!                                                 | is 0 a child         |
//!                                                 +----------------------+
//! ```
//!
//! (v) is an unsigned LEB128 integer of at most 64 bits in its shortest form. A count is of entries of the state. Kinds are 0 branch of
//! types, 1 leaf of types, 2 branch of keys, 3 leaf of keys.
//!
//! The *weight* of an entry is about what it takes in bytes, but does not depend on its value, so that changing a value never
//! changes the shape. A slot weighs as much as its name and its keys, but keys never more than [`INLINE_WEIGHT`](crate::layer::INLINE_WEIGHT).

use std::marker::PhantomData;

use crate::bytes::{Input, write_integer};
use crate::layer::Layer;
use crate::{Fault, NodeId};

/// The format of nodes written here, and the only one that is read.
const VERSION: u8 = 1;

/// What a branch, or a slot, says of a node below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) id: NodeId,
    /// How many entries lie below. 0, which no parent says, means that it isn't known: a root.
    pub(crate) count: u64,
    /// The weight of a leaf, or 0 for a branch.
    pub(crate) weight: u64,
}

impl Child {
    /// A root, of which nothing is known but its id.
    pub(crate) fn root(id: NodeId) -> Self {
        Self { id, count: 0, weight: 0 }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn is_branch(&self) -> bool {
        self.weight == 0
    }

    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self, Fault> {
        let child = Self { id: input.id()?, count: input.integer()?, weight: input.integer()? };
        if child.count == 0 { Err(Fault::Empty) } else { Ok(child) }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id.as_bytes());
        write_integer(out, self.count);
        write_integer(out, self.weight);
    }
}

/// A node's bytes, understood as far as the kind.
#[expect(clippy::large_enum_variant, reason = "lives on the stack for one step")]
pub(crate) enum Node<'a, L: Layer> {
    Branch(Children),
    Leaf(Leaf<'a, L>),
}

impl<'a, L: Layer> Node<'a, L> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut input = Input(bytes);
        match input.byte()? {
            VERSION => {}
            other => return Err(Fault::Version(other)),
        }
        match input.byte()? {
            kind if kind == L::BRANCH => Children::read(input).map(Self::Branch),
            kind if kind == L::LEAF => Ok(Self::Leaf(Leaf::entries(input.0))),
            other => Err(Fault::Kind(other)),
        }
    }
}

/// A branch's children, by nibble.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Children([Option<Child>; 16]);

impl Children {
    fn read(mut input: Input<'_>) -> Result<Self, Fault> {
        let bitmap = u16::from_le_bytes([input.byte()?, input.byte()?]);
        if bitmap == 0 {
            return Err(Fault::Empty);
        }
        let mut children = [None; 16];
        let mut count = 0_u64;
        for (nibble, slot) in children.iter_mut().enumerate() {
            if bitmap >> nibble & 1 == 1 {
                let child = Child::read(&mut input)?;
                count = count.checked_add(child.count).ok_or(Fault::Count)?;
                *slot = Some(child);
            }
        }
        if input.0.is_empty() { Ok(Self(children)) } else { Err(Fault::Trailing) }
    }

    pub(crate) fn child(&self, nibble: u8) -> Option<Child> {
        self.0.get(usize::from(nibble)).copied().flatten()
    }

    /// All 16, with their nibbles.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u8, Option<Child>)> + use<> {
        (0_u8..).zip(self.0)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().flatten().map(|child| child.count).sum()
    }
}

/// The names and values of a leaf, or of a type's inline keys.
pub(crate) struct Leaf<'a, L> {
    input: Input<'a>,
    layer: PhantomData<L>,
}

impl<'a, L: Layer> Leaf<'a, L> {
    pub(crate) fn entries(bytes: &'a [u8]) -> Self {
        Self { input: Input(bytes), layer: PhantomData }
    }

    /// Each name with its value, or what is wrong; nothing comes after that.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<(&'a str, L::View<'a>), Fault>> + use<'a, L> {
        let mut input = Input(self.input.0);
        let mut before: Option<&str> = None;
        let mut over = false;
        std::iter::from_fn(move || {
            if over || (input.0.is_empty() && before.is_some()) {
                return None;
            }
            let mut next = || {
                if input.0.is_empty() {
                    return Err(Fault::Empty);
                }
                let name = input.name()?;
                if before.is_some_and(|before| before >= name) {
                    return Err(Fault::Order);
                }
                before = Some(name);
                Ok((name, L::read(&mut input)?))
            };
            let item = next();
            over = item.is_err();
            Some(item)
        })
    }

    pub(crate) fn find(&self, name: &str) -> Result<Option<L::View<'a>>, Fault> {
        for item in self.iter() {
            let (other, view) = item?;
            if other >= name {
                return Ok((other == name).then_some(view));
            }
        }
        Ok(None)
    }

    pub(crate) fn count(&self) -> Result<u64, Fault> {
        self.iter().try_fold(0_u64, |sum, item| sum.checked_add(L::count(&item?.1)?).ok_or(Fault::Count))
    }

    pub(crate) fn own(&self) -> Result<Vec<(String, L::Value)>, Fault> {
        self.iter()
            .map(|item| {
                let (name, view) = item?;
                Ok((name.to_owned(), L::own(view)?))
            })
            .collect()
    }
}

/// The bytes of a branch.
pub(crate) fn encode_branch<L: Layer>(children: &[Option<Child>; 16]) -> Vec<u8> {
    let bitmap = children.iter().rev().fold(0_u16, |bitmap, child| bitmap << 1 | u16::from(child.is_some()));
    let mut out = vec![VERSION, L::BRANCH];
    out.extend_from_slice(&bitmap.to_le_bytes());
    children.iter().flatten().for_each(|child| child.write(&mut out));
    out
}

/// The bytes of a leaf. Names must ascend.
pub(crate) fn encode_leaf<'i, L: Layer>(items: impl Iterator<Item = (&'i str, &'i L::Value)>) -> Vec<u8>
where
    L::Value: 'i,
{
    let mut out = vec![VERSION, L::LEAF];
    items.for_each(|(name, value)| write_named::<L>(name, value, &mut out));
    out
}

pub(crate) fn write_named<L: Layer>(name: &str, value: &L::Value, out: &mut Vec<u8>) {
    write_integer(out, name.len() as u64);
    out.extend_from_slice(name.as_bytes());
    L::write(value, out);
}
