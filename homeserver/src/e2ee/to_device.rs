//! To-device messages: a queue for each device, in order of arrival.
//! <https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging>
//!
//! A message stays until the device syncs with a token that lies behind it; the same token brings the same messages again.

use super::{E2eeError, check_name};
use hearth_store::{
    Change, Read, StoreError, StreamPos,
    records::{LogRecord, ToDeviceTxn},
    tables::{DEVICES, TO_DEVICE, TO_DEVICE_TXNS},
};
use ruma::{DeviceId, UserId};
use serde::Serialize;
use serde_json::value::RawValue;
use std::ops::Bound;

/// Largest content of a message, that of an event.
pub const CONTENT_BYTES: usize = 65_536;
/// So many requests of a device are known again. A client repeats the last few at most.
const REMEMBERED: usize = 100;

/// A message as the device will get it, for one device or all of a user's.
#[derive(Debug, Clone)]
pub struct Message {
    /// A user of this server.
    pub user: String,
    /// The device; none for all.
    pub device: Option<String>,
    /// Type, sender and content, JSON.
    pub event: String,
}

impl Message {
    /// Writes the message down.
    ///
    /// # Errors
    /// [`E2eeError::Invalid`] where the content is no object, [`E2eeError::TooLarge`].
    pub fn new(
        sender: &UserId,
        event_type: &str,
        user: &UserId,
        device: Option<&DeviceId>,
        content: &RawValue,
    ) -> Result<Self, E2eeError> {
        #[derive(Serialize)]
        struct Event<'a> {
            #[serde(rename = "type")]
            event_type: &'a str,
            sender: &'a UserId,
            content: &'a RawValue,
        }
        if !content.get().starts_with('{') {
            return Err(E2eeError::Invalid("The content of a message must be an object.".to_owned()));
        }
        if content.get().len() > CONTENT_BYTES {
            return Err(E2eeError::TooLarge(format!("A message is larger than {CONTENT_BYTES} bytes.")));
        }
        let event = serde_json::to_string(&Event { event_type, sender, content })?;
        Ok(Self { user: user.to_string(), device: device.map(ToString::to_string), event })
    }
}

/// Who sent a request and how it is known again.
#[derive(Debug, Clone)]
pub struct Request {
    /// The sender.
    pub user: String,
    /// The sender's device.
    pub device: String,
    /// Type of the messages.
    pub event_type: String,
    /// The client's transaction id.
    pub txn_id: String,
}

/// Carries a request out, unless that was done already. Says whether it was done now. Devices that
/// don't exist are passed over, as the specification has it.
///
/// What goes to other servers is queued in the same change, and only if this says so.
///
/// # Errors
/// [`E2eeError::Invalid`] for a transaction id or type that is too long.
pub fn send(change: &mut Change<'_>, request: &Request, messages: &[Message]) -> Result<bool, E2eeError> {
    if !is_new(change, request)? {
        return Ok(false);
    }
    for message in messages {
        match &message.device {
            Some(device) => enqueue(change, &message.user, device, &message.event)?,
            None => {
                let mut devices = Vec::new();
                for row in change.prefix(DEVICES, (&*message.user,))? {
                    let ((_, device), _) = row?;
                    devices.push(device);
                }
                for device in devices {
                    enqueue(change, &message.user, &device, &message.event)?;
                }
            }
        }
    }
    Ok(true)
}

/// Puts one message into the queue of a device, if there is such a device.
///
/// # Errors
/// [`StoreError`]
pub fn enqueue(change: &mut Change<'_>, user: &str, device: &str, event: &str) -> Result<(), StoreError> {
    if change.contains(DEVICES, (user, device))? {
        let position = change.log(LogRecord::ToDevice(user.to_owned(), device.to_owned()))?;
        change.put(TO_DEVICE, (user, device, position), &event.to_owned())?;
    }
    Ok(())
}

/// Notes a request; false where it is known already.
fn is_new(change: &mut Change<'_>, request: &Request) -> Result<bool, E2eeError> {
    check_name("a transaction", &request.txn_id)?;
    check_name("an event type", &request.event_type)?;
    let name = ToDeviceTxn(request.event_type.clone(), request.txn_id.clone());
    let device = (&*request.user, &*request.device);
    let mut known = 0;
    let mut oldest = None;
    for row in change.prefix(TO_DEVICE_TXNS, device)? {
        let ((_, _, position), txn) = row?;
        if txn == name {
            return Ok(false);
        }
        known += 1;
        oldest.get_or_insert(position);
    }
    if let Some(oldest) = oldest
        && known >= REMEMBERED
    {
        change.delete(TO_DEVICE_TXNS, (device.0, device.1, oldest))?;
    }
    let position = change.next_pos();
    change.put(TO_DEVICE_TXNS, (device.0, device.1, position), &name)?;
    Ok(true)
}

