//! Every table of the database: key, value and what it is for.
//!
//! Keys are ordered tuples. User, room and event identifiers are the full Matrix identifiers;
//! `RoomNo` and `EventNo` stand in where an identifier would be repeated in every row.
//! A room is `""` where account data belongs to no room.

use crate::records::*;
use crate::{EventNo, Read, RoomNo, StoreError, StreamPos, Table};

macro_rules! tables {
    ($($(#[$doc:meta])* $const:ident: $key:ty => $value:ty;)*) => {
        $($(#[$doc])* pub const $const: Table<$key, $value> = Table::new(table_name(stringify!($const)));)*

        /// Calls the visitor with every table, for the check and for migrations.
        ///
        /// # Errors
        /// Whatever the visitor returns first.
        pub fn visit_all<T: TableVisitor>(visitor: &mut T) -> Result<(), T::Error> {
            $(visitor.table($const)?;)*
            Ok(())
        }
    };
}

/// Something that looks at each table once, whatever its types.
pub trait TableVisitor {
    /// What stops the visit.
    type Error;
    /// Looks at one table.
    ///
    /// # Errors
    /// The visitor's own; it ends the visit.
    fn table<K: crate::Key, V: crate::Value>(&mut self, table: Table<K, V>) -> Result<(), Self::Error>;
}

const fn table_name(name: &'static str) -> &'static str {
    name
}

tables! {
    // Accounts

    /// Local user id -> password hash, rights and state of the account.
    USERS: String => UserRecord;
    /// (user, device id) -> name and last use.
    DEVICES: (String, String) => DeviceRecord;
    /// SHA-256 of an access token -> whose it is and until when.
    ACCESS_TOKENS: [u8; 32] => AccessTokenRecord;
    /// SHA-256 of a refresh token -> whose it is.
    REFRESH_TOKENS: [u8; 32] => RefreshTokenRecord;
    /// (user, device id, SHA-256 of a token) -> which table holds it; for logging a device out.
    DEVICE_TOKENS: (String, String, [u8; 32]) => TokenKind;
    /// (user, profile field) -> JSON value.
    PROFILES: (String, String) => String;
    /// (user, room id or "", type) -> content, and when it last changed.
    ACCOUNT_DATA: (String, String, String) => AccountDataRecord;
    /// (user, position) -> (room id or "", type): the newest change of each account datum.
    ACCOUNT_DATA_LOG: (String, StreamPos) => RoomAndType;
    /// (user, filter id) -> filter JSON.
    FILTERS: (String, u64) => String;
    /// Registration token -> how often it may be and was used.
    REGISTRATION_TOKENS: String => RegistrationTokenRecord;
    /// Short-lived login token (SHA-256) -> user, for m.login.token.
    LOGIN_TOKENS: [u8; 32] => LoginTokenRecord;
    /// Mail address in the form in which addresses are compared -> whose it is, and since when.
    EMAILS: String => EmailRecord;
    /// (user, mail address as in `EMAILS`) -> nothing: the addresses of a user.
    USER_EMAILS: (String, String) => ();
    /// SHA-256 of purpose, address and client secret -> an address that is being confirmed.
    EMAIL_SESSIONS: [u8; 32] => EmailSessionRecord;
    /// Position at which the letter was written -> a letter that is still to be sent.
    MAIL_QUEUE: StreamPos => LetterRecord;
    /// Server-wide secrets and settings by name: the signing key, for one.
    SECRETS: String => Vec<u8>;

    // Rooms

    /// Room number -> identifier and version.
    ROOMS: RoomNo => RoomRecord;
    /// Room id -> room number.
    ROOM_IDS: String => RoomNo;
    /// Room number -> forward extremities, current state and counts. Written with every event.
    ROOM_HEADS: RoomNo => RoomHead;
    /// Hash of a state trie node -> the node.
    STATE_NODES: [u8; 16] => Vec<u8>;
    /// Event number -> the event. An event's number is the position at which it was stored.
    EVENTS: EventNo => EventRecord;
    /// Event id -> event number.
    EVENT_IDS: String => EventNo;
    /// (room, place in the timeline) -> event.
    TIMELINE: (RoomNo, TimelinePos) => EventNo;
    /// (room, position) -> root of the room's current state from that position on.
    ROOM_STATES: (RoomNo, StreamPos) => [u8; 16];
    /// (user, room) -> how the user stands to the room.
    MEMBERSHIPS: (String, RoomNo) => MembershipRecord;
    /// (room, membership, user) -> the membership event.
    ROOM_MEMBERS: (RoomNo, Membership, String) => EventNo;
    /// (room, receipt type, thread or "", user) -> the receipt.
    RECEIPTS: (RoomNo, String, String, String) => ReceiptRecord;
    /// (room, position) -> key of the receipt that changed then, newest change only.
    RECEIPTS_LOG: (RoomNo, StreamPos) => ReceiptKey;
    /// Room alias -> room and who made the alias.
    ALIASES: String => AliasRecord;
    /// (room id, alias) -> nothing: the aliases of a room.
    ROOM_ALIASES: (String, String) => ();
    /// Room number -> nothing: rooms in the public directory.
    PUBLIC_ROOMS: RoomNo => ();
    /// (room, parent event, relation type, child event) -> type of the child: m.relates_to.
    RELATIONS: (RoomNo, EventNo, String, EventNo) => String;
    /// (room, event reacted to, SHA-256 of who reacted and how) -> the reaction that counts, so that none counts twice.
    REACTIONS: (RoomNo, EventNo, [u8; 32]) => EventNo;
    /// (room, event id) -> the redaction that came before the event did.
    WAITING_REDACTIONS: (RoomNo, String) => EventNo;

    // End-to-end encryption

    /// (user, device id) -> signed device keys, JSON as uploaded.
    DEVICE_KEYS: (String, String) => String;
    /// (user, device id, algorithm, position of the upload, key id) -> one-time key JSON. Claimed once, oldest upload first,
    /// then gone.
    ONE_TIME_KEYS: (String, String, String, StreamPos, String) => String;
    /// (user, device id, position of the claim) -> `algorithm:id` of a one-time key that was given out.
    CLAIMED_KEYS: (String, String, StreamPos) => String;
    /// (user, device id, algorithm) -> fallback key.
    FALLBACK_KEYS: (String, String, String) => FallbackKeyRecord;
    /// (user, "master" | "self_signing" | "user_signing") -> cross-signing key JSON.
    CROSS_SIGNING_KEYS: (String, String) => String;
    /// (target user, target key or device id, signing user, signing key id) -> signature.
    KEY_SIGNATURES: (String, String, String, String) => String;
    /// User -> position of the newest change of the user's devices or keys.
    DEVICE_LIST_CHANGES: String => StreamPos;
    /// Position -> user whose devices or keys changed then, newest change only.
    DEVICE_LIST_LOG: StreamPos => String;
    /// (signing user, signed user) -> position of the newest signature of the first for the second's master key. Only the
    /// signing user may know of it.
    USER_SIGNATURE_CHANGES: (String, String) => StreamPos;
    /// (signing user, position) -> user whose master key was signed then, newest signature only.
    USER_SIGNATURE_LOG: (String, StreamPos) => String;
    /// (user, device id, position) -> to-device event JSON (type, sender, content).
    TO_DEVICE: (String, String, StreamPos) => String;
    /// (user, device id, position) -> a to-device request that the device sent and that was carried out; the newest only.
    TO_DEVICE_TXNS: (String, String, StreamPos) => ToDeviceTxn;
    /// (user, backup version) -> the backup's algorithm, auth data and counts.
    KEY_BACKUPS: (String, u64) => KeyBackupRecord;
    /// (user, backup version, room id, session id) -> backed-up session JSON.
    KEY_BACKUP_SESSIONS: (String, u64, String, String) => String;

    // Consumers of the change log

    /// Consumer -> the position up to which it has done its work.
    CURSORS: String => StreamPos;
    /// Position -> what changed then, where it was not an event stored at that position.
    CHANGE_LOG: StreamPos => LogRecord;
    /// Position behind which the store went on after a restore -> where it stood before. Between the two lie positions
    /// that clients may have seen and whose changes are lost.
    RESTORES: StreamPos => RestoreRecord;
}

/// The highest position used so far: the change log goes on behind it.
///
/// # Errors
/// [`StoreError`] where a table can't be read.
pub fn last_pos(read: &impl Read) -> Result<StreamPos, StoreError> {
    let event = read.last(EVENTS, ())?.map_or(0, |(number, _)| number.0);
    let other = read.last(CHANGE_LOG, ())?.map_or(0, |(position, _)| position.0);
    Ok(StreamPos(event.max(other)))
}

/// Behind which position the store went on after its newest restore; zero where there was none. Numbers that clients
/// know and that must not be given out twice go on behind it as well.
///
/// # Errors
/// [`StoreError`] where the table can't be read.
pub fn restored_to(read: &impl Read) -> Result<StreamPos, StoreError> {
    Ok(read.last(RESTORES, ())?.map_or(StreamPos::ZERO, |(position, _)| position))
}
