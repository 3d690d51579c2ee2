//! Makes this server's own events: fills in their place in the graph, hashes and signs them.

use super::{
    Outcome, Received, Room, RoomError, Rooms, event, graph, membership, receive::Signed, relations, transactions,
};
use hearth_store::{
    Change, EventNo, Read,
    records::{Membership, RoomHead, Transaction},
};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, OwnedUserId, events::TimelineEventType,
    room_version_rules::EventsReferenceFormatVersion, signatures::hash_and_sign_event, state_res::auth_types_for_event,
};
use serde_json::value::RawValue;

/// `prev_events` may name this many at most; older extremities wait for the next event.
const MAX_PREV_EVENTS: usize = 20;

/// What a user wants to send.
#[derive(Debug)]
pub struct Draft {
    /// The sender, a user of this server.
    pub sender: OwnedUserId,
    /// `type`
    pub kind: TimelineEventType,
    /// A state event has one.
    pub state_key: Option<String>,
    /// The content, JSON.
    pub content: Box<RawValue>,
    /// The event that an `m.room.redaction` redacts.
    pub redacts: Option<OwnedEventId>,
    /// The client's request, so that a repeated one is not sent twice.
    pub transaction: Option<Transaction>,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
}

/// An event that was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its identifier.
    pub event_id: OwnedEventId,
    /// Its number.
    pub number: EventNo,
}

impl Rooms {
    /// Sends an event to a room: builds it on the room's newest events and takes it in by the one door.
    ///
    /// # Errors
    /// [`RoomError::Forbidden`] where the authorisation rules refuse it; [`RoomError::InviteBlocked`];
    /// [`RoomError::BadContent`], [`RoomError::TooLarge`] where it can't be an event.
    pub fn send(&self, change: &mut Change<'_>, room: &Room, mut draft: Draft) -> Result<Sent, RoomError> {
        let name = draft.transaction.as_ref().map(|transaction| {
            transactions::name(
                room.number,
                &draft.sender,
                &draft.kind.to_string(),
                draft.redacts.as_deref(),
                transaction,
            )
        });
        if let Some(number) = name.and_then(|name| self.transactions.get(&name)) {
            let event_id = graph::parse(number, &graph::record(change, number)?)?.event_id;
            return Ok(Sent { event_id, number });
        }
        if draft.kind == TimelineEventType::RoomMember {
            self.settle_membership(change, room, &mut draft)?;
        } else if membership::membership(change, room.number, &draft.sender)? != Membership::Join {
            // The rules of versions before 6 would let anybody set `m.room.aliases`.
            return Err(RoomError::Forbidden("You are not in this room.".into()));
        }
        if let Some(target) = &draft.redacts {
            self.may_redact(change, room, &draft.sender, target)?;
        }
        if draft.kind == TimelineEventType::Reaction {
            relations::refuse_second_reaction(change, room, &draft.sender, &draft.content)?;
        }
        place_redacts(room, &mut draft)?;
        let head = room.head(change)?;
        let (pdu, event_id) = self.build(change, room, &head, &draft)?;
        let event =
            Received { room, event_id: event_id.clone(), pdu, signed: Signed::Here, transaction: draft.transaction };
        match self.receive(change, event)? {
            Outcome::Accepted(number) => {
                // Before the commit, so that a repetition in the same group is found. Should the commit fail, the
                // store takes no more changes, and this index ends with the server.
                if let Some(name) = name {
                    self.transactions.put(name, number);
                }
                Ok(Sent { event_id, number })
            }
            Outcome::Rejected(reason) | Outcome::SoftFailed(reason) => Err(RoomError::Forbidden(reason)),
            Outcome::Needs(events) => {
                Err(RoomError::BadState(format!("the room's newest events {events:?} are not stored")))
            }
        }
    }

    /// The signed PDU of a draft, and its identifier.
    pub(super) fn build(
        &self,
        read: &impl Read,
        room: &Room,
        head: &RoomHead,
        draft: &Draft,
    ) -> Result<(CanonicalJsonObject, OwnedEventId), RoomError> {
        let mut prev_events = Vec::new();
        for number in head.extremities.iter().rev().take(MAX_PREV_EVENTS) {
            prev_events.push(reference(read, room, *number)?);
        }
        let auth_types = auth_types_for_event(
            &draft.kind,
            &draft.sender,
            draft.state_key.as_deref(),
            &draft.content,
            &room.rules.authorization,
        )
        .map_err(RoomError::BadContent)?;
        let mut auth_events = Vec::new();
        for (kind, key) in auth_types {
            if let Some(number) = super::state::get(read, head.state, &kind.to_string(), &key)? {
                auth_events.push(reference(read, room, number)?);
            }
        }
        let mut pdu = skeleton(draft)?;
        pdu.insert("room_id".into(), CanonicalJsonValue::String(room.id.to_string()));
        pdu.insert("depth".into(), integer(head.depth.saturating_add(1))?);
        pdu.insert("prev_events".into(), CanonicalJsonValue::Array(prev_events));
        pdu.insert("auth_events".into(), CanonicalJsonValue::Array(auth_events));
        self.seal(pdu, room)
    }

