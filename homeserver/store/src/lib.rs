//! Hearth's store: ordered tables, snapshots to read from, and atomic, durable changes.
//!
//! Nothing above this crate knows which engine is underneath: it sees [`Table`]s with typed, ordered
//! keys, a [`Snapshot`] to read and a [`Change`] to write.
//!
//! # How a change becomes durable
//!
//! 1. [`Store::change`] puts the work into the queue (`queue.rs`) and waits.
//! 2. The writer's thread (`writer.rs`) takes what waits, at most 256 changes or 5 ms of work, and
//!    runs one after the other in one transaction of redb's. Each writes into a map of its own
//!    (`change.rs`), which goes into the transaction only if the work succeeds; so a failure or a
//!    panic leaves nothing, and later changes see earlier ones.
//! 3. It commits with an fsync, publishes the new [`Snapshot`], runs the hooks, and answers, in order.
//!    If the commit fails, all of the group are told so and the store takes no more changes: what
//!    the medium then holds shows only when it is opened anew.
//!
//! # What is in the file
//!
//! Two tables of redb's. `hearth` holds a magic string, the schema version, and up to where
//! positions are reserved (by 4,096, in the commit that first needs them, so that no [`StreamPos`] is
//! given out twice whatever is deleted). `rows` holds every row of every table, each under its table's
//! two-byte number (`table.rs`).
//!
//! One tree for all, because a commit rewrites the path to every row it touches in every tree it
//! touches. 200 commits, each storing a message's rows into a store that has 50,000 messages:
//!
//! | KiB written per commit | 1 table | 3 tables | 5 tables | 32 changes of 5, per change |
//! | --- | --- | --- | --- | --- |
//! | 45 tables of redb's | 41 | 65 | 82 | 13.0 |
//! | one, as here | 37 | 57 | 73 | 12.6 |
//!
//! # What was measured
//!
//! `cargo bench -p hearth-store` on two shared virtual cores and a virtual disk, 23 November 2026,
//! 50,000 messages stored (136 MiB), 8 MiB of cache:
//!
//! | | KiB written per change | µs per change |
//! | --- | --- | --- |
//! | one at a time, 3 tables | 50 | 1,800 |
//! | one at a time, 5 tables | 70 | 2,400 |
//! | 32 at a time, 5 tables | 13 | 130 |
//! | 128 at a time, 5 tables | 7.5 | 90 |
//!
//! Of a lone change's bytes, 16 KiB are redb's own (header, its tree of tables, its lists of freed
//! pages; 20 where no snapshot is held, for then it frees pages in a step of its own); the rest are the
//! paths to the rows. An index by hash, such as event id to number,
//! costs a leaf and often a branch for each row even in a large group.
//!
//! # After a kill
//!
//! redb then walks the whole file, comparing checksums, to find out which pages are in use: 0.25 s for
//! 136 MiB in the page cache, 0.5 s for 272 MiB, 0.9 s for 272 MiB that had to be read from this disk. On a
//! medium that reads 40 MB/s expect at least 3 s for 100 MiB. Its quick repair would open in 12 ms, but
//! writes the map of pages with every commit and syncs twice: at 272 MiB a lone change of 5 tables costs
//! 118 KiB instead of 74. A box is killed far less often than it stores a message, so it is off; and
//! the walk is at the same time the check that a file wants after a power cut.
//!
//! # Refusing
//!
//! While redb opens a file its writes are held in memory (`gate.rs`), and reach the file only once
//! magic and version have been found good. A file that is refused has not changed by a byte, and
//! [`check()`] looks through a file without changing it.

mod change;
mod check;
pub mod dump;
mod entries;
mod error;
mod gate;
mod ids;
mod key;
mod open;
mod queue;
mod read;
pub mod records;
pub mod schema;
mod snapshot;
mod store;
mod table;
pub mod tables;
#[doc(hidden)]
pub mod value;
mod writer;

pub use change::Change;
pub use check::{CheckReport, TableReport, check};
pub use entries::Entries;
pub use error::{OpenError, StoreError};
pub use ids::{EventNo, RoomNo, StreamPos};
pub use key::{EncodeKey, Key, KeyPrefix};
pub use open::Options;
pub use read::Read;
pub use snapshot::Snapshot;
pub use store::Store;
pub use table::Table;
pub use value::Value;
