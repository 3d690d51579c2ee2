//! A room's summary: whom to name it after, and how many are in it.

use super::scene::Scene;
use crate::rooms::{RoomError, state};
use hearth_store::{
    EventNo, Read as _, RoomNo,
    records::{Membership, RoomHead},
    tables,
};
use ruma::{OwnedUserId, UInt, UserId, api::client::sync::sync_events::v3::RoomSummary, events::StateEventType};
use serde::Deserialize;

/// As the specification has it.
const HEROES: usize = 5;
/// Members looked at to find the first. Only a room without a name needs heroes, and those of thousands have one.
const LOOKED_AT: usize = 2000;

/// The summary of a room at the end of the answer.
pub(super) fn summary(scene: &Scene<'_>, room: RoomNo, head: &RoomHead) -> Result<RoomSummary, RoomError> {
    let mut summary = RoomSummary::new();
    summary.joined_member_count = Some(UInt::new_saturating(head.joined));
    summary.invited_member_count = Some(UInt::new_saturating(head.invited));
    if !has_name(scene, head)? {
        summary.heroes = heroes(scene, room)?;
    }
    Ok(summary)
}

fn has_name(scene: &Scene<'_>, head: &RoomHead) -> Result<bool, RoomError> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(alias = "alias")]
        name: Option<String>,
    }
    for kind in [StateEventType::RoomName, StateEventType::RoomCanonicalAlias] {
        let content: Option<Content> = scene.rooms.state_content(scene.read, head.state, &kind, "")?;
        if content.and_then(|content| content.name).is_some_and(|name| !name.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first members of the room but the reader; those who are gone where nobody else is left.
fn heroes(scene: &Scene<'_>, room: RoomNo) -> Result<Vec<OwnedUserId>, RoomError> {
    for memberships in [[Membership::Join, Membership::Invite], [Membership::Leave, Membership::Ban]] {
        let mut members = Vec::new();
        for membership in memberships {
            for entry in scene.read.prefix(tables::ROOM_MEMBERS, (room, membership))?.take(LOOKED_AT) {
                let ((_, _, member), event): ((RoomNo, Membership, String), EventNo) = entry?;
                if member != scene.question.user.as_str() {
                    members.push((event, member));
                }
            }
        }
        if !members.is_empty() {
            members.sort_unstable();
            return Ok(members.into_iter().filter_map(|(_, member)| UserId::parse(member).ok()).take(HEROES).collect());
        }
    }
    Ok(Vec::new())
}

/// Whether the members of a room, or what it is called, differ between two versions of its state.
pub(super) fn changed(scene: &Scene<'_>, from: state::Root, to: state::Root) -> Result<bool, RoomError> {
    if from == to {
        return Ok(false);
    }
    let changed = state::difference(scene.read, from, to)?;
    Ok(changed
        .iter()
        .any(|((kind, _), _, _)| matches!(kind.as_str(), "m.room.member" | "m.room.name" | "m.room.canonical_alias")))
}
