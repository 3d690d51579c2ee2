//! Events as clients see them.
//! <https://spec.matrix.org/v1.19/client-server-api/#room-event-format>

use super::{RoomError, Rooms, graph, state};
use hearth_store::{
    EventNo, Read,
    records::{EventRecord, Membership},
};
use ruma::{RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The fields of a stored PDU that clients get. Borrowed: the content is copied once, into the answer.
#[derive(Debug, Deserialize)]
pub struct StoredEvent<'j> {
    /// `type`
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'j, str>,
    /// The sender.
    #[serde(borrow)]
    pub sender: Cow<'j, str>,
    /// Milliseconds since the Unix epoch.
    pub origin_server_ts: u64,
    /// Present on state events.
    #[serde(borrow)]
    pub state_key: Option<Cow<'j, str>>,
    /// The content.
    #[serde(borrow)]
    pub content: &'j RawValue,
    /// Of a redaction, before room version 11.
    #[serde(borrow)]
    pub redacts: Option<Cow<'j, str>>,
}

#[derive(Serialize)]
struct ClientEvent<'e> {
    #[serde(rename = "type")]
    kind: &'e str,
    sender: &'e str,
    content: &'e RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key: Option<&'e str>,
    origin_server_ts: u64,
    event_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacts: Option<&'e str>,
    unsigned: &'e Unsigned,
}

#[derive(Serialize)]
struct StrippedEvent<'e> {
    #[serde(rename = "type")]
    kind: &'e str,
    sender: &'e str,
    content: &'e RawValue,
    state_key: &'e str,
}

/// What the server adds to an event.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Unsigned {
    /// Milliseconds since it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<u64>,
    /// The request that made it, for the device that sent that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// Of a state event: the content before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_content: Option<Box<RawValue>>,
    /// Of a state event: the event before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces_state: Option<String>,
    /// The membership of whoever looks, when the event happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<&'static str>,
    /// The redaction that took its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted_because: Option<Box<RawValue>>,
    /// Bundled aggregations.
    #[serde(rename = "m.relations", skip_serializing_if = "Option::is_none")]
    pub relations: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct ContentRedacts<'j> {
    #[serde(borrow)]
    redacts: Option<Cow<'j, str>>,
}

/// Parses the fields of a stored event that clients get.
///
/// # Errors
/// [`RoomError::Corrupt`]
pub fn fields(number: EventNo, record: &EventRecord) -> Result<StoredEvent<'_>, RoomError> {
    serde_json::from_slice(&record.json).map_err(|error| RoomError::Corrupt(number, error.to_string()))
}

/// The JSON of an event for clients; with `room_id` everywhere but in a sync, which sorts events by room anyway.
///
/// # Errors
/// [`RoomError::Corrupt`]
pub fn json(
    number: EventNo,
    record: &EventRecord,
    room_id: Option<&RoomId>,
    unsigned: &Unsigned,
) -> Result<Box<RawValue>, RoomError> {
    json_of(number, record, &fields(number, record)?, room_id, unsigned)
}

/// [`json`] of an event whose fields are parsed already.
///
/// # Errors
/// [`RoomError::Corrupt`]
pub fn json_of(
    number: EventNo,
    record: &EventRecord,
    fields: &StoredEvent<'_>,
    room_id: Option<&RoomId>,
    unsigned: &Unsigned,
) -> Result<Box<RawValue>, RoomError> {
    let corrupt = |error: serde_json::Error| RoomError::Corrupt(number, error.to_string());
    // Since room version 11 the redacted event stands in the content; older clients look for it outside, newer ones inside.
    let inner: Option<Cow<'_, str>> = if fields.kind == "m.room.redaction" && fields.redacts.is_none() {
        serde_json::from_str::<ContentRedacts<'_>>(fields.content.get()).ok().and_then(|content| content.redacts)
    } else {
        None
    };
    let with_redacts = match &fields.redacts {
        Some(redacts) if fields.kind == "m.room.redaction" => {
            Some(add_redacts(fields.content, redacts).map_err(corrupt)?)
        }
        _ => None,
    };
    let event = ClientEvent {
        kind: &fields.kind,
        sender: &fields.sender,
        content: with_redacts.as_deref().unwrap_or(fields.content),
        state_key: fields.state_key.as_deref(),
        origin_server_ts: fields.origin_server_ts,
        event_id: &record.event_id,
        room_id: room_id.map(RoomId::as_str),
        redacts: fields.redacts.as_deref().or(inner.as_deref()),
        unsigned,
    };
    serde_json::value::to_raw_value(&event).map_err(corrupt)
}

