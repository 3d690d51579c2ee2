//! A store as a stream of bytes, to be kept elsewhere and made into a store again.
//!
//! A dump is logical: it holds rows, not pages, in an order of its own. So it says nothing of the engine, is the same
//! whenever the rows are, and two dumps of a store at different times differ about where rows do: what cuts
//! them into chunks by their content, as backup programs do, finds what it has already.
//!
//! ```text
//! header   +------------+--------------+--------------+
//!          | magic (16) | format (u32) | schema (u64) |
//!          +------------+--------------+--------------+
//! table    +---+-------------+------+-----+-----+- - -+-----+
//!          | 1 | length (u8) | name | row | row |     | end |
//!          +---+-------------+------+-----+-----+- - -+-----+
//! row      +----------------------+--------------------+-----+-------+
//!          | length of key (u32)  | length of value    | key | value |      the key without the table's number,
//!          | and 1 more           | (u32)              |     |       |      ascending; STATE_NODES in the order of use
//!          +----------------------+--------------------+-----+-------+
//! end      +---------+------------+
//!          | 0 (u32) | rows (u64) |
//!          +---------+------------+
//! trailer  +---+----------------+-------------------------------------+
//!          | 0 | position (u64) | BLAKE3 of everything before it (32) |
//!          +---+----------------+-------------------------------------+
//! ```
//!
//! Numbers are big-endian. What changes with every dump, the position and the sums, stands at the end.
//!
//! Tables that follow from others are left out and made again; what is over within a day is left out (`derived.rs`). Hashes as keys would put what is new all
//! over a table; the one large table that has them, `STATE_NODES`, goes in the order in which rooms came to use the nodes,
//! which whoever dumps has to say, for the store knows nothing of their insides.

mod derived;
mod load;
mod parse;
mod write;

pub use load::{Loaded, load};
pub use parse::{Contents, Row, verify};
pub use write::{DumpError, Dumped};

use std::path::{Path, PathBuf};

const MAGIC: [u8; 16] = *b"Hearth snapshot\n";
/// Of the layout above.
const FORMAT: u32 = 1;
/// A table follows.
const TABLE: u8 = 1;
/// The trailer follows.
const TRAILER: u8 = 0;
/// Longest key that a dump holds. The longest of the store's are some 1.5 KiB.
const LONGEST_KEY: usize = 64 << 10;
/// Longest value that a dump holds. The longest of the store's are account data of 512 KiB.
const LONGEST_VALUE: usize = 16 << 20;

/// Why a dump can't be made into a store, or is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// These bytes are something else.
    #[error("This is not a snapshot of a Hearth homeserver. Choose another file, or another replica.")]
    Foreign,
    /// A newer Hearth made it.
    #[error(
        "This snapshot was made by a newer version of Hearth ({0}). Install that version, or a newer one, and restore again."
    )]
    Newer(String),
    /// It is broken, or ends too early.
    #[error("This snapshot is damaged: {what}, at byte {at}. Nothing was restored; take an older replica.")]
    Damaged {
        /// What is wrong.
        what: String,
        /// About where.
        at: u64,
    },
    /// The snapshot can't be read on.
    #[error("The snapshot could not be read: {0}. Nothing was restored.")]
    Input(std::io::Error),
    /// There is a database already.
    #[error("{0} is there already, and a restore replaces nothing. Choose an empty folder, or move that file away.")]
    Occupied(PathBuf),
    /// The database can't be made.
    #[error(transparent)]
    Open(#[from] crate::OpenError),
    /// The database can't be written.
    #[error("The database could not be written: {0}. Nothing was restored.")]
    Store(#[from] crate::StoreError),
}

/// The name under which a database is made before it is whole.
#[must_use]
pub fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".restoring");
    name.into()
}
