//! Rooms: the event graph, its state and who may do what in it.
//!
//! `receive` is the one door for an event, local or remote. Nothing here touches the network.

pub mod aliases;
mod append;
mod build;
pub mod client_event;
pub mod create;
pub mod event;
pub mod filter;
pub mod graph;
pub mod membership;
pub mod power;
pub mod receipts;
mod receive;
pub mod redact;
mod relations;
mod resolve;
mod resolve_v1;
pub mod state;
#[cfg(test)]
mod tests;
pub mod timeline;
mod transactions;
pub mod typing;
pub mod versions;
pub mod visibility;

pub use build::{Draft, Sent};
pub use event::Pdu;
pub use graph::Room;
pub use receive::{Outcome, Received, Signed};

use hearth_store::{EventNo, Read, StoreError, tables};
use lru::LruCache;
use ruma::{OwnedServerName, RoomVersionId, signatures::Ed25519KeyPair};
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};
use transactions::Transactions;

/// Why something can't be done in a room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoomError {
    /// The room is unknown here.
    #[error("This server does not know that room.")]
    UnknownRoom,
    /// The event is unknown here, or not for the asking user's eyes.
    #[error("This server has no such event, or you may not see it.")]
    UnknownEvent,
    /// The authorisation rules or the user's standing forbid it.
    #[error("{0}")]
    Forbidden(String),
    /// What the client sent can't become an event.
    #[error("{0}")]
    BadContent(String),
    /// The event would be larger than the specification allows.
    #[error("The event is larger than 65,536 bytes.")]
    TooLarge,
    /// The room is in a state that doesn't allow it.
    #[error("{0}")]
    BadState(String),
    /// No such room version.
    #[error("This server does not know the room version {0}.")]
    UnsupportedVersion(String),
    /// The user has reacted to the event in that way already.
    #[error("You have reacted to that message in this way already.")]
    DuplicateAnnotation,
    /// The invited user does not want to be invited.
    #[error("This user does not take invitations.")]
    InviteBlocked,
    /// The alias stands for a room already.
    #[error("That room alias is taken.")]
    AliasInUse,
    /// The alias is unknown, or is not of this server.
    #[error("There is no such room alias.")]
    UnknownAlias,
    /// Stored data that can't be read.
    #[error("stored event {0:?} can't be read: {1}")]
    Corrupt(EventNo, String),
    /// The room's state trie can't be read.
    #[error("room state can't be read: {0}")]
    State(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// When the event that was stored last was sent, as it says itself, in milliseconds since the Unix epoch.
///
/// # Errors
/// Those of the store and of a damaged event.
pub fn newest_event_ts(read: &impl Read) -> Result<Option<u64>, RoomError> {
    let Some((number, record)) = read.last(tables::EVENTS, ())? else { return Ok(None) };
    Ok(Some(client_event::fields(number, &record)?.origin_server_ts))
}

/// What rooms need to know of the server they live on.
#[derive(Clone)]
pub struct Rooms {
    /// This server.
    pub server_name: OwnedServerName,
    /// Signs this server's events.
    pub key: Arc<Ed25519KeyPair>,
    /// Version of rooms whose creator names none.
    pub default_version: RoomVersionId,
    /// Events that authorise others are asked for again and again.
    cache: Arc<Mutex<LruCache<EventNo, Arc<Pdu>>>>,
    transactions: Arc<Transactions>,
    /// Position of the last redaction: see [`Rooms::pdu`].
    redacted_at: Arc<AtomicU64>,
}

impl std::fmt::Debug for Rooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of logs.
        f.debug_struct("Rooms").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// Some 1 MiB of authorisation events at most, but in practice far less: they are small.
const CACHED_EVENTS: NonZeroUsize = NonZeroUsize::new(512).unwrap();

impl Rooms {
    /// Rooms of the server with that name and key.
    #[must_use]
    pub fn new(server_name: OwnedServerName, key: Ed25519KeyPair, default_version: RoomVersionId) -> Self {
        Self {
            server_name,
            key: Arc::new(key),
            default_version,
            cache: Arc::new(Mutex::new(LruCache::new(CACHED_EVENTS))),
            transactions: Arc::new(Transactions::new()),
            redacted_at: Arc::default(),
        }
    }

    /// Takes up from the store what is kept in memory.
    ///
    /// # Errors
    /// Those of the store and of damaged events.
    pub fn recall(&self, read: &impl Read) -> Result<(), RoomError> {
        self.transactions.fill(read)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, LruCache<EventNo, Arc<Pdu>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
