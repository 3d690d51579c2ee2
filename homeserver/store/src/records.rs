//! What the rows of the tables hold.
//!
//! Rows that are read in every request are postcard: compact, and their fields may only be added
//! to through a migration. Matrix JSON is kept as JSON text.

use crate::{EventNo, Key, RoomNo, StoreError, StreamPos, json_value, postcard_value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An account of this server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// PHC string of argon2id with its parameters; none where the account has no password.
    pub password_hash: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
    /// May use the server's administration.
    pub admin: bool,
    /// Deactivated for good: no login, and the name is not given out again.
    pub deactivated: bool,
    /// Upon deactivation, asked that nobody who hasn't seen it yet be shown what they wrote.
    #[serde(default)]
    pub erased: bool,
}
json_value!(UserRecord);

/// A device: one login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// The name that the user sees in the list of devices.
    pub display_name: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
    /// Milliseconds since the Unix epoch; rounded, so that reading is not writing.
    pub last_seen_at: Option<u64>,
    /// Address of the last request.
    pub last_seen_ip: Option<String>,
}
json_value!(DeviceRecord);

/// An access token, found by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenRecord {
    /// Full user id.
    pub user: String,
    /// Device id.
    pub device: String,
    /// Milliseconds since the Unix epoch; none where the token has no end.
    pub expires_at: Option<u64>,
    /// SHA-256 of the refresh token that was used to get this one; it dies with this one's first use.
    pub replaces: Option<[u8; 32]>,
}
postcard_value!(AccessTokenRecord);

/// A refresh token, found by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTokenRecord {
    /// Full user id.
    pub user: String,
    /// Device id.
    pub device: String,
    /// SHA-256 of the access token that was given out together with it.
    pub access: [u8; 32],
}
postcard_value!(RefreshTokenRecord);

/// Which table a device's token stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenKind {
    /// `ACCESS_TOKENS`
    Access,
    /// `REFRESH_TOKENS`
    Refresh,
}
postcard_value!(TokenKind);

/// One account datum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDataRecord {
    /// When it last changed.
    pub position: StreamPos,
    /// The content, JSON.
    pub content: String,
}
postcard_value!(AccountDataRecord);

/// (room id or "", event type).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomAndType(pub String, pub String);
postcard_value!(RoomAndType);

/// A registration token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationTokenRecord {
    /// How many accounts it may make; none for no limit.
    pub uses_allowed: Option<u64>,
    /// How many it made.
    pub completed: u64,
    /// Milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
}
json_value!(RegistrationTokenRecord);

/// A login token: good once, for a short time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginTokenRecord {
    /// Full user id.
    pub user: String,
    /// Milliseconds since the Unix epoch.
    pub expires_at: u64,
}
postcard_value!(LoginTokenRecord);

/// A mail address that belongs to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailRecord {
    /// Full user id.
    pub user: String,
    /// The address as it was written when it was confirmed: letters go there, and to no other way of writing it.
    pub address: String,
    /// When the person showed that the address is theirs; milliseconds since the Unix epoch, as the next.
    pub validated_at: u64,
    /// When the account got it.
    pub added_at: u64,
}
json_value!(EmailRecord);

/// What confirming a mail address is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailPurpose {
    /// Signing up.
    SignUp,
    /// Adding the address to an account.
    Add,
    /// A new password for the account that has the address.
    Password,
}

/// A mail address on its way to being confirmed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailSessionRecord {
    /// What it will be good for.
    pub purpose: EmailPurpose,
    /// The address that the letters went to, as it is written.
    pub address: String,
    /// SHA-256 of the tokens in the letters, oldest first; none where there was nothing to confirm.
    pub tokens: Vec<[u8; 32]>,
    /// The highest that the client has sent.
    pub send_attempt: u64,
    /// Where the client wants the person to go on.
    pub next_link: Option<String>,
    /// Milliseconds since the Unix epoch, as the next.
    pub expires_at: u64,
    /// When the person confirmed the address.
    pub validated_at: Option<u64>,
}
json_value!(EmailSessionRecord);

impl fmt::Debug for EmailSessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailSessionRecord").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// A letter to be sent. Its text may hold a token that is good for a new password, so Debug shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterRecord {
    /// Where to.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// When it was written; milliseconds since the Unix epoch, as the last.
    pub queued_at: u64,
    /// How often it was tried to be sent.
    pub tries: u32,
    /// Not to be tried before.
    pub due_at: u64,
}
json_value!(LetterRecord);

impl fmt::Debug for LetterRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LetterRecord").field("tries", &self.tries).finish_non_exhaustive()
    }
}

/// A room that this server knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRecord {
    /// Full room id.
    pub room_id: String,
    /// Room version identifier.
    pub version: String,
}
postcard_value!(RoomRecord);

/// Where a room stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomHead {
    /// Forward extremities: what the next event's `prev_events` will be.
    pub extremities: Vec<EventNo>,
    /// Root of the current state.
    pub state: [u8; 16],
    /// Greatest `depth` among the extremities.
    pub depth: u64,
    /// Position of the newest event in the timeline.
    pub newest: StreamPos,
    /// Number of joined members.
    pub joined: u64,
    /// Number of invited members.
    pub invited: u64,
}
postcard_value!(RoomHead);

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The room.
    pub room: RoomNo,
    /// The event's identifier.
    pub event_id: String,
    /// Root of the room state before the event; none for an outlier.
    pub state_before: Option<[u8; 16]>,
    /// Failed the authorisation rules: never shown, never part of the state.
    pub rejected: bool,
    /// Passed at its own place in the DAG but not against the current state: not shown.
    pub soft_failed: bool,
    /// Where it stands in the timeline; none for outliers, rejected and soft-failed events.
    pub timeline: Option<TimelinePos>,
    /// Device and transaction id of the local client that sent it.
    pub transaction: Option<Transaction>,
    /// Its `auth_events`, as far as this server has them.
    pub auth_events: Vec<EventNo>,
    /// Its `depth`.
    pub depth: u64,
    /// The redaction that took its content.
    pub redacted_by: Option<EventNo>,
    /// The PDU as canonical JSON, without `unsigned`. Copied as a whole: by itself serde takes bytes one by one.
    #[serde(with = "serde_bytes")]
    pub json: Vec<u8>,
}
postcard_value!(EventRecord);

