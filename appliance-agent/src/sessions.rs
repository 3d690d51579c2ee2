//! Who is logged in: in memory alone, so that a restart logs everybody out. Of a session only its token's hash is kept.

use crate::random::{Random, hexadecimal};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// A session that is not used for so long ends.
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// A session ends after so long however much it is used.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Sessions at a time; the one used longest ago makes room.
const MOST: usize = 64;

/// Who a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Somebody who could read the setup code.
    Owner,
    /// The same once the box is in use, while the homeserver is silent: for what mends it, and no longer than that.
    Rescuer,
    /// An administrator, by user id.
    Administrator(String),
}

#[derive(Debug)]
struct Session {
    who: Who,
    began: Instant,
    used: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.used) > IDLE || now.duration_since(self.began) > LONGEST
    }
}

/// The sessions.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

impl Sessions {
    /// Begins a session and gives its token: 256 bits in hexadecimal digits.
    pub fn begin(&self, who: Who, random: &Random, now: Instant) -> String {
        let token = hexadecimal(&random.bytes::<32>());
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| !session.is_over(now));
        if sessions.len() >= MOST
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.used).map(|(hash, _)| *hash)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(hash(&token), Session { who, began: now, used: now });
        token
    }

    /// Whose token this is; notes its use.
    pub fn find(&self, token: &str, now: Instant) -> Option<Who> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The hash is what is compared: how long that takes says nothing about the token.
        let session = sessions.get_mut(&hash(token)).filter(|session| !session.is_over(now))?;
        session.used = now;
        Some(session.who.clone())
    }

    /// Ends a session.
    pub fn end(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(token));
    }

    /// Ends every session of an administrator.
    pub fn end_all_of(&self, user_id: &str) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.who != Who::Administrator(user_id.to_owned()));
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_when_old() {
        let (sessions, random, start) = (Sessions::default(), Random::seeded(1), Instant::now());
        let token = sessions.begin(Who::Owner, &random, start);
        assert_eq!(sessions.find(&token, start + IDLE), Some(Who::Owner));
        assert_eq!(sessions.find(&token, start + IDLE * 2 + Duration::from_secs(1)), None);
        for hours in 0..=24 {
            assert!(sessions.find(&token, start + Duration::from_secs(hours * 3600)).is_some() || hours < 3);
        }
        assert_eq!(sessions.find(&token, start + LONGEST + Duration::from_secs(1)), None);
    }

    #[test]
    fn tokens_differ_and_a_wrong_one_is_nobody() {
        let (sessions, random, now) = (Sessions::default(), Random::seeded(1), Instant::now());
        let first = sessions.begin(Who::Owner, &random, now);
        let second = sessions.begin(Who::Administrator("@a:b".into()), &random, now);
        assert_ne!(first, second);
        assert_eq!(first.len(), 64);
        assert_eq!(sessions.find("0", now), None);
        sessions.end_all_of("@a:b");
        assert_eq!((sessions.find(&first, now), sessions.find(&second, now)), (Some(Who::Owner), None));
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let (sessions, random, now) = (Sessions::default(), Random::seeded(1), Instant::now());
        let first = sessions.begin(Who::Owner, &random, now);
        for second in 1..=64 {
            sessions.begin(Who::Owner, &random, now + Duration::from_secs(second));
        }
        assert_eq!(sessions.0.lock().unwrap().len(), MOST);
        assert_eq!(sessions.find(&first, now), None);
    }
}
