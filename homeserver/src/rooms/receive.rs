//! The one door for an event, local or remote: the checks on receipt of a PDU, in the order of the specification.
//! <https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu>

use super::{Pdu, Room, RoomError, Rooms, append::Standing, event, graph, state};
use hearth_store::{Change, EventNo, Read, records::Transaction, tables};
use ruma::{
    CanonicalJsonObject, EventId, OwnedEventId,
    events::{StateEventType, TimelineEventType},
    signatures::{PublicKeyMap, Verified, verify_event},
    state_res::{
        auth_types_for_event, check_pdu_format, check_state_dependent_auth_rules, check_state_independent_auth_rules,
    },
};
use std::{cell::Cell, collections::HashMap, sync::Arc};

/// An event at the door.
#[derive(Debug)]
pub struct Received<'r> {
    /// The room it is for.
    pub room: &'r Room,
    /// Its identifier.
    pub event_id: OwnedEventId,
    /// The event, without `unsigned`.
    pub pdu: CanonicalJsonObject,
    /// Who vouches for its signatures.
    pub signed: Signed<'r>,
    /// The local client's request that made it.
    pub transaction: Option<Transaction>,
}

/// Who vouches for an event's signatures.
#[derive(Debug)]
pub enum Signed<'k> {
    /// This server, which signed it a moment ago.
    Here,
    /// Other servers, whose keys these are.
    Elsewhere(&'k PublicKeyMap),
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is part of the room (or was already).
    Accepted(EventNo),
    /// The authorisation rules refuse it where it stands in the graph; kept so that events on top of it are refused too.
    Rejected(String),
    /// It is right where it stands, but the room's current state would not allow it: kept and not shown.
    SoftFailed(String),
    /// These events must be fetched first.
    Needs(Vec<OwnedEventId>),
}

impl Rooms {
    /// Takes an event in.
    ///
    /// # Errors
    /// [`RoomError::BadContent`] for an event that must be dropped: not in the format of the room version, or
    /// not signed by whom it claims.
    pub fn receive(&self, change: &mut Change<'_>, received: Received<'_>) -> Result<Outcome, RoomError> {
        let Received { room, event_id, pdu, signed, transaction } = received;
        if let Some(number) = graph::event_no(change, &event_id)? {
            let known = graph::record(change, number)?;
            if known.rejected {
                return Ok(Outcome::Rejected("The event was refused before.".into()));
            }
            return Ok(Outcome::Accepted(number));
        }

        // 1. It is a valid event, otherwise it is dropped.
        check_pdu_format(&pdu, &room.rules.event_format).map_err(|reason| {
            if reason.starts_with("PDU is larger") { RoomError::TooLarge } else { RoomError::BadContent(reason) }
        })?;

        // 2. and 3. It passes signature checks, otherwise it is dropped; and hash checks, otherwise it is redacted.
        let pdu = check_signatures(pdu, &signed, room)?;
        let json = serde_json::to_vec(&pdu).map_err(|error| RoomError::BadContent(error.to_string()))?;
        let event = Pdu::parse(&json, event_id, false)
            .map_err(|error| RoomError::BadContent(format!("The event is not well formed: {error}")))?;
        if event.room_id != room.id {
            return Err(RoomError::BadContent("The event is of another room.".into()));
        }

        // 4. It passes authorisation rules based on its auth events, otherwise it is rejected.
        let (auth_events, missing) = self.known(change, &event.auth_events)?;
        let (prev_events, missing_prev) = self.known(change, &event.prev_events)?;
        let missing: Vec<OwnedEventId> = missing.into_iter().chain(missing_prev).collect();
        if !missing.is_empty() {
            return Ok(Outcome::Needs(missing));
        }
        let before = self.state_before(change, room, &prev_events)?;
        let verdict = self.authorise(change, room, &event, &auth_events, before)?;
        let standing = match &verdict {
            Err(_) => Standing::Rejected,
            Ok(()) => self.against_current_state(change, room, &event, before)?,
        };
        let reason = match (&verdict, &standing) {
            (Err(reason), _) => reason.clone(),
            (_, Standing::SoftFailed(reason)) => reason.clone(),
            _ => String::new(),
        };
        let soft = matches!(standing, Standing::SoftFailed(_));
        // An own event that is refused is not kept: its sender gets the error, and nobody else ever saw it.
        if matches!(signed, Signed::Here) && !matches!(standing, Standing::Accepted) {
            return Ok(Outcome::Rejected(reason));
        }
        let number = self.append(change, room, event, json, &auth_events, before, standing, transaction)?;
        Ok(match (verdict, soft) {
            (Err(_), _) => Outcome::Rejected(reason),
            (Ok(()), true) => Outcome::SoftFailed(reason),
            (Ok(()), false) => Outcome::Accepted(number),
        })
    }

