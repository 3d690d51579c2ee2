//! Places for connections: how many there are at one time, and how many of them one network may have.

use super::limits::Network;
use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places, free and taken.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// Places that a network may have; as many as it likes where there is no number.
    each: Option<usize>,
    /// Places that networks have.
    taken: Mutex<HashMap<Network, usize>>,
}

/// A place, whoever will have it.
pub(super) struct Free(OwnedSemaphorePermit);

/// A connection's place, free again when this is dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    of_network: Option<(Arc<Places>, Network)>,
}

impl Places {
    pub fn new(all: usize, each: Option<usize>) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), each, taken: Mutex::default() })
    }

    /// Waits for a place.
    pub async fn free(&self) -> Option<Free> {
        Arc::clone(&self.all).acquire_owned().await.ok().map(Free)
    }

    /// Gives a place to a connection, unless its network has as many as it may.
    pub fn give(self: &Arc<Self>, place: Free, peer: IpAddr) -> Option<Place> {
        let Some(each) = self.each else { return Some(Place { _of_all: place.0, of_network: None }) };
        let network = Network::of(peer);
        let mut taken = self.taken();
        let count = taken.get(&network).copied().unwrap_or(0);
        if count >= each {
            return None;
        }
        taken.insert(network, count + 1);
        Some(Place { _of_all: place.0, of_network: Some((Arc::clone(self), network)) })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        // Every update is whole before anything could panic, so a poisoned lock is still good.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, network)) = &self.of_network else { return };
        if let Entry::Occupied(mut count) = places.taken().entry(*network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_network_has_no_more_than_its_places_and_gets_them_back() {
        let places = Places::new(5, Some(2));
        let take = async |from: &str| places.give(places.free().await.unwrap(), ip(from));
        let mut held = vec![take("2001:db8::1").await.unwrap(), take("2001:db8::2").await.unwrap()];
        assert!(take("2001:db8::3").await.is_none());
        held.push(take("192.0.2.1").await.unwrap());
        held.remove(0);
        held.push(take("2001:db8::3").await.unwrap());
        assert!(take("2001:db8::4").await.is_none());
        assert_eq!(places.all.available_permits(), 2, "who was refused has no place");
        drop(held);
        assert!(places.taken().is_empty(), "networks that are gone are not kept in mind");
        assert_eq!(places.all.available_permits(), 5);
    }

    #[tokio::test]
    async fn behind_a_proxy_all_may_come_from_one_address() {
        let places = Places::new(3, None);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(places.give(places.free().await.unwrap(), ip("192.0.2.1")).unwrap());
        }
        assert_eq!(places.all.available_permits(), 0);
    }
}