/// Messages for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// JSON of each, oldest first.
    pub events: Vec<String>,
    /// These are all messages up to here. Before the position asked for where the limit was reached: then the next token
    /// must say so, or the rest would count as delivered.
    pub complete_to: StreamPos,
}

/// The messages behind `since` and up to `up_to`, but `limit` at most.
///
/// # Errors
/// [`StoreError`]
pub fn pending(
    read: &impl Read,
    user: &UserId,
    device: &DeviceId,
    since: StreamPos,
    up_to: StreamPos,
    limit: usize,
) -> Result<Pending, StoreError> {
    let range = (Bound::Excluded(since), Bound::Included(up_to));
    let mut events = Vec::new();
    let mut last = since;
    for row in read.range_in::<_, _, _, StreamPos>(TO_DEVICE, (user.as_str(), device.as_str()), range)? {
        if events.len() == limit {
            return Ok(Pending { events, complete_to: last });
        }
        let ((_, _, position), event) = row?;
        events.push(event);
        last = position;
    }
    Ok(Pending { events, complete_to: up_to.max(since) })
}

/// Whether [`acknowledge`] has anything to do; without it a sync writes nothing.
///
/// # Errors
/// [`StoreError`]
pub fn has_delivered(read: &impl Read, user: &UserId, device: &DeviceId, up_to: StreamPos) -> Result<bool, StoreError> {
    let first = read.first(TO_DEVICE, (user.as_str(), device.as_str()))?;
    Ok(first.is_some_and(|((_, _, position), _)| position <= up_to))
}

/// The device has come back with a token from behind these messages: it has them, so they go.
///
/// # Errors
/// [`StoreError`]
pub fn acknowledge(
    change: &mut Change<'_>,
    user: &UserId,
    device: &DeviceId,
    up_to: StreamPos,
) -> Result<(), StoreError> {
    let prefix = (user.as_str(), device.as_str());
    let mut delivered = Vec::new();
    for row in change.range_in::<_, _, _, StreamPos>(TO_DEVICE, prefix, ..=up_to)? {
        let ((_, _, position), _) = row?;
        delivered.push(position);
    }
    for position in delivered {
        change.delete(TO_DEVICE, (prefix.0, prefix.1, position))?;
    }
    Ok(())
}