    /// Checks 4 and 5: against the event's own auth events, and against the state before it.
    fn authorise(
        &self,
        read: &impl Read,
        room: &Room,
        event: &Pdu,
        auth_events: &[EventNo],
        before: state::Root,
    ) -> Result<Result<(), String>, RoomError> {
        let rules = &room.rules.authorization;
        let mut by_id = HashMap::new();
        let mut by_key = HashMap::new();
        for number in auth_events {
            let auth = self.pdu(read, *number)?;
            by_id.insert(auth.event_id.clone(), Arc::clone(&auth));
            if let Some(key) = &auth.state_key {
                by_key.insert((StateEventType::from(auth.kind.to_string()), key.clone()), auth);
            }
        }
        // Since version 12 the create event authorises silently: the room's identifier names it.
        let create = if rules.room_create_event_id_as_room_id && event.kind != TimelineEventType::RoomCreate {
            self.state_event(read, before, &StateEventType::RoomCreate, "")?
        } else {
            None
        };
        if let Err(reason) = check_state_independent_auth_rules(rules, event, |id: &EventId| {
            by_id.get(id).or(create.as_ref().filter(|create| create.event_id == *id)).cloned()
        }) {
            return Ok(Err(reason));
        }
        let in_auth_events = |kind: &StateEventType, key: &str| {
            by_key
                .get(&(kind.clone(), key.to_owned()))
                .cloned()
                .or_else(|| create.as_ref().filter(|_| *kind == StateEventType::RoomCreate).cloned())
        };
        if let Err(reason) = check_state_dependent_auth_rules(rules, event, in_auth_events) {
            return Ok(Err(reason));
        }
        // The rules ask the state for nothing but these keys, so with the same events the answer is the same.
        if self.selects_from_state(read, room, event, auth_events, before)? {
            return Ok(Ok(()));
        }
        self.allowed_by(read, room, event, before)
    }

    /// Whether the auth events are just those that the state before the event holds.
    fn selects_from_state(
        &self,
        read: &impl Read,
        room: &Room,
        event: &Pdu,
        auth_events: &[EventNo],
        before: state::Root,
    ) -> Result<bool, RoomError> {
        let Ok(types) = auth_types_for_event(
            &event.kind,
            &event.sender,
            event.state_key.as_deref(),
            &event.content,
            &room.rules.authorization,
        ) else {
            return Ok(false);
        };
        let mut selected = 0;
        for (kind, key) in types {
            if let Some(number) = state::get(read, before, &kind.to_string(), &key)? {
                if !auth_events.contains(&number) {
                    return Ok(false);
                }
                selected += 1;
            }
        }
        Ok(selected == auth_events.len())
    }

    /// Check 6: against the room's current state, otherwise the event is soft-failed.
    fn against_current_state(
        &self,
        read: &impl Read,
        room: &Room,
        event: &Pdu,
        before: state::Root,
    ) -> Result<Standing, RoomError> {
        let Some(head) = read.get(tables::ROOM_HEADS, room.number)? else { return Ok(Standing::Accepted) };
        if head.state == before {
            return Ok(Standing::Accepted);
        }
        Ok(match self.allowed_by(read, room, event, head.state)? {
            Ok(()) => Standing::Accepted,
            Err(reason) => Standing::SoftFailed(reason),
        })
    }

    /// Whether a version of the room's state allows the event; the inner error is the rule that does not.
    pub(super) fn allowed_by(
        &self,
        read: &impl Read,
        room: &Room,
        event: &Pdu,
        root: state::Root,
    ) -> Result<Result<(), String>, RoomError> {
        let failure = Cell::new(None);
        let verdict =
            check_state_dependent_auth_rules(&room.rules.authorization, event, |kind: &StateEventType, key: &str| {
                self.state_event(read, root, kind, key).unwrap_or_else(|error| {
                    failure.set(Some(error));
                    None
                })
            });
        // A rule judged on state that could not be read has judged nothing.
        failure.into_inner().map_or(Ok(verdict), Err)
    }

    /// The numbers of those events that are stored, and the identifiers of those that are not.
    fn known(&self, read: &impl Read, ids: &[OwnedEventId]) -> Result<(Vec<EventNo>, Vec<OwnedEventId>), RoomError> {
        let (mut known, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match graph::event_no(read, id)? {
                Some(number) => known.push(number),
                None => missing.push(id.clone()),
            }
        }
        Ok((known, missing))
    }
}

fn check_signatures(
    pdu: CanonicalJsonObject,
    signed: &Signed<'_>,
    room: &Room,
) -> Result<CanonicalJsonObject, RoomError> {
    let Signed::Elsewhere(keys) = signed else { return Ok(pdu) };
    match verify_event(keys, &pdu, &room.rules) {
        Ok(Verified::All) => Ok(pdu),
        Ok(Verified::Signatures) => event::redacted(pdu, &room.rules),
        Err(error) => Err(RoomError::BadContent(format!("The event's signatures are not right: {error}"))),
    }
}
