//! One-time keys: each is given out once.
//! <https://spec.matrix.org/v1.19/client-server-api/#one-time-and-fallback-keys>

use super::{E2eeError, fallback_keys, key_json::ClaimableKey};
use hearth_store::{
    Change, Read, StoreError,
    tables::{CLAIMED_KEYS, ONE_TIME_KEYS},
};
use ruma::{DeviceId, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// A device holds so many at most. Clients keep 50 to 100.
pub const MAX_KEYS: usize = 1000;

/// How many keys of each algorithm wait to be claimed.
///
/// # Errors
/// [`StoreError`]
pub fn counts(read: &impl Read, user: &UserId, device: &DeviceId) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut counts = BTreeMap::new();
    for row in read.prefix(ONE_TIME_KEYS, (user.as_str(), device.as_str()))? {
        let ((_, _, algorithm, _, _), _) = row?;
        *counts.entry(algorithm).or_insert(0) += 1;
    }
    Ok(counts)
}

/// Adds keys. One that is there already stays as it is, and another with its name is refused: the device must not
/// think that a key of its is on offer when it is not.
///
/// # Errors
/// [`E2eeError::Invalid`] for a name that is taken, [`E2eeError::TooLarge`] where there would be more than [`MAX_KEYS`].
pub fn upload(
    change: &mut Change<'_>,
    user: &UserId,
    device: &DeviceId,
    keys: Vec<ClaimableKey>,
) -> Result<(), E2eeError> {
    if keys.is_empty() {
        return Ok(());
    }
    let (user, device) = (user.as_str(), device.as_str());
    let mut there = BTreeMap::new();
    for row in change.prefix(ONE_TIME_KEYS, (user, device))? {
        let ((_, _, algorithm, _, id), json) = row?;
        there.insert((algorithm, id), json);
    }
    let claimed = claimed_before(change, user, device)?;
    let uploaded = change.next_pos();
    for key in keys {
        if claimed.contains(&format!("{}:{}", key.algorithm, key.id)) {
            continue;
        }
        let name = (key.algorithm, key.id);
        match there.get(&name) {
            Some(old) if is_same(old, &key.json) => continue,
            Some(_) => {
                return Err(E2eeError::Invalid(format!(
                    "There is another one-time key {}:{} already.",
                    name.0, name.1
                )));
            }
            None => {}
        }
        if there.len() >= MAX_KEYS {
            return Err(E2eeError::TooLarge(format!("A device can have {MAX_KEYS} one-time keys at most.")));
        }
        change.put(ONE_TIME_KEYS, (user, device, &*name.0, uploaded, &*name.1), &key.json)?;
        there.insert(name, key.json);
    }
    Ok(())
}

/// The newest keys that were given out. A device that did not hear the answer to its upload repeats it, and what was
/// claimed in between must not be on offer again. Older ones are forgotten: no device repeats an upload that old.
fn claimed_before(change: &mut Change<'_>, user: &str, device: &str) -> Result<BTreeSet<String>, StoreError> {
    let mut claimed = BTreeSet::new();
    let mut forgotten = Vec::new();
    for row in change.prefix(CLAIMED_KEYS, (user, device))?.rev() {
        let ((_, _, position), name) = row?;
        if claimed.len() < MAX_KEYS {
            claimed.insert(name);
        } else {
            forgotten.push(position);
        }
    }
    for position in forgotten {
        change.delete(CLAIMED_KEYS, (user, device, position))?;
    }
    Ok(claimed)
}

/// The same JSON, however it is written.
fn is_same(a: &str, b: &str) -> bool {
    a == b
        || match (serde_json::from_str::<serde_json::Value>(a), serde_json::from_str::<serde_json::Value>(b)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        }
}

/// A key that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// `algorithm:id`
    pub name: String,
    /// The key, JSON.
    pub json: String,
}

/// Takes a key off the device's stock: of the oldest upload first, or the fallback key where there is none.
/// It is deleted in the change that gives it out, so nobody else gets it, whatever happens.
///
/// # Errors
/// [`StoreError`]
pub fn claim(
    change: &mut Change<'_>,
    user: &str,
    device: &str,
    algorithm: &str,
) -> Result<Option<Claimed>, StoreError> {
    let Some((key, json)) = change.first(ONE_TIME_KEYS, (user, device, algorithm))? else {
        return fallback_keys::give_out(change, user, device, algorithm);
    };
    let name = format!("{algorithm}:{}", key.4);
    change.delete(ONE_TIME_KEYS, key)?;
    let position = change.next_pos();
    change.put(CLAIMED_KEYS, (user, device, position), &name)?;
    Ok(Some(Claimed { name, json }))
}