    /// Hashes and signs a PDU, and computes its identifier.
    pub(super) fn seal(
        &self,
        mut pdu: CanonicalJsonObject,
        room: &Room,
    ) -> Result<(CanonicalJsonObject, OwnedEventId), RoomError> {
        if room.rules.event_format.require_event_id {
            // Versions 1 and 2 name events freely; the hash of the content serves as well as chance, and needs none.
            let hash = ruma::signatures::content_hash(&pdu).map_err(|_| RoomError::TooLarge)?;
            let name: String = hash.encode().chars().filter(char::is_ascii_alphanumeric).take(24).collect();
            pdu.insert("event_id".into(), CanonicalJsonValue::String(format!("${name}:{}", self.server_name)));
        }
        hash_and_sign_event(self.server_name.as_str(), &*self.key, &mut pdu, &room.rules.redaction).map_err(
            |error| match error {
                ruma::signatures::JsonError::PduTooLarge => RoomError::TooLarge,
                other => RoomError::BadContent(format!("The event can't be signed: {other}")),
            },
        )?;
        let event_id = event::event_id(&pdu, &room.rules).map_err(RoomError::BadContent)?;
        Ok((pdu, event_id))
    }
}

/// The fields of a PDU that do not depend on the graph.
pub(super) fn skeleton(draft: &Draft) -> Result<CanonicalJsonObject, RoomError> {
    let content: CanonicalJsonValue = serde_json::from_str(draft.content.get())
        .map_err(|error| RoomError::BadContent(format!("The content can't be canonical JSON: {error}")))?;
    if content.as_object().is_none() {
        return Err(RoomError::BadContent("The content is not a JSON object.".into()));
    }
    let mut pdu = CanonicalJsonObject::new();
    pdu.insert("type".into(), CanonicalJsonValue::String(draft.kind.to_string()));
    pdu.insert("sender".into(), CanonicalJsonValue::String(draft.sender.to_string()));
    pdu.insert("origin_server_ts".into(), integer(draft.now)?);
    pdu.insert("content".into(), content);
    if let Some(key) = &draft.state_key {
        pdu.insert("state_key".into(), CanonicalJsonValue::String(key.clone()));
    }
    if let Some(redacts) = &draft.redacts {
        pdu.insert("redacts".into(), CanonicalJsonValue::String(redacts.to_string()));
    }
    Ok(pdu)
}

/// Puts the redacted event's identifier where the room version has it: into the content since version 11, beside it before.
fn place_redacts(room: &Room, draft: &mut Draft) -> Result<(), RoomError> {
    let Some(target) = draft.redacts.clone() else { return Ok(()) };
    let bad = |error: serde_json::Error| RoomError::BadContent(error.to_string());
    let mut content: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(draft.content.get()).map_err(bad)?;
    if room.rules.redaction.content_field_redacts {
        content.insert("redacts".into(), target.as_str().into());
        draft.redacts = None;
    } else {
        content.remove("redacts");
    }
    draft.content = serde_json::value::to_raw_value(&content).map_err(bad)?;
    Ok(())
}

pub(super) fn integer(number: u64) -> Result<CanonicalJsonValue, RoomError> {
    ruma::Int::try_from(number)
        .map(CanonicalJsonValue::Integer)
        .map_err(|_| RoomError::BadContent(format!("{number} is too large a number for JSON.")))
}

/// How events of this room version name another event.
fn reference(read: &impl Read, room: &Room, number: EventNo) -> Result<CanonicalJsonValue, RoomError> {
    let record = graph::record(read, number)?;
    let id = CanonicalJsonValue::String(record.event_id);
    if room.rules.events_reference_format != EventsReferenceFormatVersion::V1 {
        return Ok(id);
    }
    let pdu: CanonicalJsonObject =
        serde_json::from_slice(&record.json).map_err(|error| RoomError::Corrupt(number, error.to_string()))?;
    let hash = ruma::signatures::reference_hash(&pdu, &room.rules)
        .map_err(|error| RoomError::Corrupt(number, error.to_string()))?;
    let hashes = CanonicalJsonObject::from([("sha256".into(), CanonicalJsonValue::String(hash))]);
    Ok(CanonicalJsonValue::Array(vec![id, CanonicalJsonValue::Object(hashes)]))
}
