//! What the watch over the homeserver has seen, and other things that change while the agent runs.

use crate::homeserver::Health;
use hearth_reachability::Finding;
use std::sync::{Mutex, PoisonError};
use tokio::{sync::Notify, time::Instant};

/// The homeserver as it was last seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What it said, the last time that it answered.
    pub health: Option<Health>,
    /// Questions in a row that it did not answer.
    pub silent: u32,
    /// When it did not answer the first of these.
    pub silent_since: Option<Instant>,
    /// What was wrong the last time.
    pub error: Option<String>,
}

/// What changes.
#[derive(Debug, Default)]
pub struct Watch {
    /// The box's names or addresses changed: its local certificate is looked at again.
    pub names_changed: Notify,
    seen: Mutex<Seen>,
    hostname: Mutex<String>,
    next_replica_ms: Mutex<Option<u64>>,
    clock_restored: Mutex<bool>,
    unreachable: Mutex<Option<Finding>>,
}

fn get<T: Clone>(value: &Mutex<T>) -> T {
    value.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set<T>(value: &Mutex<T>, new: T) {
    *value.lock().unwrap_or_else(PoisonError::into_inner) = new;
}

impl Watch {
    /// Begins with the box's own name.
    #[must_use]
    pub fn new(hostname: String) -> Self {
        Self { hostname: Mutex::new(hostname), ..Self::default() }
    }

    /// The name that the box answers by, without `.local`.
    pub fn hostname(&self) -> String {
        get(&self.hostname)
    }

    /// Another device had the name.
    pub fn set_hostname(&self, name: &str) {
        set(&self.hostname, name.to_owned());
    }

    /// The homeserver as it was last seen.
    pub fn seen(&self) -> Seen {
        get(&self.seen)
    }

    /// It answered, or did not.
    pub fn see(&self, answer: Result<Health, String>, now: Instant) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(health) => *seen = Seen { health: Some(health), ..Seen::default() },
            Err(error) => {
                seen.silent = seen.silent.saturating_add(1);
                seen.silent_since = seen.silent_since.or(Some(now));
                seen.error = Some(error);
            }
        }
    }

    /// When the next replica is due, in milliseconds since the epoch.
    pub fn next_replica(&self) -> Option<u64> {
        get(&self.next_replica_ms)
    }

    /// Notes it.
    pub fn set_next_replica(&self, ms: u64) {
        set(&self.next_replica_ms, Some(ms));
    }

    /// What keeps the world out, by the last look.
    pub fn unreachable(&self) -> Option<Finding> {
        get(&self.unreachable)
    }

    /// Notes it.
    pub fn set_unreachable(&self, finding: Option<Finding>) {
        set(&self.unreachable, finding);
    }

    /// Whether the homeserver's newest event was asked for the clock.
    pub fn clock_restored(&self) -> bool {
        get(&self.clock_restored)
    }

    /// Notes it.
    pub fn set_clock_restored(&self) {
        set(&self.clock_restored, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn silence_counts_from_the_first_question_without_an_answer() {
        let (watch, start) = (Watch::default(), Instant::now());
        let silent = |after_s| watch.see(Err("nobody answers".to_owned()), start + Duration::from_secs(after_s));
        assert_eq!(watch.seen().silent_since, None);
        silent(0);
        silent(15);
        assert_eq!((watch.seen().silent, watch.seen().silent_since), (2, Some(start)));
        let health = serde_json::from_value(serde_json::json!({
            "server_name": "example.org", "version": "1", "schema": 1, "position": 1, "users": 1, "rooms": 0, "uptime_s": 1,
            "registration": "closed", "mail": false, "newest_event_ts": null, "database_bytes": 0
        }));
        watch.see(Ok(health.unwrap()), start + Duration::from_secs(30));
        assert_eq!((watch.seen().silent, watch.seen().silent_since), (0, None));
        silent(45);
        assert_eq!(watch.seen().silent_since, Some(start + Duration::from_secs(45)));
    }
}
