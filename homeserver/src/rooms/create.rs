//! Makes rooms.
//! <https://spec.matrix.org/v1.19/client-server-api/#creation>

use super::{
    Draft, Outcome, Received, Room, RoomError, Rooms, aliases, build, membership, membership::Invitation,
    receive::Signed, versions,
};
use crate::clock::Random;
use hearth_store::{Change, Read as _, RoomNo, records::RoomRecord, tables};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId,
    events::TimelineEventType,
};
use serde_json::{Map, Value, json, value::RawValue};

/// The sets of rules that a room can start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// By invitation.
    PrivateChat,
    /// By invitation, and those invited have the creator's power.
    TrustedPrivateChat,
    /// Anyone may join.
    PublicChat,
}

/// What a room shall be like.
#[derive(Debug)]
pub struct NewRoom {
    /// Who makes it.
    pub creator: OwnedUserId,
    /// Room version; the server's default where none is named.
    pub version: Option<RoomVersionId>,
    /// Rules to start with.
    pub preset: Preset,
    /// More of the create event's content.
    pub creation_content: Map<String, Value>,
    /// State events after those of the preset: (type, state key, content).
    pub initial_state: Vec<(TimelineEventType, String, Box<RawValue>)>,
    /// Replaces keys of the power levels' content.
    pub power_levels: Map<String, Value>,
    /// Its alias on this server.
    pub alias: Option<OwnedRoomAliasId>,
    /// Its name.
    pub name: Option<String>,
    /// Its topic.
    pub topic: Option<String>,
    /// Whom to invite.
    pub invite: Vec<OwnedUserId>,
    /// The invitations are to a direct chat.
    pub is_direct: bool,
    /// Whether the room stands in the public directory.
    pub listed: bool,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
}

impl Rooms {
    /// Makes a room with all its first events, or nothing.
    ///
    /// # Errors
    /// [`RoomError::UnsupportedVersion`], [`RoomError::AliasInUse`]; [`RoomError::BadState`] where the
    /// wished state contradicts itself.
    pub fn create(&self, change: &mut Change<'_>, new: NewRoom, random: &Random) -> Result<OwnedRoomId, RoomError> {
        let version = new.version.clone().unwrap_or_else(|| self.default_version.clone());
        let room = self.found(change, &new, version, random)?;
        let mut creator = membership::profile(change, &new.creator)?;
        creator.insert("membership".into(), "join".into());
        let steps = self.first_events(&room, &new, creator)?;
        for (kind, key, content) in steps {
            let draft = Draft {
                sender: new.creator.clone(),
                kind,
                state_key: Some(key),
                content,
                redacts: None,
                transaction: None,
                now: new.now,
            };
            self.send(change, &room, draft).map_err(as_bad_state)?;
        }
        if let Some(alias) = &new.alias {
            aliases::add(change, alias, &room.id, &new.creator)?;
        }
        for user in &new.invite {
            let invitation =
                Invitation { sender: &new.creator, user, reason: None, is_direct: new.is_direct, now: new.now };
            self.invite(change, &room, invitation)?;
        }
        if new.listed {
            change.put(tables::PUBLIC_ROOMS, room.number, &())?;
        }
        Ok(room.id)
    }

    /// Sends the create event, which since version 12 gives the room its name.
    fn found(
        &self,
        change: &mut Change<'_>,
        new: &NewRoom,
        version: RoomVersionId,
        random: &Random,
    ) -> Result<Room, RoomError> {
        let rules = versions::rules(&version)?;
        let mut content = new.creation_content.clone();
        content.insert("room_version".into(), version.as_str().into());
        if rules.authorization.use_room_create_sender {
            content.remove("creator");
        } else {
            content.insert("creator".into(), new.creator.as_str().into());
        }
        if rules.authorization.additional_room_creators
            && new.preset == Preset::TrustedPrivateChat
            && !new.invite.is_empty()
        {
            let creators = content.entry("additional_creators").or_insert_with(|| json!([]));
            if let Some(creators) = creators.as_array_mut() {
                for user in &new.invite {
                    let user = Value::from(user.as_str());
                    if !creators.contains(&user) {
                        creators.push(user);
                    }
                }
            }
        }
        let named_by_event = rules.authorization.room_create_event_id_as_room_id;
        let fresh_id = || {
            RoomId::parse(format!("!{}:{}", random.word(18), self.server_name))
                .map_err(|error| RoomError::BadState(error.to_string()))
        };
        let id = fresh_id()?;
        let number = RoomNo(change.last(tables::ROOMS, ())?.map_or(1, |(number, _)| number.0 + 1));
        let mut room = Room { number, id, version, rules };

        let mut draft = Draft {
            sender: new.creator.clone(),
            kind: TimelineEventType::RoomCreate,
            state_key: Some(String::new()),
            content: raw(&Value::Object(content))?,
            redacts: None,
            transaction: None,
            now: new.now,
        };
        let (pdu, event_id) = loop {
            let mut pdu: CanonicalJsonObject = build::skeleton(&draft)?;
            pdu.insert("depth".into(), build::integer(1)?);
            pdu.insert("prev_events".into(), CanonicalJsonValue::Array(Vec::new()));
            pdu.insert("auth_events".into(), CanonicalJsonValue::Array(Vec::new()));
            if !named_by_event {
                pdu.insert("room_id".into(), CanonicalJsonValue::String(room.id.to_string()));
            }
            let (pdu, event_id) = self.seal(pdu, &room)?;
            if named_by_event {
                room.id = RoomId::parse(event_id.as_str().replacen('$', "!", 1))
                    .map_err(|error| RoomError::BadState(error.to_string()))?;
            }
            if !change.contains(tables::ROOM_IDS, room.id.as_str())? {
                break (pdu, event_id);
            }
            // Named by its content's hash, a second room like the first in the same millisecond would be the first.
            draft.now += 1;
            // Others have a name by chance, and need another.
            room.id = fresh_id()?;
        };
        let record = RoomRecord { room_id: room.id.to_string(), version: room.version.to_string() };
        change.put(tables::ROOMS, number, &record)?;
        change.put(tables::ROOM_IDS, room.id.as_str(), &number)?;
        let received = Received { room: &room, event_id, pdu, signed: Signed::Here, transaction: None };
        match self.receive(change, received)? {
            Outcome::Accepted(_) => Ok(room),
            Outcome::Rejected(reason) | Outcome::SoftFailed(reason) => Err(RoomError::BadState(reason)),
            Outcome::Needs(_) => Err(RoomError::BadState("The create event refers to other events.".into())),
        }
    }

