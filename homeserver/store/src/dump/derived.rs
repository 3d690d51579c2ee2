//! Tables that are not in a dump: those that follow from others, which are made again from what is, and those of what is
//! over soon.
//!
//! A table follows from another only if every row of it is written and deleted together with the row that it follows from.
//! `tests/it/dump.rs`, and with a real server's rows the homeserver's tests, hold the two against each other.

use crate::records::TokenKind;
use crate::tables::{
    ACCESS_TOKENS, ACCOUNT_DATA, ACCOUNT_DATA_LOG, ALIASES, DEVICE_LIST_CHANGES, DEVICE_LIST_LOG, DEVICE_TOKENS,
    EMAIL_SESSIONS, EMAILS, EVENT_IDS, EVENTS, MAIL_QUEUE, MEMBERSHIPS, RECEIPTS, RECEIPTS_LOG, REFRESH_TOKENS,
    ROOM_ALIASES, ROOM_IDS, ROOM_MEMBERS, ROOMS, TIMELINE, USER_EMAILS, USER_SIGNATURE_CHANGES, USER_SIGNATURE_LOG,
};
use crate::{EncodeKey, Key, Read, Snapshot, StoreError, Table, Value, records};

const DERIVED: [&str; 11] = [
    EVENT_IDS.name(),
    TIMELINE.name(),
    ROOM_IDS.name(),
    ROOM_MEMBERS.name(),
    ROOM_ALIASES.name(),
    DEVICE_TOKENS.name(),
    ACCOUNT_DATA_LOG.name(),
    RECEIPTS_LOG.name(),
    DEVICE_LIST_LOG.name(),
    USER_SIGNATURE_LOG.name(),
    USER_EMAILS.name(),
];

/// Tables of what is over within a day, and which nobody misses who has to ask again. A letter that was sent long ago
/// must not be sent again by a restored server.
const PASSING: [&str; 2] = [EMAIL_SESSIONS.name(), MAIL_QUEUE.name()];

/// Whether a table is left out of dumps.
pub(super) fn is_left_out(name: &str) -> bool {
    DERIVED.contains(&name) || PASSING.contains(&name)
}

/// Takes a row as bytes: its key, with the table's number, and its value.
pub(super) type Put<'p, E> = &'p mut dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), E>;

/// Makes every row of the derived tables, from the others in the snapshot.
pub(super) fn rebuild<E: From<StoreError>>(read: &Snapshot, put: Put<'_, E>) -> Result<(), E> {
    each(read, EVENTS, |number, event| {
        row(put, EVENT_IDS, event.event_id.as_str(), &number)?;
        match event.timeline {
            Some(place) => row(put, TIMELINE, (event.room, place), &number),
            None => Ok(()),
        }
    })?;
    each(read, ROOMS, |number, room| row(put, ROOM_IDS, room.room_id.as_str(), &number))?;
    each(read, MEMBERSHIPS, |(user, room), standing| {
        row(put, ROOM_MEMBERS, (room, standing.membership, user.as_str()), &standing.event)
    })?;
    each(read, ALIASES, |alias, record| row(put, ROOM_ALIASES, (record.room_id.as_str(), alias.as_str()), &()))?;
    each(read, ACCESS_TOKENS, |token, record| {
        row(put, DEVICE_TOKENS, (record.user.as_str(), record.device.as_str(), token), &TokenKind::Access)
    })?;
    each(read, REFRESH_TOKENS, |token, record| {
        row(put, DEVICE_TOKENS, (record.user.as_str(), record.device.as_str(), token), &TokenKind::Refresh)
    })?;
    each(read, ACCOUNT_DATA, |(user, room, kind), record| {
        row(put, ACCOUNT_DATA_LOG, (user.as_str(), record.position), &records::RoomAndType(room, kind))
    })?;
    each(read, RECEIPTS, |(room, kind, thread, user), record| {
        row(put, RECEIPTS_LOG, (room, record.position), &records::ReceiptKey(kind, thread, user))
    })?;
    each(read, EMAILS, |address, record| row(put, USER_EMAILS, (record.user.as_str(), address.as_str()), &()))?;
    each(read, DEVICE_LIST_CHANGES, |user, position| row(put, DEVICE_LIST_LOG, position, &user))?;
    each(read, USER_SIGNATURE_CHANGES, |(signer, signed), position| {
        row(put, USER_SIGNATURE_LOG, (signer.as_str(), position), &signed)
    })
}

fn each<K: Key, V: Value, E: From<StoreError>>(
    read: &Snapshot,
    table: Table<K, V>,
    mut visit: impl FnMut(K, V) -> Result<(), E>,
) -> Result<(), E> {
    for entry in read.prefix(table, ())? {
        let (key, value) = entry?;
        visit(key, value)?;
    }
    Ok(())
}

fn row<K: Key, V: Value, Q: EncodeKey<K>, E: From<StoreError>>(
    put: Put<'_, E>,
    table: Table<K, V>,
    key: Q,
    value: &V,
) -> Result<(), E> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes)?;
    put(table.row(&key), bytes)
}
