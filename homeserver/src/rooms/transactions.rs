//! Requests repeated by a client that did not hear the answer.
//! <https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers>
//!
//! Each stored event names the request that made it, so no table is needed: the newest are indexed in memory,
//! and read again from the events when the server starts.

use super::{RoomError, graph};
use hearth_store::{EventNo, Read, RoomNo, records::Transaction, tables};
use lru::LruCache;
use ruma::{EventId, UserId};
use sha2::{Digest as _, Sha256};
use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

/// How many of the newest requests are remembered: at some 100 bytes each less than 1 MiB, and hours of a busy server.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// The newest requests by their hash.
#[derive(Debug)]
pub(super) struct Transactions(Mutex<LruCache<[u8; 16], EventNo>>);

/// Names a request: who sent it from where, and its path: for which room and type, or to redact which event.
pub(super) fn name(
    room: RoomNo,
    sender: &UserId,
    kind: &str,
    redacts: Option<&EventId>,
    transaction: &Transaction,
) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(room.0.to_be_bytes());
    for part in [sender.as_str(), &transaction.device, kind, redacts.map_or("", EventId::as_str), &transaction.id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    name
}

impl Transactions {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }

    pub(super) fn get(&self, name: &[u8; 16]) -> Option<EventNo> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    pub(super) fn put(&self, name: [u8; 16], event: EventNo) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(name, event);
    }

    /// Reads the newest events for the requests that made them.
    pub(super) fn fill(&self, read: &impl Read) -> Result<(), RoomError> {
        let newest = read.prefix(tables::EVENTS, ())?.rev().take(REMEMBERED.get());
        for entry in newest {
            let (number, record) = entry?;
            if let Some(transaction) = &record.transaction {
                let event = graph::parse(number, &record)?;
                let name =
                    name(record.room, &event.sender, &event.kind.to_string(), event.redacts.as_deref(), transaction);
                // From the newest on, so the oldest are the first to be forgotten.
                let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                cache.put(name, number);
                cache.demote(&name);
            }
        }
        Ok(())
    }
}
