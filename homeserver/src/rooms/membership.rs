//! Who is in a room: join, invite, leave, kick, ban, unban, knock, forget.
//! <https://spec.matrix.org/v1.19/client-server-api/#room-membership>

use super::{Draft, Room, RoomError, Rooms, Sent, state};
use crate::accounts::account_data;
use hearth_store::{
    Change, Read, RoomNo,
    records::{Membership, MembershipRecord},
    tables,
};
use ruma::{
    OwnedUserId, RoomId, UserId,
    events::{
        StateEventType, TimelineEventType,
        room::join_rules::{AllowRule, JoinRule, RoomJoinRulesEventContent},
    },
    state_res::events::RoomPowerLevelsIntField,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// An invitation to send.
#[derive(Debug, Clone, Copy)]
pub struct Invitation<'i> {
    /// Who invites.
    pub sender: &'i UserId,
    /// Who is invited.
    pub user: &'i UserId,
    /// Why.
    pub reason: Option<&'i str>,
    /// To a direct chat.
    pub is_direct: bool,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
}

/// A change of membership that its own sender asks for, or that a moderator imposes.
#[derive(Debug, Clone, Copy)]
pub struct Move<'m> {
    /// Who asks.
    pub sender: &'m UserId,
    /// Whose membership changes.
    pub user: &'m UserId,
    /// Why.
    pub reason: Option<&'m str>,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
}

impl Rooms {
    /// `join`: by invitation, by the room's join rule, or again without effect.
    ///
    /// # Errors
    /// [`RoomError::Forbidden`]
    pub fn join(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        user: &UserId,
        reason: Option<&str>,
        now: u64,
    ) -> Result<(), RoomError> {
        if membership(change, room.number, user)? == Membership::Join {
            return Ok(());
        }
        self.set(change, room, Move { sender: user, user, reason, now }, Membership::Join, Map::new())?;
        Ok(())
    }

    /// `invite`
    ///
    /// # Errors
    /// [`RoomError::Forbidden`], also where the user is in the room already; [`RoomError::InviteBlocked`].
    pub fn invite(&self, change: &mut Change<'_>, room: &Room, invitation: Invitation<'_>) -> Result<(), RoomError> {
        let Invitation { sender, user, reason, is_direct, now } = invitation;
        let mut extra = Map::new();
        if is_direct {
            extra.insert("is_direct".into(), true.into());
        }
        self.set(change, room, Move { sender, user, reason, now }, Membership::Invite, extra)?;
        Ok(())
    }

    /// `leave` of one's own accord; also turns an invitation down and takes a knock back.
    ///
    /// # Errors
    /// [`RoomError::Forbidden`] where the user is not in the room.
    pub fn leave(&self, change: &mut Change<'_>, room: &Room, moved: Move<'_>) -> Result<(), RoomError> {
        match membership(change, room.number, moved.user)? {
            // Leaving twice is leaving.
            Membership::Leave if change.contains(tables::MEMBERSHIPS, (moved.user.as_str(), room.number))? => Ok(()),
            Membership::Leave | Membership::Ban => Err(RoomError::Forbidden("You are not in this room.".into())),
            _ => self.set(change, room, moved, Membership::Leave, Map::new()).map(|_| ()),
        }
    }

    /// `kick`: a moderator makes somebody leave.
    ///
    /// # Errors
    /// [`RoomError::Forbidden`], also where the user is not in the room.
    pub fn kick(&self, change: &mut Change<'_>, room: &Room, moved: Move<'_>) -> Result<(), RoomError> {
        match membership(change, room.number, moved.user)? {
            Membership::Leave | Membership::Ban => Err(RoomError::Forbidden("That user is not in this room.".into())),
            _ => self.set(change, room, moved, Membership::Leave, Map::new()).map(|_| ()),
        }
    }

    /// `ban`
    ///
    /// # Errors
    /// [`RoomError::Forbidden`]
    pub fn ban(&self, change: &mut Change<'_>, room: &Room, moved: Move<'_>) -> Result<(), RoomError> {
        self.set(change, room, moved, Membership::Ban, Map::new()).map(|_| ())
    }

    /// `unban`
    ///
    /// # Errors
    /// [`RoomError::Forbidden`], also where the user is not banned.
    pub fn unban(&self, change: &mut Change<'_>, room: &Room, moved: Move<'_>) -> Result<(), RoomError> {
        if membership(change, room.number, moved.user)? != Membership::Ban {
            return Err(RoomError::Forbidden("That user is not banned from this room.".into()));
        }
        self.set(change, room, moved, Membership::Leave, Map::new()).map(|_| ())
    }

    /// `knock`: asks to be let in.
    ///
    /// # Errors
    /// [`RoomError::Forbidden`]
    pub fn knock(&self, change: &mut Change<'_>, room: &Room, moved: Move<'_>) -> Result<(), RoomError> {
        if membership(change, room.number, moved.user)? == Membership::Knock {
            return Ok(());
        }
        self.set(change, room, moved, Membership::Knock, Map::new()).map(|_| ())
    }

