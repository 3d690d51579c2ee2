//! What concerns a device alone: to-device messages, the stock of its keys, and whose keys it must fetch anew.

use super::{
    SyncError, Syncs,
    scene::{Question, Scene, Standing},
};
use hearth_store::{Snapshot, StreamPos};
use ruma::{
    OneTimeKeyAlgorithm, UInt, api::client::sync::sync_events::DeviceLists, events::AnyToDeviceEvent, serde::Raw,
};
use std::collections::BTreeMap;

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
pub(super) async fn acknowledge(_syncs: &Syncs, _question: &Question, _snapshot: &Snapshot) -> Result<(), SyncError> {
    Ok(())
}

/// What is new for the device.
pub(super) fn answer(_scene: &Scene<'_>, _standings: &[Standing]) -> Result<Device, SyncError> {
    Ok(Device::default())
}