/// The local client's request that made an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The device.
    pub device: String,
    /// The client's transaction id.
    pub id: String,
}

/// A place in a room's timeline. Live events stand at the position at which they came in;
/// history fetched later counts down from -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimelinePos(pub i64);
postcard_value!(TimelinePos);

/// With the sign bit flipped, the order of unsigned numbers is that of the signed ones.
const SIGN: u64 = 1 << 63;

impl Key for TimelinePos {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.0.cast_unsigned() ^ SIGN).encode(out);
    }
    fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
        Ok(Self((u64::decode(bytes)? ^ SIGN).cast_signed()))
    }
}

impl From<StreamPos> for TimelinePos {
    fn from(position: StreamPos) -> Self {
        Self(position.0.cast_signed())
    }
}

/// How a user stands to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipRecord {
    /// The membership in force.
    pub membership: Membership,
    /// The membership event.
    pub event: EventNo,
    /// When it came into force: what sync compares with.
    pub position: StreamPos,
    /// When the user last became joined; for what sync must tell anew.
    pub joined_at: Option<StreamPos>,
    /// When the user last ceased to be joined, and none while they are: the room's state of then is the last that they may
    /// ask for, whatever became of their membership since.
    pub left_at: Option<StreamPos>,
    /// The user asked to forget the room.
    pub forgotten: bool,
    /// For invites and knocks: the stripped state to show, a JSON array.
    pub stripped_state: Option<String>,
}
postcard_value!(MembershipRecord);

/// The five values of `membership`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Membership {
    /// `join`
    Join,
    /// `invite`
    Invite,
    /// `knock`
    Knock,
    /// `leave`
    Leave,
    /// `ban`
    Ban,
}
postcard_value!(Membership);

impl Membership {
    /// The word of the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Invite => "invite",
            Self::Knock => "knock",
            Self::Leave => "leave",
            Self::Ban => "ban",
        }
    }
}

impl Key for Membership {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn decode(bytes: &mut &[u8]) -> Result<Self, StoreError> {
        match u8::decode(bytes)? {
            0 => Ok(Self::Join),
            1 => Ok(Self::Invite),
            2 => Ok(Self::Knock),
            3 => Ok(Self::Leave),
            4 => Ok(Self::Ban),
            other => Err(StoreError::corrupt("membership", format!("no membership has the number {other}"))),
        }
    }
}

/// A read receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRecord {
    /// The event up to which the user has read.
    pub event_id: String,
    /// The event's number, where this server has it.
    pub event: Option<EventNo>,
    /// Milliseconds since the Unix epoch, by the user's server.
    pub at: u64,
    /// When it changed.
    pub position: StreamPos,
}
postcard_value!(ReceiptRecord);

/// (receipt type, thread or "", user).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptKey(pub String, pub String, pub String);
postcard_value!(ReceiptKey);

/// Where an alias points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasRecord {
    /// Full room id.
    pub room_id: String,
    /// Full user id of who made it.
    pub creator: String,
}
postcard_value!(AliasRecord);

/// A device's fallback key of one algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackKeyRecord {
    /// `algorithm:id` is its name outside; this is the id.
    pub key_id: String,
    /// The key, JSON.
    pub key: String,
    /// It was given out since it was uploaded.
    pub used: bool,
}
postcard_value!(FallbackKeyRecord);

/// A to-device request: (event type, transaction id).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToDeviceTxn(pub String, pub String);
postcard_value!(ToDeviceTxn);

/// One version of a user's key backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyBackupRecord {
    /// The backup algorithm's name.
    pub algorithm: String,
    /// The algorithm's auth data, JSON.
    pub auth_data: String,
    /// Counts every change of the sessions.
    pub etag: u64,
    /// Sessions held.
    pub count: u64,
    /// Deleted by the user. The row stays, empty, so that the version is not given out again.
    pub deleted: bool,
}
postcard_value!(KeyBackupRecord);

/// The store was made of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRecord {
    /// The dump's position. What was stored behind it, before the restore, is lost.
    pub from: StreamPos,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
}
json_value!(RestoreRecord);

/// A change that sync or a durable consumer must see. An event stored at the position is announced
/// but has no row of its own in the log: `EVENTS` is ordered by position already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogRecord {
    /// A receipt in a room.
    Receipt(RoomNo),
    /// Account data of a user.
    AccountData(String),
    /// A user's devices or keys.
    DeviceList(String),
    /// A to-device message for (user, device).
    ToDevice(String, String),
    /// A user's profile.
    Profile(String),
    /// An event took its place in a room's timeline.
    Event(RoomNo, EventNo),
    /// A user's membership of a room.
    Membership(String, RoomNo),
    /// The user signed somebody's master key; nobody else may see that.
    UserSignature(String),
}
postcard_value!(LogRecord);
