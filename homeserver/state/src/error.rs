use thiserror::Error;

use crate::NodeId;

/// Why a state could not be read or changed. `E` is the error of the store that holds the nodes.
#[derive(Debug, Error)]
pub enum Error<E> {
    /// The store failed.
    #[error("the store of state nodes failed: {0}")]
    Store(E),
    /// The store does not have a node that another node or the caller names.
    #[error("state node {0} is missing")]
    Missing(NodeId),
    /// The store gave bytes that are not the node that they should be.
    #[error("state node {id} is damaged: {fault}")]
    Malformed {
        /// The node.
        id: NodeId,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with the bytes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The first byte names a format that this version of Hearth does not know.
    #[error("it is of format {0}, which this version does not know")]
    Version(u8),
    /// The second byte is not the kind of a node that belongs here.
    #[error("a node of kind {0} does not belong here")]
    Kind(u8),
    /// The bytes end too early.
    #[error("it ends too early")]
    Truncated,
    /// Bytes are left over at the end.
    #[error("it goes on after its end")]
    Trailing,
    /// An integer is too large or not in its shortest form.
    #[error("it holds an integer that is not well formed")]
    Integer,
    /// An event type or a state key is not UTF-8.
    #[error("it holds a name that is not UTF-8")]
    Utf8,
    /// Names do not ascend strictly.
    #[error("its names are out of order")]
    Order,
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It does not hold as many entries as its parent says.
    #[error("it holds another number of entries than its parent says")]
    Count,
    /// A branch where the hash has no nibbles left.
    #[error("it lies deeper than a path is long")]
    Depth,
    /// A name whose hash leads elsewhere.
    #[error("it holds a name that belongs elsewhere")]
    Misplaced,
    /// Found by [`verify`](crate::verify()) alone: the bytes do not have the hash that is their name.
    #[error("its bytes do not have its hash")]
    Hash,
    /// Found by [`verify`](crate::verify()) alone: its weight is not what its parent says.
    #[error("it has another weight than its parent says")]
    Weight,
    /// Found by [`verify`](crate::verify()) alone: the same entries have another, canonical shape.
    #[error("it is not in canonical form")]
    Shape,
}
