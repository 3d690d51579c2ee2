//! When devices were last heard of. Every request would be a write, so the newest is kept in memory
//! and stored once an hour; after a crash the list of devices is an hour behind at most.

use super::sessions::TokenHash;
use lru::LruCache;
use ruma::{DeviceId, OwnedDeviceId, OwnedUserId, UserId};
use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Milliseconds between two writes for a device.
const STORE_EVERY: u64 = 60 * 60 * 1000;
/// Devices remembered; one that gives way is as of its last write.
const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

#[derive(Debug)]
struct Seen {
    user: OwnedUserId,
    device: OwnedDeviceId,
    at: u64,
    ip: IpAddr,
    stored_at: u64,
}

/// The devices heard of lately, by access token.
pub struct LastSeen(Mutex<LruCache<TokenHash, Seen>>);

impl Default for LastSeen {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CAPACITY)))
    }
}

impl std::fmt::Debug for LastSeen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LastSeen({})", self.lock().len())
    }
}

impl LastSeen {
    /// Notes a request. Says whether it is time to store it.
    #[must_use]
    pub fn note(&self, token: &TokenHash, user: &UserId, device: &DeviceId, ip: IpAddr, now: u64) -> bool {
        let mut seen = self.lock();
        if let Some(known) = seen.get_mut(token) {
            (known.at, known.ip) = (now, ip);
            let due = now.saturating_sub(known.stored_at) >= STORE_EVERY;
            if due {
                known.stored_at = now;
            }
            return due;
        }
        let known = Seen { user: user.to_owned(), device: device.to_owned(), at: now, ip, stored_at: now };
        seen.put(*token, known);
        // The first request since the start of the server, or since the login or the refresh that gave the token out,
        // which were stored themselves: the next hour is soon enough.
        false
    }

    /// When and from where a device was last heard of, where it was since the server started.
    #[must_use]
    pub fn of(&self, user: &UserId, device: &DeviceId) -> Option<(u64, IpAddr)> {
        let seen = self.lock();
        let of_device = seen.iter().map(|(_, seen)| seen).filter(|seen| seen.user == user && seen.device == device);
        of_device.max_by_key(|seen| seen.at).map(|seen| (seen.at, seen.ip))
    }

    /// When each user was last heard of, of those heard of since the server started.
    #[must_use]
    pub fn by_user(&self) -> HashMap<OwnedUserId, u64> {
        let mut newest = HashMap::new();
        for (_, seen) in self.lock().iter() {
            let at = newest.entry(seen.user.clone()).or_insert(seen.at);
            *at = seen.at.max(*at);
        }
        newest
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<TokenHash, Seen>> {
        // Every update is whole before anything could panic, so a poisoned lock is still good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::{device_id, user_id};
    use std::net::Ipv4Addr;

    #[test]
    fn a_device_is_stored_once_an_hour() {
        let (seen, user, device) = (LastSeen::default(), user_id!("@a:x"), device_id!("D"));
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(!seen.note(&[1; 32], user, device, ip, 0));
        assert!(!seen.note(&[1; 32], user, device, ip, STORE_EVERY - 1));
        assert!(seen.note(&[1; 32], user, device, ip, STORE_EVERY));
        assert!(!seen.note(&[1; 32], user, device, ip, STORE_EVERY + 1));
        assert_eq!(seen.of(user, device), Some((STORE_EVERY + 1, ip)));
        assert_eq!(seen.of(user, device_id!("E")), None);
    }
}