fn add_redacts(content: &RawValue, redacts: &str) -> Result<Box<RawValue>, serde_json::Error> {
    let mut content: serde_json::Map<String, serde_json::Value> = serde_json::from_str(content.get())?;
    content.entry("redacts").or_insert_with(|| redacts.into());
    serde_json::value::to_raw_value(&content)
}

/// The stripped form of a state event, as invitations show it.
///
/// # Errors
/// [`RoomError::Corrupt`]
pub fn stripped(number: EventNo, record: &EventRecord) -> Result<Box<RawValue>, RoomError> {
    let fields = fields(number, record)?;
    let event = StrippedEvent {
        kind: &fields.kind,
        sender: &fields.sender,
        content: fields.content,
        state_key: fields.state_key.as_deref().unwrap_or(""),
    };
    serde_json::value::to_raw_value(&event).map_err(|error| RoomError::Corrupt(number, error.to_string()))
}

/// Whoever an event is shown to.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'v> {
    /// The user.
    pub user: &'v UserId,
    /// The device, where transaction ids are to be shown to it.
    pub device: Option<&'v str>,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
}

impl Rooms {
    /// What the server adds to an event for a viewer.
    ///
    /// # Errors
    /// Those of the store and of damaged events.
    pub fn unsigned(
        &self,
        read: &impl Read,
        number: EventNo,
        record: &EventRecord,
        viewer: &Viewer<'_>,
    ) -> Result<Unsigned, RoomError> {
        self.unsigned_of(read, record, &fields(number, record)?, viewer, None)
    }

    /// [`Rooms::unsigned`] of an event whose fields are parsed already, with the viewer's membership at its time
    /// where that is known.
    ///
    /// # Errors
    /// Those of the store and of damaged events.
    pub fn unsigned_of(
        &self,
        read: &impl Read,
        record: &EventRecord,
        event: &StoredEvent<'_>,
        viewer: &Viewer<'_>,
        membership: Option<Membership>,
    ) -> Result<Unsigned, RoomError> {
        #[derive(Deserialize)]
        struct Member {
            membership: Option<Membership>,
        }
        let mut unsigned =
            Unsigned { age: Some(viewer.now.saturating_sub(event.origin_server_ts)), ..Unsigned::default() };
        if let Some(transaction) = &record.transaction
            && viewer.device == Some(transaction.device.as_str())
            && event.sender == viewer.user.as_str()
        {
            unsigned.transaction_id = Some(transaction.id.clone());
        }
        if let Some(before) = record.state_before {
            if let Some(key) = &event.state_key
                && let Some(old) = state::get(read, before, &event.kind, key)?
            {
                let old = self.pdu(read, old)?;
                unsigned.prev_content = Some(old.content.clone());
                unsigned.replaces_state = Some(old.event_id.to_string());
            }
            let own = event.kind == "m.room.member" && event.state_key.as_deref() == Some(viewer.user.as_str());
            let membership = match membership {
                // A membership event already speaks of what it brings about.
                _ if own => serde_json::from_str(event.content.get())
                    .ok()
                    .and_then(|content: Member| content.membership)
                    .unwrap_or(Membership::Leave),
                Some(membership) => membership,
                None => self.membership_at(read, before, viewer.user)?,
            };
            unsigned.membership = Some(membership.as_str());
        }
        if let Some(redaction) = record.redacted_by {
            let redaction_record = graph::record(read, redaction)?;
            unsigned.redacted_because = Some(json(redaction, &redaction_record, None, &Unsigned::default())?);
        }
        Ok(unsigned)
    }

    /// An event with everything that a viewer sees of it.
    ///
    /// # Errors
    /// Those of the store and of damaged events.
    pub fn client_event(
        &self,
        read: &impl Read,
        number: EventNo,
        room_id: Option<&RoomId>,
        viewer: &Viewer<'_>,
    ) -> Result<Box<RawValue>, RoomError> {
        let record = graph::record(read, number)?;
        let unsigned = self.unsigned(read, number, &record, viewer)?;
        json(number, &record, room_id, &unsigned)
    }
}
