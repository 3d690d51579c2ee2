//! Hearth's store: ordered tables, snapshots to read from, and atomic, durable changes.
//!
//! Nothing above this crate knows which engine is underneath.

mod change;
mod check;
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
