//! What one sender may ask of the server.

use super::{
    Error,
    memory::{Held, Memory},
};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use lru::LruCache;
use ruma::{OwnedUserId, UserId};
use std::{
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Greatest size of a request's body. Key backups come in large batches; an event alone is far smaller.
pub const BODY_BYTES: usize = 8 << 20;
/// The same for whoever is not logged in: signing up and logging in take little.
pub const STRANGERS_BODY_BYTES: usize = 64 << 10;
/// Memory that the bodies of users may take together while they are read; further ones wait.
const USERS_BYTES: usize = 32 << 20;
/// What a user may take of that: the largest body, and beside it what else the user's clients send.
const USER_BYTES: usize = 12 << 20;
/// The same for those who are not logged in, apart from it: whatever they send, users don't wait.
const STRANGERS_BYTES: usize = 8 << 20;
/// What a network may take of that.
const NETWORK_BYTES: usize = 512 << 10;
/// Longest time for a body to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Longest time for a request's head to arrive.
pub const HEAD_TIME: Duration = Duration::from_secs(15);
/// Greatest size of a request's head.
pub const HEAD_BYTES: usize = 32 << 10;
/// Deepest nesting of arrays and objects in a body.
pub const NESTING: usize = 100;

/// Reads a whole body of at most `longest` bytes, in the time that a body has to arrive.
///
/// # Errors
/// 413 `M_TOO_LARGE`, and those of a body that comes too slowly or is cut off.
pub async fn whole_body(body: Body, longest: usize) -> Result<Bytes, Error> {
    let whole = tokio::time::timeout(BODY_TIME, Limited::new(body, longest).collect())
        .await
        .map_err(|_| Error::too_slow())?
        .map_err(|error| if error.is::<LengthLimitError>() { Error::too_large() } else { Error::cut_off() })?;
    Ok(whole.to_bytes())
}

/// Refuses JSON that nests too deep for a recursive reader.
///
/// # Errors
/// `M_BAD_JSON`
pub fn check_nesting(body: &[u8]) -> Result<(), Error> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > NESTING {
                    return Err(Error::bad_json(format!("The body nests deeper than {NESTING} levels.")));
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Senders remembered for each kind of limit; the one silent longest gives way. An entry is a few
/// dozen bytes.
const SENDERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// How much may come at once, and how fast more is allowed again.
#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: u64,
    /// Milliseconds until one more is allowed.
    every: u64,
}

/// Requests of a user to the endpoints that the specification calls rate-limited.
const USER: Rate = Rate { burst: 100, every: 100 };
/// The same for an address whose sender is not logged in.
const ADDRESS: Rate = Rate { burst: 60, every: 500 };
/// Attempts to log in or to sign up from an address. Signing up takes two or three.
const ENTRY: Rate = Rate { burst: 30, every: 5_000 };
/// Wrong passwords for a user, and wrong registration tokens, from an address.
const GUESS: Rate = Rate { burst: 5, every: 30_000 };
/// Letters that an address asks for, and letters to one mail address, whoever asks: nobody's letter box is to be filled.
const MAIL_REQUEST: Rate = Rate { burst: 10, every: 60_000 };
const LETTER: Rate = Rate { burst: 5, every: 10 * 60_000 };

/// Rate limits. Each is a bucket that holds a burst and fills again at a steady pace.
#[derive(Debug)]
pub struct Limits {
    enabled: bool,
    users: Buckets<OwnedUserId>,
    addresses: Buckets<Network>,
    entries: Buckets<Network>,
    guesses: Buckets<Guessed>,
    mail_requests: Buckets<Network>,
    letters: Buckets<String>,
    users_bodies: Memory<OwnedUserId>,
    strangers_bodies: Memory<Network>,
}

impl Limits {
    /// Limits that hold, or none at all.
    #[must_use]
    pub fn new(enabled: bool) -> Self {
        Self {
            enabled,
            users: Buckets::new(USER),
            addresses: Buckets::new(ADDRESS),
            entries: Buckets::new(ENTRY),
            guesses: Buckets::new(GUESS),
            mail_requests: Buckets::new(MAIL_REQUEST),
            letters: Buckets::new(LETTER),
            users_bodies: Memory::new(USERS_BYTES, USER_BYTES),
            strangers_bodies: Memory::new(STRANGERS_BYTES, NETWORK_BYTES),
        }
    }

    /// Waits until there is memory for a body of that many bytes, the user's or else a stranger's, and holds it.
    ///
    /// # Errors
    /// 408 where other bodies leave none for too long.
    pub async fn hold(&self, user: Option<&UserId>, ip: IpAddr, bytes: usize) -> Result<Held, Error> {
        let held = async {
            match user {
                Some(user) => self.users_bodies.hold(user.to_owned(), bytes).await,
                None => self.strangers_bodies.hold(Network::of(ip), bytes).await,
            }
        };
        tokio::time::timeout(BODY_TIME, held).await.ok().flatten().ok_or_else(Error::too_slow)
    }

    /// Counts a request to a rate-limited endpoint, for the user or else for the address.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED` with the time to wait.
    pub fn check(&self, user: Option<&UserId>, ip: IpAddr, now: u64) -> Result<(), Error> {
        match user {
            _ if !self.enabled => Ok(()),
            Some(user) => self.users.take(user.to_owned(), now),
            None => self.addresses.take(Network::of(ip), now),
        }
    }

    /// Counts an attempt to log in or to sign up.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED` with the time to wait.
    pub fn check_entry(&self, ip: IpAddr, now: u64) -> Result<(), Error> {
        if self.enabled { self.entries.take(Network::of(ip), now) } else { Ok(()) }
    }

    /// Counts a request for a letter by where it comes from.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED` with the time to wait.
    pub fn check_mail_request(&self, ip: IpAddr, now: u64) -> Result<(), Error> {
        if self.enabled { self.mail_requests.take(Network::of(ip), now) } else { Ok(()) }
    }

    /// Counts a letter to a mail address, given in the form in which addresses are compared.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED` with the time to wait.
    pub fn check_letter(&self, to: &str, now: u64) -> Result<(), Error> {
        if self.enabled { self.letters.take(to.to_owned(), now) } else { Ok(()) }
    }

    /// Counts a guess at `what`, to be taken back should it turn out to be none. It is counted before anybody knows, or
    /// many that are made at the same time would all be let through. By address, so that a stranger's guesses don't lock
    /// the user out.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED` with the time to wait.
    pub fn guess(&self, what: &str, ip: IpAddr, now: u64) -> Result<Guess<'_>, Error> {
        if !self.enabled {
            return Ok(Guess(None));
        }
        // A name that is no name of this server must not cost more memory than one that is.
        let guess = (what.chars().take(255).collect(), Network::of(ip));
        self.guesses.take(guess.clone(), now)?;
        Ok(Guess(Some((&self.guesses, guess))))
    }
}

