//! What concerns a device alone: to-device messages, the stock of its keys, and whose keys it must fetch anew.

use super::{
    SyncError, Syncs,
    scene::{Question, Scene, Standing},
    wakers::Matter,
};
use crate::e2ee::{device_lists, fallback_keys, one_time_keys, to_device};
use hearth_store::{RoomNo, Snapshot, StoreError, StreamPos};
use ruma::{
    OneTimeKeyAlgorithm, OwnedUserId, UInt, UserId, api::client::sync::sync_events::DeviceLists,
    events::AnyToDeviceEvent, serde::Raw,
};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// To-device messages in one answer at most.
const MESSAGES: usize = 100;

/// The part of an answer.
#[derive(Debug, Default)]
pub(super) struct Device {
    pub messages: Vec<Raw<AnyToDeviceEvent>>,
    /// Up to where messages were delivered, where there are more.
    pub delivered: Option<StreamPos>,
    pub lists: DeviceLists,
    pub one_time_keys: BTreeMap<OneTimeKeyAlgorithm, UInt>,
    pub unused_fallback_keys: Vec<OneTimeKeyAlgorithm>,
}

/// The device has come back with a token, so it has the messages before it.
pub(super) async fn acknowledge(syncs: &Syncs, question: &Question, snapshot: &Snapshot) -> Result<(), SyncError> {
    let Some(since) = question.since else { return Ok(()) };
    // Most syncs have nothing to acknowledge, and must not cost a commit.
    if !to_device::has_delivered(snapshot, &question.user, &question.device, since.delivered())? {
        return Ok(());
    }
    let (user, device) = (question.user.clone(), question.device.clone());
    let work = syncs
        .parts
        .store
        .change::<_, StoreError, _>(move |change| to_device::acknowledge(change, &user, &device, since.delivered()));
    Ok(work.await?)
}

/// What is new for the device. `changed` are the rooms in which something may have happened.
pub(super) fn answer(scene: &Scene<'_>, changed: &[Standing]) -> Result<Device, SyncError> {
    let (read, user, id) = (scene.read, &*scene.question.user, &*scene.question.device);
    let delivered = scene.question.since.map_or(StreamPos::ZERO, |since| since.delivered());
    let pending = match scene.syncs.wakers.quiet(Matter::ToDevice, delivered, scene.until) {
        true => to_device::Pending { events: Vec::new(), complete_to: scene.until },
        false => to_device::pending(read, user, id, delivered, scene.until, MESSAGES)?,
    };
    let messages = pending
        .events
        .into_iter()
        .map(|event| RawValue::from_string(event).map(Raw::from_json))
        .collect::<Result<_, _>>()
        .map_err(|error| StoreError::corrupt("TO_DEVICE", error.to_string()))?;

    let mut lists = DeviceLists::new();
    // Who begins has fetched nobody's keys yet, so none are out of date.
    let quiet = |since| scene.syncs.wakers.quiet(Matter::People, since, scene.until);
    if let Some(since) = scene.since.filter(|since| *since < scene.until && !quiet(*since)) {
        let changed: HashSet<RoomNo> = changed.iter().map(|(room, _)| *room).collect();
        let delta = device_lists::delta(read, user, since, scene.until, |room| changed.contains(&room))?;
        lists.changed = users(delta.changed);
        lists.left = users(delta.left);
    }

    let mut one_time_keys: BTreeMap<OneTimeKeyAlgorithm, UInt> = one_time_keys::counts(read, user, id)?
        .into_iter()
        .map(|(algorithm, count)| (algorithm.into(), UInt::new_saturating(count)))
        .collect();
    // Clients take a missing count for "unknown" and would not upload new keys when the last is gone.
    one_time_keys.entry(OneTimeKeyAlgorithm::SignedCurve25519).or_default();
    let unused_fallback_keys = fallback_keys::unused(read, user, id)?.into_iter().map(Into::into).collect();
    Ok(Device {
        messages,
        delivered: (pending.complete_to < scene.until).then_some(pending.complete_to),
        lists,
        one_time_keys,
        unused_fallback_keys,
    })
}

fn users(ids: BTreeSet<String>) -> Vec<OwnedUserId> {
    ids.into_iter().filter_map(|id| UserId::parse(id).ok()).collect()
}
