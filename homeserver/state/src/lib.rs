//! The state of Matrix rooms as a persistent trie.
//!
//! A room's state is a map from (event type, state key) to the number of an event. Rooms have thousands of versions of
//! that map, each a little different from the one before, and the largest have 100,000 members. Here a version is a
//! [`NodeId`], the root of a tree of small immutable nodes which versions share: a change writes the nodes from one
//! leaf to the root, and the difference of two versions is found by walking only where their node ids differ.
//!
//! The crate does no I/O. Nodes come from whatever implements [`ReadNodes`] and go to whatever implements [`WriteNodes`].
//!
//! | to | call |
//! | --- | --- |
//! | change a state | [`apply`], or for one entry [`insert()`] and [`remove()`]; from [`NodeId::EMPTY`] it builds one |
//! | read a state | [`State::get`], [`State::len`], [`State::len_of_type`] |
//! | list it | [`State::iter`], [`State::iter_type`], [`State::iter_except_type`] |
//! | compare two | [`State::diff`], [`State::diff_types`] |
//! | check it | [`verify()`] |
//! | find garbage | [`reachable`] |
//! | find what a version has added | [`added()`] |
//! | try changes without storing them | [`Overlay`] |
//!
//! # Shape
//!
//! Two tries, one inside the other. The outer one maps event types, the inner one, which every type has of its own, maps
//! state keys. So one type can be walked, or left out, without touching any other, however large.
//!
//! ```text
//! root ── leaf of types                                     (a branch of types, when there are very many types)
//!           m.room.create        inline: "" -> 1
//!           m.room.power_levels  inline: "" -> 3
//!           m.room.member        tree ── branch of keys ── branch of keys ── leaf of keys
//!                                                                              @ann:example.org -> 2
//!                                                                              @bob:example.org -> 94
//! ```
//!
//! Both are tries over the nibbles of a hash of the name, with up to 16 children to a branch, and leaves that hold as
//! many names as fit. The bytes of each kind of node stand in the `node` module.
//!
//! # Invariants
//!
//! 1. *Content addressed.* A node's id is a hash of its bytes, and a branch holds its children's ids. Equal ids, equal states.
//! 2. *Canonical.* The shape is a function of the map alone, whatever the order of the changes that led there: names stand
//!    together in a leaf if and only if their weights sum to no more than a leaf's limit or their hashes are the same to the
//!    last nibble; a type's keys stand inline if and only if they are light enough. Hence equal states, equal ids.
//! 3. *Minimal bytes.* Names ascend strictly, children stand in the order of their nibbles, integers take their shortest form.
//! 4. *Counted.* A parent holds the number of entries below each child, so counting a type or a state reads one node.
//!
//! Nodes come from a disk, so readers trust none of this. Bytes are checked as they are decoded; a node must hold as many entries as
//! its parent says; no path is longer than a hash; and a leaf is accepted only at the place where its names belong, so that a
//! damaged store can't send a walk in circles. Hashes are compared by [`verify()`] alone.
//!
//! # Why BLAKE3, truncated, without a key
//!
//! BLAKE3 is fast for short input on boards whose processors have no SHA instructions (Pi 3, Pi 4). Sixteen bytes leave
//! 2^64 work to make two nodes with one id, for which an attacker would also have to know the numbers our server gives to events.
//!
//! The hash that places a name has no key, so that the same state has the same id in every room and after every restore. Whoever
//! wants to make a trie deep must find names that begin with the same nibbles: each level costs sixteen times
//! the last, and buys a branch of some 25 bytes on the path to those names alone. Ten levels deep take 10^13 hashes. Should names
//! ever collide in all 32 nibbles, they share one leaf, and everything stays right.

#![forbid(unsafe_code)]

mod added;
mod bytes;
mod diff;
mod error;
mod insert;
mod layer;
mod node;
mod nodes;
mod path;
mod shape;
mod state;
#[cfg(test)]
mod tests;
mod verify;
mod walk;

pub use added::{Added, added};
pub use diff::{Diff, Difference, TypeFilter};
pub use error::{Error, Fault};
pub use insert::{apply, insert, remove};
pub use nodes::{MemoryNodes, NodeBytes, NodeId, Overlay, ReadNodes, WriteNodes};
pub use state::State;
pub use verify::{Summary, verify};
pub use walk::{Entry, Iter, OnlyBelow, Reachable, reachable};
