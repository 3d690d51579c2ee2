//! An event as the rules of rooms see it: the PDU, parsed.

use super::RoomError;
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId,
    OwnedUserId, RoomId, UserId, canonical_json::redact_in_place, events::TimelineEventType,
    room_version_rules::RoomVersionRules, signatures::reference_hash,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A parsed PDU with its identifier.
#[derive(Debug, Clone)]
pub struct Pdu {
    /// Computed from the content since room version 3, part of it before.
    pub event_id: OwnedEventId,
    /// The room; for `m.room.create` of version 12, derived from the event's identifier.
    pub room_id: OwnedRoomId,
    /// The event names no room: since version 12 the create event gives the room its name.
    pub names_room: bool,
    /// Who sent it.
    pub sender: OwnedUserId,
    /// When, by the sender's server.
    pub origin_server_ts: MilliSecondsSinceUnixEpoch,
    /// `type`
    pub kind: TimelineEventType,
    /// Present on state events.
    pub state_key: Option<String>,
    /// The content, as JSON text.
    pub content: Box<RawValue>,
    /// Parents in the graph.
    pub prev_events: Vec<OwnedEventId>,
    /// Events that allow this one.
    pub auth_events: Vec<OwnedEventId>,
    /// What a redaction redacts, wherever the room version keeps it.
    pub redacts: Option<OwnedEventId>,
    /// Longest path from the create event, as claimed.
    pub depth: u64,
    /// It failed the authorisation rules when it came.
    pub rejected: bool,
}

#[derive(Deserialize)]
struct Fields {
    room_id: Option<OwnedRoomId>,
    sender: OwnedUserId,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    #[serde(rename = "type")]
    kind: TimelineEventType,
    state_key: Option<String>,
    content: Box<RawValue>,
    prev_events: Vec<Reference>,
    auth_events: Vec<Reference>,
    redacts: Option<OwnedEventId>,
    depth: u64,
}

/// A reference to another event: with its hash in versions 1 and 2, alone since.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Id(OwnedEventId),
    IdAndHash(OwnedEventId, serde::de::IgnoredAny),
}

impl From<Reference> for OwnedEventId {
    fn from(reference: Reference) -> Self {
        match reference {
            Reference::Id(id) | Reference::IdAndHash(id, _) => id,
        }
    }
}

#[derive(Deserialize)]
struct Redacts {
    redacts: Option<OwnedEventId>,
}

impl Pdu {
    /// Parses the JSON text of a PDU whose identifier is known.
    ///
    /// # Errors
    /// Says which field is absent or not as the specification has it.
    pub fn parse(json: &[u8], event_id: OwnedEventId, rejected: bool) -> Result<Self, serde_json::Error> {
        let fields: Fields = serde_json::from_slice(json)?;
        let names_room = fields.room_id.is_none();
        let room_id = match fields.room_id {
            Some(room_id) => room_id,
            // Since version 12 a room is named after its create event.
            None => RoomId::parse(event_id.as_str().replacen('$', "!", 1)).map_err(serde::de::Error::custom)?,
        };
        let redacts = match (fields.redacts, &fields.kind) {
            (None, TimelineEventType::RoomRedaction) => {
                serde_json::from_str::<Redacts>(fields.content.get()).ok().and_then(|content| content.redacts)
            }
            (redacts, _) => redacts,
        };
        Ok(Self {
            event_id,
            room_id,
            names_room,
            sender: fields.sender,
            origin_server_ts: fields.origin_server_ts,
            kind: fields.kind,
            state_key: fields.state_key,
            content: fields.content,
            prev_events: fields.prev_events.into_iter().map(Into::into).collect(),
            auth_events: fields.auth_events.into_iter().map(Into::into).collect(),
            redacts,
            depth: fields.depth,
            rejected,
        })
    }

    /// A field of the content, where it is there and of that type.
    #[must_use]
    pub fn content_field<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        let mut content: serde_json::Map<String, serde_json::Value> = serde_json::from_str(self.content.get()).ok()?;
        serde_json::from_value(content.remove(name)?).ok()
    }

    /// Whether the event has a state key.
    #[must_use]
    pub const fn is_state(&self) -> bool {
        self.state_key.is_some()
    }
}

/// The identifier of an event: by its reference hash since room version 3, its own field before.
///
/// # Errors
/// Says what is missing.
pub fn event_id(pdu: &CanonicalJsonObject, rules: &RoomVersionRules) -> Result<OwnedEventId, String> {
    if rules.event_format.require_event_id {
        let id = pdu.get("event_id").and_then(CanonicalJsonValue::as_str).ok_or("the event has no event_id")?;
        return EventId::parse(id).map_err(|error| format!("the event's event_id is not one: {error}"));
    }
    let hash = reference_hash(pdu, rules).map_err(|error| error.to_string())?;
    EventId::parse(format!("${hash}")).map_err(|error| error.to_string())
}

/// The event without what its room version lets a redaction take.
///
/// # Errors
/// [`RoomError::BadContent`]
pub fn redacted(mut pdu: CanonicalJsonObject, rules: &RoomVersionRules) -> Result<CanonicalJsonObject, RoomError> {
    redact_in_place(&mut pdu, &rules.redaction, None)
        .map_err(|error| RoomError::BadContent(format!("The event can't be redacted: {error}")))?;
    Ok(pdu)
}

impl ruma::state_res::Event for Pdu {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        &self.event_id
    }
    fn room_id(&self) -> Option<&RoomId> {
        (!self.names_room).then_some(&*self.room_id)
    }
    fn sender(&self) -> &UserId {
        &self.sender
    }
    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.origin_server_ts
    }
    fn event_type(&self) -> &TimelineEventType {
        &self.kind
    }
    fn content(&self) -> &RawValue {
        &self.content
    }
    fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }
    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.prev_events.iter())
    }
    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.auth_events.iter())
    }
    fn redacts(&self) -> Option<&OwnedEventId> {
        self.redacts.as_ref()
    }
    fn rejected(&self) -> bool {
        self.rejected
    }
}