/// Drops everything of a device that is gone.
///
/// # Errors
/// [`StoreError`]
pub fn removed(change: &mut Change<'_>, user: &str, device: &str) -> Result<(), StoreError> {
    change.delete_prefix(ONE_TIME_KEYS, (user, device))?;
    change.delete_prefix(CLAIMED_KEYS, (user, device))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::testing::TestStore;
    use proptest::prelude::*;
    use ruma::{device_id, user_id};
    use std::collections::BTreeSet;

    fn ann_id() -> &'static UserId {
        user_id!("@ann:here")
    }

    fn key(id: &str, body: &str) -> ClaimableKey {
        ClaimableKey {
            algorithm: "signed_curve25519".into(),
            id: id.into(),
            json: format!("{{\"key\":\"{body}\",\"signatures\":{{}}}}"),
        }
    }

    fn put(store: &TestStore, keys: Vec<ClaimableKey>) -> Result<(), E2eeError> {
        store.change(move |change| upload(change, ann_id(), device_id!("A"), keys))
    }

    fn take(store: &TestStore) -> Option<Claimed> {
        store.change(|change| Ok(claim(change, ann_id().as_str(), "A", "signed_curve25519")?)).unwrap()
    }

    fn count(store: &TestStore) -> Option<u64> {
        counts(&store.store.snapshot().unwrap(), ann_id(), device_id!("A")).unwrap().get("signed_curve25519").copied()
    }

    #[test]
    fn keys_are_given_out_once_in_the_order_of_their_uploads() {
        let store = TestStore::new();
        put(&store, vec![key("Z", "1")]).unwrap();
        put(&store, vec![key("A", "2")]).unwrap();
        assert_eq!(count(&store), Some(2));
        assert_eq!(take(&store).unwrap().name, "signed_curve25519:Z");
        assert_eq!(take(&store).unwrap().name, "signed_curve25519:A");
        assert_eq!(take(&store), None);
        assert_eq!(count(&store), None);
    }

    #[test]
    fn an_id_stands_for_one_key() {
        let store = TestStore::new();
        put(&store, vec![key("A", "1")]).unwrap();
        put(&store, vec![key("A", "1")]).unwrap();
        let respaced = ClaimableKey { json: "{ \"signatures\": {}, \"key\": \"1\" }".into(), ..key("A", "") };
        put(&store, vec![respaced]).unwrap();
        let refused = put(&store, vec![key("B", "1"), key("A", "2")]).unwrap_err();
        assert!(matches!(refused, E2eeError::Invalid(_)), "{refused}");
        assert_eq!(count(&store), Some(1), "a refused upload leaves nothing");
    }

    #[test]
    fn a_device_holds_a_bounded_number() {
        let store = TestStore::new();
        put(&store, (0..MAX_KEYS).map(|number| key(&number.to_string(), "1")).collect()).unwrap();
        assert!(matches!(put(&store, vec![key("one more", "1")]), Err(E2eeError::TooLarge(_))));
    }

    #[test]
    fn the_fallback_key_comes_last_again_and_again_and_is_used_then() {
        let store = TestStore::new();
        let fallback = |id: &'static str| {
            store
                .change(move |change| fallback_keys::upload(change, ann_id(), device_id!("A"), vec![key(id, "f")]))
                .unwrap();
        };
        let unused = || fallback_keys::unused(&store.store.snapshot().unwrap(), ann_id(), device_id!("A")).unwrap();
        fallback("F");
        put(&store, vec![key("A", "1")]).unwrap();
        assert_eq!(take(&store).unwrap().name, "signed_curve25519:A");
        assert_eq!(unused(), ["signed_curve25519"]);
        for _ in 0..2 {
            assert_eq!(take(&store).unwrap().name, "signed_curve25519:F");
            assert!(unused().is_empty());
        }
        fallback("F");
        assert!(unused().is_empty(), "the same key again is as used as before");
        fallback("G");
        assert_eq!(unused(), ["signed_curve25519"]);
        assert_eq!(take(&store).unwrap().name, "signed_curve25519:G");
        let two = vec![key("H", "1"), key("I", "1")];
        let refused = store.change(move |change| fallback_keys::upload(change, ann_id(), device_id!("A"), two));
        assert!(matches!(refused, Err(E2eeError::Invalid(_))));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Upload(u8),
        Claim(u8),
        Failed,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Uploads, claims and claims whose change fails afterwards, in any order.
        #[test]
        fn no_key_is_given_out_twice_and_none_is_lost(steps in prop::collection::vec(
            prop_oneof![(1..8u8).prop_map(Step::Upload), (1..8u8).prop_map(Step::Claim), Just(Step::Failed)], 1..40,
        )) {
            let store = TestStore::new();
            let mut uploaded = 0_u64;
            let mut given = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Upload(number) => {
                        let keys = (uploaded..uploaded + u64::from(number)).map(|number| key(&number.to_string(), "1")).collect();
                        uploaded += u64::from(number);
                        put(&store, keys).unwrap();
                    }
                    Step::Claim(number) => for _ in 0..number {
                        match take(&store) {
                            Some(claimed) => prop_assert!(given.insert(claimed.name)),
                            None => prop_assert_eq!(given.len() as u64, uploaded),
                        }
                    },
                    Step::Failed => {
                        let failed: Result<(), _> = store.change(|change| {
                            claim(change, ann_id().as_str(), "A", "signed_curve25519")?;
                            Err(E2eeError::NoMasterKey)
                        });
                        prop_assert!(failed.is_err());
                    }
                }
                prop_assert_eq!(count(&store).unwrap_or(0), uploaded - given.len() as u64);
            }
        }
    }
}
