//! What one answer is made from: a snapshot, the question, and who asks.

use super::{Syncs, Token};
use crate::{
    accounts::account_data::GLOBAL,
    rooms::{RoomError, Rooms},
};
use hearth_store::{Read as _, RoomNo, Snapshot, StreamPos, records::MembershipRecord, tables};
use ruma::{OwnedDeviceId, OwnedUserId, api::client::filter::FilterDefinition};
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

/// A request, read.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub user: OwnedUserId,
    pub device: OwnedDeviceId,
    pub since: Option<Token>,
    pub filter: FilterDefinition,
    pub full_state: bool,
    /// The device has seen what a restore took away, so it must be told everything that may have been otherwise there.
    pub astray: bool,
    pub state_after: bool,
}

/// Everything that the parts of an answer are made from.
#[derive(Debug)]
pub(super) struct Scene<'s> {
    pub read: &'s Snapshot,
    pub rooms: &'s Rooms,
    pub syncs: &'s Syncs,
    pub question: &'s Question,
    /// Up to where the answer reaches.
    pub until: StreamPos,
    /// Up to where the device has seen everything.
    pub since: Option<StreamPos>,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
    /// Whose messages and invitations the user does not want.
    pub ignored: HashSet<OwnedUserId>,
    /// When that list last changed.
    pub ignored_at: StreamPos,
}

/// A room of the user's, with how they stand to it.
pub(super) type Standing = (RoomNo, MembershipRecord);

impl<'s> Scene<'s> {
    pub fn new(syncs: &'s Syncs, read: &'s Snapshot, question: &'s Question) -> Result<Self, super::SyncError> {
        #[derive(Deserialize)]
        struct Content {
            // Values are empty objects; whatever they are, the key counts.
            ignored_users: BTreeMap<OwnedUserId, serde::de::IgnoredAny>,
        }
        let list = read.get(tables::ACCOUNT_DATA, (question.user.as_str(), GLOBAL, "m.ignored_user_list"))?;
        let ignored_at = list.as_ref().map_or(StreamPos::ZERO, |record| record.position);
        let ignored = list
            .and_then(|record| serde_json::from_str::<Content>(&record.content).ok())
            .map(|content| content.ignored_users.into_keys().filter(|ignored| *ignored != question.user).collect())
            .unwrap_or_default();
        Ok(Self {
            read,
            rooms: &syncs.parts.rooms,
            syncs,
            question,
            until: read.pos(),
            since: question.since.map(|since| since.position),
            now: syncs.parts.clock.now(),
            ignored,
            ignored_at,
        })
    }

    /// Whether an event of that sender is to be kept from the user. State is shown to all.
    pub fn ignores(&self, sender: &str, is_state: bool) -> bool {
        !is_state && !self.ignored.is_empty() && self.ignored.iter().any(|ignored| *ignored == *sender)
    }

    /// The state of a room at a position.
    pub fn root_at(&self, room: RoomNo, position: StreamPos) -> Result<crate::rooms::state::Root, RoomError> {
        self.syncs.memo.root_at(self.read, room, position)
    }
}