    /// The state events after the create event, in the specification's order.
    fn first_events(
        &self,
        room: &Room,
        new: &NewRoom,
        creator: Map<String, Value>,
    ) -> Result<Vec<(TimelineEventType, String, Box<RawValue>)>, RoomError> {
        let (join_rule, history, guests) = match new.preset {
            Preset::PrivateChat | Preset::TrustedPrivateChat => ("invite", "shared", "can_join"),
            Preset::PublicChat => ("public", "shared", "forbidden"),
        };
        let empty = String::new;
        let mut steps = vec![
            (TimelineEventType::RoomMember, new.creator.to_string(), raw(&creator.into())?),
            (TimelineEventType::RoomPowerLevels, empty(), raw(&power_levels(room, new))?),
        ];
        if let Some(alias) = &new.alias {
            steps.push((TimelineEventType::RoomCanonicalAlias, empty(), raw(&json!({ "alias": alias }))?));
        }
        steps.push((TimelineEventType::RoomJoinRules, empty(), raw(&json!({ "join_rule": join_rule }))?));
        steps.push((
            TimelineEventType::RoomHistoryVisibility,
            empty(),
            raw(&json!({ "history_visibility": history }))?,
        ));
        steps.push((TimelineEventType::RoomGuestAccess, empty(), raw(&json!({ "guest_access": guests }))?));
        // What the client names itself replaces the preset's event instead of following it.
        steps.retain(|(kind, key, _)| {
            *kind == TimelineEventType::RoomMember || !new.initial_state.iter().any(|(k, s, _)| k == kind && s == key)
        });
        for (kind, key, content) in &new.initial_state {
            steps.push((kind.clone(), key.clone(), content.clone()));
        }
        if let Some(name) = &new.name {
            steps.push((TimelineEventType::RoomName, empty(), raw(&json!({ "name": name }))?));
        }
        if let Some(topic) = &new.topic {
            let content = json!({ "topic": topic, "m.topic": { "m.text": [{ "body": topic }] } });
            steps.push((TimelineEventType::RoomTopic, empty(), raw(&content)?));
        }
        Ok(steps)
    }
}

/// The power levels' content that a room starts with.
fn power_levels(room: &Room, new: &NewRoom) -> Value {
    let privileged_creators = room.rules.authorization.explicitly_privilege_room_creators;
    let mut users = Map::new();
    if !privileged_creators {
        users.insert(new.creator.to_string(), 100.into());
        if new.preset == Preset::TrustedPrivateChat {
            for user in &new.invite {
                users.insert(user.to_string(), 100.into());
            }
        }
    }
    let mut levels = json!({
        "users": users,
        "users_default": 0,
        "events": {
            "m.room.name": 50,
            "m.room.avatar": 50,
            "m.room.canonical_alias": 50,
            "m.room.power_levels": 100,
            "m.room.history_visibility": 100,
            "m.room.encryption": 100,
            "m.room.server_acl": 100,
            "m.room.tombstone": if privileged_creators { 150 } else { 100 },
        },
        "events_default": 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": if new.preset == Preset::PublicChat { 50 } else { 0 },
    });
    if let Some(levels) = levels.as_object_mut() {
        for (key, value) in &new.power_levels {
            levels.insert(key.clone(), value.clone());
        }
    }
    levels
}

fn raw(value: &Value) -> Result<Box<RawValue>, RoomError> {
    serde_json::value::to_raw_value(value).map_err(|error| RoomError::BadContent(error.to_string()))
}

/// A first event that the rules refuse is the fault of the wished state, not of the user's standing.
fn as_bad_state(error: RoomError) -> RoomError {
    match error {
        RoomError::Forbidden(reason) | RoomError::BadContent(reason) => RoomError::BadState(reason),
        other => other,
    }
}
