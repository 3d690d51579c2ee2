//! Account data that the device has not seen.

use super::{SyncError, filter, scene::Scene, wakers::Matter};
use crate::accounts::account_data::GLOBAL;
use crate::push::rules_of;
use hearth_store::{Read as _, tables};
use ruma::{RoomId, events::AnyRoomAccountDataEvent, serde::Raw};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{collections::BTreeMap, ops::Bound};

const PUSH_RULES: &str = "m.push_rules";

/// (type, content) by room; `""` for what belongs to none.
pub(super) type ByRoom = BTreeMap<String, Vec<(String, String)>>;

/// What changed since, or everything.
pub(super) fn changes(scene: &Scene<'_>) -> Result<ByRoom, SyncError> {
    let user = scene.question.user.as_str();
    let mut by_room = ByRoom::new();
    let Some(since) = scene.since.filter(|_| !scene.question.astray) else {
        for entry in scene.read.prefix(tables::ACCOUNT_DATA, (user,))? {
            let ((_, room, kind), record) = entry?;
            by_room.entry(room).or_default().push((kind, record.content));
        }
        let global = by_room.entry(GLOBAL.to_owned()).or_default();
        if !global.iter().any(|(kind, _)| kind == PUSH_RULES) {
            let rules = rules_of(scene.read, &scene.question.user)?;
            let content = serde_json::json!({ "global": rules }).to_string();
            global.push((PUSH_RULES.to_owned(), content));
        }
        return Ok(by_room);
    };
    if scene.syncs.wakers.quiet(Matter::AccountData, since, scene.until) {
        return Ok(by_room);
    }
    let bounds = (Bound::Excluded(since), Bound::Included(scene.until));
    for entry in scene.read.range_in(tables::ACCOUNT_DATA_LOG, (user,), bounds)? {
        let (_, changed) = entry?;
        let key = (user, changed.0.as_str(), changed.1.as_str());
        // A datum that was deleted reads as an empty one.
        let content =
            scene.read.get(tables::ACCOUNT_DATA, key)?.map_or_else(|| "{}".to_owned(), |record| record.content);
        by_room.entry(changed.0).or_default().push((changed.1, content));
    }
    Ok(by_room)
}

/// All data of a room: for one that is new to the device, however long they have been there.
pub(super) fn all_of_room(scene: &Scene<'_>, room: &RoomId) -> Result<Vec<(String, String)>, SyncError> {
    let mut data = Vec::new();
    for entry in scene.read.prefix(tables::ACCOUNT_DATA, (scene.question.user.as_str(), room.as_str()))? {
        let ((_, _, kind), record) = entry?;
        data.push((kind, record.content));
    }
    Ok(data)
}

/// The data as events, without those that a filter of types keeps back.
pub(super) fn events<T>(data: Vec<(String, String)>, wants: impl Fn(&str) -> bool) -> Vec<Raw<T>> {
    #[derive(Serialize)]
    struct Event<'e> {
        #[serde(rename = "type")]
        kind: &'e str,
        content: &'e RawValue,
    }
    data.into_iter()
        .filter(|(kind, _)| wants(kind))
        .filter_map(|(kind, content)| {
            // Only JSON is stored; what could not be read would have no place in the answer.
            let content: &RawValue = serde_json::from_str(&content).ok()?;
            serde_json::value::to_raw_value(&Event { kind: &kind, content }).ok().map(Raw::from_json)
        })
        .collect()
}

/// [`events`] of a room.
pub(super) fn of_room(
    scene: &Scene<'_>,
    room: &RoomId,
    data: Vec<(String, String)>,
) -> Vec<Raw<AnyRoomAccountDataEvent>> {
    let wanted = &scene.question.filter.room.account_data;
    if !filter::wants_room(wanted, room) {
        return Vec::new();
    }
    events(data, |kind| filter::wants_type(wanted.types.as_deref(), &wanted.not_types, kind))
}