/// Drops everything of a device that is gone.
///
/// # Errors
/// [`StoreError`]
pub fn removed(change: &mut Change<'_>, user: &str, device: &str) -> Result<(), StoreError> {
    change.delete_prefix(TO_DEVICE, (user, device))?;
    change.delete_prefix(TO_DEVICE_TXNS, (user, device))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::testing::TestStore;
    use ruma::{device_id, user_id};
    use serde_json::value::to_raw_value;

    fn message(user: &UserId, device: Option<&DeviceId>, body: u64) -> Message {
        let content = to_raw_value(&serde_json::json!({ "body": body })).unwrap();
        Message::new(user_id!("@ann:here"), "m.test", user, device, &content).unwrap()
    }

    fn request(txn_id: &str) -> Request {
        Request { user: "@ann:here".into(), device: "A".into(), event_type: "m.test".into(), txn_id: txn_id.into() }
    }

    fn bodies(store: &TestStore, since: StreamPos, limit: usize) -> (Vec<u64>, StreamPos) {
        let snapshot = store.store.snapshot().unwrap();
        let pending =
            pending(&snapshot, user_id!("@bob:here"), device_id!("B"), since, store.store.durable_pos(), limit)
                .unwrap();
        let body = |event: &String| {
            serde_json::from_str::<serde_json::Value>(event).unwrap()["content"]["body"].as_u64().unwrap()
        };
        (pending.events.iter().map(body).collect(), pending.complete_to)
    }

    fn send_to_bob(store: &TestStore, txn_id: &'static str, body: u64) -> bool {
        let messages = [message(user_id!("@bob:here"), Some(device_id!("B")), body)];
        store.change(move |change| send(change, &request(txn_id), &messages)).unwrap()
    }

    #[test]
    fn the_same_token_brings_the_same_messages_and_the_next_one_none_of_them() {
        let store = TestStore::new();
        store.device("@bob:here", "B");
        for (txn, body) in [("1", 1), ("2", 2), ("3", 3)] {
            assert!(send_to_bob(&store, txn, body));
        }
        let (first, token) = bodies(&store, StreamPos::ZERO, 2);
        assert_eq!(first, [1, 2]);
        assert_eq!(bodies(&store, StreamPos::ZERO, 2).0, [1, 2]);
        assert!(send_to_bob(&store, "4", 4));
        let seen = store.store.snapshot().unwrap();
        assert!(has_delivered(&seen, user_id!("@bob:here"), device_id!("B"), token).unwrap());
        store.change(move |change| Ok(acknowledge(change, user_id!("@bob:here"), device_id!("B"), token)?)).unwrap();
        assert!(
            !has_delivered(&store.store.snapshot().unwrap(), user_id!("@bob:here"), device_id!("B"), token).unwrap()
        );
        assert_eq!(bodies(&store, token, 100).0, [3, 4]);
        assert_eq!(bodies(&store, StreamPos::ZERO, 100).0, [3, 4], "what was delivered is gone");
    }

    #[test]
    fn a_limit_never_makes_a_token_behind_what_is_left() {
        let store = TestStore::new();
        store.device("@bob:here", "B");
        for (txn, body) in [("1", 1), ("2", 2)] {
            send_to_bob(&store, txn, body);
        }
        let (first, token) = bodies(&store, StreamPos::ZERO, 2);
        assert_eq!((first.len(), token), (2, store.store.durable_pos()), "a full page that is all");
        let (first, token) = bodies(&store, StreamPos::ZERO, 1);
        assert_eq!(first, [1]);
        assert_eq!(bodies(&store, token, 1).0, [2]);
    }

    #[test]
    fn a_repeated_request_is_carried_out_once_and_old_ones_are_forgotten() {
        let store = TestStore::new();
        store.device("@bob:here", "B");
        assert!(send_to_bob(&store, "again", 1));
        assert!(!send_to_bob(&store, "again", 1));
        let other = Request { event_type: "m.other".into(), ..request("again") };
        assert!(store.change(move |change| send(change, &other, &[])).unwrap(), "another endpoint's transaction");
        for number in 0..REMEMBERED {
            assert!(store.change(move |change| send(change, &request(&number.to_string()), &[])).unwrap());
        }
        let rows = store.store.snapshot().unwrap().prefix(TO_DEVICE_TXNS, ("@ann:here", "A")).unwrap().count();
        assert_eq!(rows, REMEMBERED);
        assert!(!store.change(|change| send(change, &request("1"), &[])).unwrap());
        assert_eq!(bodies(&store, StreamPos::ZERO, 10).0, [1]);
    }

    #[test]
    fn a_star_means_all_devices_and_unknown_ones_are_passed_over() {
        let store = TestStore::new();
        store.device("@bob:here", "B");
        store.device("@bob:here", "C");
        store.device("@bobby:here", "B");
        let messages = [
            message(user_id!("@bob:here"), None, 1),
            message(user_id!("@bob:here"), Some(device_id!("GONE")), 2),
            message(user_id!("@nobody:here"), None, 3),
        ];
        store.change(move |change| send(change, &request("1"), &messages)).unwrap();
        let rows: Vec<_> =
            store.store.snapshot().unwrap().prefix(TO_DEVICE, ()).unwrap().map(|row| row.unwrap().0).collect();
        let devices: Vec<_> = rows.iter().map(|(user, device, _)| (user.as_str(), device.as_str())).collect();
        assert_eq!(devices, [("@bob:here", "B"), ("@bob:here", "C")]);
    }

    #[test]
    fn contents_are_objects_of_a_bounded_size() {
        let bad = |content: serde_json::Value| {
            let content = to_raw_value(&content).unwrap();
            Message::new(user_id!("@ann:here"), "m.test", user_id!("@bob:here"), None, &content).unwrap_err()
        };
        assert!(matches!(bad(serde_json::json!([1])), E2eeError::Invalid(_)));
        assert!(matches!(bad(serde_json::json!({ "a": "x".repeat(CONTENT_BYTES) })), E2eeError::TooLarge(_)));
    }
}