    /// Writes a user's new name or picture into the membership event of every room that they are in.
    ///
    /// # Errors
    /// Those of the store. A room that refuses keeps the old one.
    pub fn profile_changed(&self, change: &mut Change<'_>, user: &UserId, now: u64) -> Result<(), RoomError> {
        for number in joined_rooms(change, user)? {
            let room = Room::by_number(change, number)?;
            match self.set(change, &room, Move { sender: user, user, reason: None, now }, Membership::Join, Map::new())
            {
                Ok(_) | Err(RoomError::Forbidden(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A deactivated user leaves all rooms, and turns down all invitations.
    ///
    /// # Errors
    /// Those of the store. Where the rules refuse, the user stays.
    pub fn leave_all(&self, change: &mut Change<'_>, user: &UserId, now: u64) -> Result<(), RoomError> {
        let mut open = Vec::new();
        for entry in change.prefix(tables::MEMBERSHIPS, (user.as_str(),))? {
            let ((_, room), record) = entry?;
            if matches!(record.membership, Membership::Join | Membership::Invite | Membership::Knock) {
                open.push(room);
            }
        }
        for number in open {
            let room = Room::by_number(change, number)?;
            match self.leave(change, &room, Move { sender: user, user, reason: None, now }) {
                Ok(()) | Err(RoomError::Forbidden(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn set(
        &self,
        change: &mut Change<'_>,
        room: &Room,
        moved: Move<'_>,
        membership: Membership,
        extra: Map<String, Value>,
    ) -> Result<Sent, RoomError> {
        let mut content = extra;
        content.insert("membership".into(), membership.as_str().into());
        if let Some(reason) = moved.reason {
            content.insert("reason".into(), reason.into());
        }
        if matches!(membership, Membership::Join | Membership::Invite | Membership::Knock) {
            content.extend(profile(change, moved.user)?);
        }
        let content =
            serde_json::value::to_raw_value(&content).map_err(|error| RoomError::BadContent(error.to_string()))?;
        let draft = Draft {
            sender: moved.sender.to_owned(),
            kind: TimelineEventType::RoomMember,
            state_key: Some(moved.user.to_string()),
            content,
            redacts: None,
            transaction: None,
            now: moved.now,
        };
        self.send(change, room, draft)
    }

    /// Completes the content of a membership event, whichever way its sender asked for it, and sees to what the authorisation
    /// rules leave to the server.
    pub(super) fn settle_membership(&self, read: &impl Read, room: &Room, draft: &mut Draft) -> Result<(), RoomError> {
        const AUTHORISER: &str = "join_authorised_via_users_server";
        let bad = |error: serde_json::Error| RoomError::BadContent(error.to_string());
        let mut content: Map<String, Value> = serde_json::from_str(draft.content.get()).map_err(bad)?;
        // The rules take the server's word for it that the user fulfils a condition, so it can't be the user's.
        let mut changed = content.remove(AUTHORISER).is_some();
        let user = draft.state_key.as_deref().and_then(|key| UserId::parse(key).ok());
        match (user, content.get("membership").and_then(Value::as_str)) {
            (Some(user), Some("join")) if membership(read, room.number, &user)? != Membership::Join => {
                if let Some(authoriser) = self.restricted_join(read, room, &user)? {
                    content.insert(AUTHORISER.into(), authoriser.as_str().into());
                    changed = true;
                }
            }
            (Some(user), Some("invite")) if blocks_invites(read, &user)? => return Err(RoomError::InviteBlocked),
            _ => {}
        }
        if changed {
            draft.content = serde_json::value::to_raw_value(&content).map_err(bad)?;
        }
        Ok(())
    }

    /// For a room that members of other rooms may join: the member in whose name this user is let in.
    ///
    /// <https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms>
    fn restricted_join(&self, read: &impl Read, room: &Room, user: &UserId) -> Result<Option<OwnedUserId>, RoomError> {
        if !room.rules.authorization.restricted_join_rule || membership(read, room.number, user)? == Membership::Invite
        {
            return Ok(None);
        }
        let root = room.head(read)?.state;
        let rules: Option<RoomJoinRulesEventContent> =
            self.state_content(read, root, &StateEventType::RoomJoinRules, "")?;
        let allow = match rules.map(|rules| rules.join_rule) {
            Some(JoinRule::Restricted(restricted)) => restricted.allow,
            Some(JoinRule::KnockRestricted(restricted)) if room.rules.authorization.knock_restricted_join_rule => {
                restricted.allow
            }
            _ => return Ok(None),
        };
        for rule in allow {
            let AllowRule::RoomMembership(other) = rule else { continue };
            if is_joined(read, &other.room_id, user)? {
                return self.who_can_invite(read, room, root);
            }
        }
        Ok(None)
    }

    /// A joined user of this server who has the power to invite.
    fn who_can_invite(
        &self,
        read: &impl Read,
        room: &Room,
        root: state::Root,
    ) -> Result<Option<OwnedUserId>, RoomError> {
        let powers = self.powers(read, room, root)?;
        for entry in read.prefix(tables::ROOM_MEMBERS, (room.number, Membership::Join))? {
            let ((_, _, member), _) = entry?;
            let Ok(member) = UserId::parse(member) else { continue };
            if member.server_name() == self.server_name && powers.suffice(&member, RoomPowerLevelsIntField::Invite)? {
                return Ok(Some(member));
            }
        }
        Ok(None)
    }
}

/// Whether a user of this server does not want to be invited.
/// <https://spec.matrix.org/v1.19/client-server-api/#invite-permission>
///
/// # Errors
/// Those of the store.
pub fn blocks_invites(read: &impl Read, user: &UserId) -> Result<bool, RoomError> {
    #[derive(Deserialize)]
    struct Content {
        default_action: String,
    }
    let key = (user.as_str(), account_data::GLOBAL, "m.invite_permission_config");
    Ok(read
        .get(tables::ACCOUNT_DATA, key)?
        .and_then(|record| serde_json::from_str::<Content>(&record.content).ok())
        .is_some_and(|content| content.default_action == "block"))
}

/// What a user's membership events say of them besides: `displayname` and `avatar_url`, where they have them.
///
/// # Errors
/// Those of the store.
pub(super) fn profile(read: &impl Read, user: &UserId) -> Result<Map<String, Value>, RoomError> {
    let mut profile = Map::new();
    for field in ["displayname", "avatar_url"] {
        if let Some(value) = read.get(tables::PROFILES, (user.as_str(), field))?
            && let Ok(value) = serde_json::from_str::<Value>(&value)
            && !value.is_null()
        {
            profile.insert(field.into(), value);
        }
    }
    Ok(profile)
}

/// A user's membership of a room; `leave` for somebody who was never there.
///
/// # Errors
/// Those of the store.
pub fn membership(read: &impl Read, room: RoomNo, user: &UserId) -> Result<Membership, RoomError> {
    Ok(record(read, room, user)?.map_or(Membership::Leave, |record| record.membership))
}

/// How a user stands to a room, if they ever had to do with it.
///
/// # Errors
/// Those of the store.
pub fn record(read: &impl Read, room: RoomNo, user: &UserId) -> Result<Option<MembershipRecord>, RoomError> {
    Ok(read.get(tables::MEMBERSHIPS, (user.as_str(), room))?)
}

fn is_joined(read: &impl Read, room: &RoomId, user: &UserId) -> Result<bool, RoomError> {
    Ok(match read.get(tables::ROOM_IDS, room.as_str())? {
        Some(number) => membership(read, number, user)? == Membership::Join,
        None => false,
    })
}

/// The rooms that a user is joined to.
///
/// # Errors
/// Those of the store.
pub fn joined_rooms(read: &impl Read, user: &UserId) -> Result<Vec<RoomNo>, RoomError> {
    let mut rooms = Vec::new();
    for entry in read.prefix(tables::MEMBERSHIPS, (user.as_str(),))? {
        let ((_, room), record) = entry?;
        if record.membership == Membership::Join {
            rooms.push(room);
        }
    }
    Ok(rooms)
}

/// Hides a room that the user has left from the user's view for good.
///
/// # Errors
/// [`RoomError::BadState`] while the user is still in the room.
pub fn forget(change: &mut Change<'_>, room: RoomNo, user: &UserId) -> Result<(), RoomError> {
    let Some(mut record) = record(change, room, user)? else { return Ok(()) };
    if !matches!(record.membership, Membership::Leave | Membership::Ban) {
        return Err(RoomError::BadState("You are still in this room; leave it first.".into()));
    }
    record.forgotten = true;
    change.put(tables::MEMBERSHIPS, (user.as_str(), room), &record)?;
    Ok(())
}

/// The state that an invited or knocking user is shown: what the specification recommends, stripped.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#stripped-state>
///
/// # Errors
/// Those of the store and of damaged events.
pub fn stripped_state(
    read: &impl Read,
    root: state::Root,
    also: &[(&str, &str)],
) -> Result<Vec<Box<serde_json::value::RawValue>>, RoomError> {
    const SHOWN: [(&str, &str); 8] = [
        ("m.room.create", ""),
        ("m.room.name", ""),
        ("m.room.avatar", ""),
        ("m.room.topic", ""),
        ("m.room.join_rules", ""),
        ("m.room.canonical_alias", ""),
        ("m.room.encryption", ""),
        ("m.room.history_visibility", ""),
    ];
    let mut events = Vec::new();
    for (kind, key) in SHOWN.iter().chain(also) {
        if let Some(number) = state::get(read, root, kind, key)? {
            events.push(super::client_event::stripped(number, &super::graph::record(read, number)?)?);
        }
    }
    Ok(events)
}