/// What is guessed at, and where from.
type Guessed = (String, Network);

/// A guess that was counted.
#[derive(Debug)]
#[must_use = "a guess that was right is to be taken back"]
pub struct Guess<'l>(Option<(&'l Buckets<Guessed>, Guessed)>);

impl Guess<'_> {
    /// It was right, or came to no answer: it doesn't count.
    pub fn take_back(self, now: u64) {
        if let Some((guesses, guess)) = self.0 {
            guesses.give_back(&guess, now);
        }
    }
}

/// What counts as one address: with IPv6 every household has at least a /64 to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network(IpAddr);

impl Network {
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(ip.into()),
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into()),
        }
    }
}

/// Token buckets by sender. A bucket is one number: the time at which it will be full again.
struct Buckets<K: Hash + Eq> {
    rate: Rate,
    full_at: Mutex<LruCache<K, u64>>,
}

impl<K: Hash + Eq> fmt::Debug for Buckets<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buckets({:?})", self.rate)
    }
}

impl<K: Hash + Eq> Buckets<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::new(LruCache::new(SENDERS)) }
    }

    /// Counts one, if the bucket has it.
    fn take(&self, sender: K, now: u64) -> Result<(), Error> {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = self.full_at(buckets.get(&sender).copied(), now);
        let after = full_at.saturating_add(self.rate.every);
        let allowed = self.allowed(full_at, now);
        buckets.put(sender, if allowed.is_ok() { after } else { full_at });
        allowed
    }

    /// Takes back what was counted.
    fn give_back(&self, sender: &K, now: u64) {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stored) = buckets.peek_mut(sender) {
            *stored = self.full_at(Some(*stored), now).saturating_sub(self.rate.every).max(now);
        }
    }

    /// When the bucket will be full. No later than an empty one would be: a clock that was set back must
    /// not lock anybody out for longer.
    fn full_at(&self, stored: Option<u64>, now: u64) -> u64 {
        stored.unwrap_or(now).clamp(now, now.saturating_add(self.rate.burst * self.rate.every))
    }

    fn allowed(&self, full_at: u64, now: u64) -> Result<(), Error> {
        let latest = now.saturating_add(self.rate.burst * self.rate.every);
        match full_at.saturating_add(self.rate.every).saturating_sub(latest) {
            0 => Ok(()),
            wait => Err(Error::limit_exceeded(Duration::from_millis(wait))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_bucket_lets_a_burst_through_and_fills_again() {
        let buckets = Buckets::new(Rate { burst: 3, every: 100 });
        let now = 1_000_000;
        for _ in 0..3 {
            buckets.take("a", now).unwrap();
        }
        buckets.take("a", now).unwrap_err();
        buckets.take("b", now).unwrap();
        buckets.take("a", now + 99).unwrap_err();
        buckets.take("a", now + 100).unwrap();
        buckets.take("a", now + 100).unwrap_err();
        // The clock is set back by a day.
        let back = now - 86_400_000.min(now);
        buckets.take("a", back).unwrap_err();
        buckets.take("a", back + 300).unwrap();
    }

    #[test]
    fn wrong_passwords_are_counted_by_user_and_address() {
        let limits = Limits::new(true);
        for _ in 0..GUESS.burst {
            drop(limits.guess("@a:x", HERE, 0).unwrap());
        }
        limits.guess("@a:x", HERE, 0).unwrap_err();
        drop(limits.guess("@b:x", HERE, 0).unwrap());
        drop(limits.guess("@a:x", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 0).unwrap());
        drop(limits.guess("@a:x", HERE, GUESS.every).unwrap());
    }

    #[test]
    fn a_guess_holds_a_place_until_it_is_known_to_be_right() {
        let limits = Limits::new(true);
        let mut open: Vec<_> = (0..GUESS.burst).map(|_| limits.guess("@a:x", HERE, 0).unwrap()).collect();
        limits.guess("@a:x", HERE, 0).unwrap_err();
        open.pop().unwrap().take_back(0);
        open.push(limits.guess("@a:x", HERE, 0).unwrap());
        limits.guess("@a:x", HERE, 0).unwrap_err();
        for right in open {
            right.take_back(0);
        }
        // Right passwords use nothing up, however many.
        for _ in 0..100 {
            limits.guess("@a:x", HERE, 0).unwrap().take_back(0);
        }
        let late = limits.guess("@a:x", HERE, 0).unwrap();
        // Full again long before: there is nothing to give back.
        late.take_back(GUESS.every * 10);
        let open: Vec<_> = (0..GUESS.burst).map(|_| limits.guess("@a:x", HERE, GUESS.every * 10).unwrap()).collect();
        limits.guess("@a:x", HERE, GUESS.every * 10).unwrap_err();
        drop(open);
    }

    #[test]
    fn letters_are_counted_by_who_asks_and_by_where_they_go() {
        let limits = Limits::new(true);
        for _ in 0..LETTER.burst {
            limits.check_letter("ann@x", 0).unwrap();
        }
        limits.check_letter("ann@x", 0).unwrap_err();
        limits.check_letter("bob@x", 0).unwrap();
        limits.check_letter("ann@x", LETTER.every).unwrap();
        for _ in 0..MAIL_REQUEST.burst {
            limits.check_mail_request(HERE, 0).unwrap();
        }
        limits.check_mail_request(HERE, 0).unwrap_err();
    }

    #[test]
    fn one_household_is_one_sender() {
        let of = |ip: &str| Network::of(ip.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn limits_that_are_off_limit_nothing() {
        let limits = Limits::new(false);
        for _ in 0..1000 {
            limits.check_entry(HERE, 0).unwrap();
            limits.check(None, HERE, 0).unwrap();
            drop(limits.guess("a", HERE, 0).unwrap());
        }
    }

    #[test]
    fn json_that_nests_too_deep_is_refused() {
        check_nesting("[".repeat(NESTING).as_bytes()).unwrap();
        check_nesting("[".repeat(NESTING + 1).as_bytes()).unwrap_err();
        check_nesting(format!("\"{}\"", "[".repeat(NESTING + 1)).as_bytes()).unwrap();
        check_nesting("[]".repeat(NESTING + 1).as_bytes()).unwrap();
    }
}
