//! Limits on guessing: the setup code, passwords, recovery keys.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Wrong attempts from one address before it has to wait.
const FREE: u32 = 5;
/// The first wait; each further wrong attempt doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Wrong attempts from everywhere before everybody has to wait between them; they count down one in each
/// [`EVERYBODY_WAITS`], so that nobody is locked out for long by somebody else's guessing.
const FREE_FOR_ALL: u32 = 50;
/// The wait between attempts then.
const EVERYBODY_WAITS: Duration = Duration::from_secs(10);
/// An address is forgotten after so long without a wrong attempt.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// Addresses that are remembered.
const ADDRESSES: usize = 1024;

#[derive(Debug)]
struct Wrong {
    times: u32,
    last: Instant,
}

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<IpAddr, Wrong>,
    all: Option<Wrong>,
}

/// Wrong attempts at one kind of secret.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Counts>);

impl Attempts {
    /// Counts an attempt as wrong before it is judged, so that many at once can't slip through; a right one is taken back by
    /// [`Attempts::right`].
    ///
    /// # Errors
    /// How long this address has to wait.
    pub fn begin(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = network(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.by_address.retain(|_, wrong| now.duration_since(wrong.last) < FORGOTTEN);
        if let Some(wrong) = counts.by_address.get(&address) {
            wait_left(wrong, wait(wrong.times), now)?;
        }
        if let Some(all) = &mut counts.all {
            let over = now.duration_since(all.last).as_secs() / EVERYBODY_WAITS.as_secs();
            let times = all.times.saturating_sub(u32::try_from(over).unwrap_or(u32::MAX));
            let pause = if times >= FREE_FOR_ALL { EVERYBODY_WAITS } else { Duration::ZERO };
            wait_left(all, pause, now)?;
            all.times = times;
        }
        if counts.by_address.len() >= ADDRESSES && !counts.by_address.contains_key(&address) {
            return Err(EVERYBODY_WAITS);
        }
        let wrong = counts.by_address.entry(address).or_insert(Wrong { times: 0, last: now });
        *wrong = Wrong { times: wrong.times.saturating_add(1), last: now };
        let all = counts.all.get_or_insert(Wrong { times: 0, last: now });
        *all = Wrong { times: all.times.saturating_add(1), last: now };
        Ok(())
    }

    /// The attempt was right: the address starts afresh.
    pub fn right(&self, address: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.by_address.remove(&network(address));
        if let Some(all) = &mut counts.all {
            all.times = all.times.saturating_sub(1);
        }
    }
}

/// A household has one IPv6 network; its single addresses are as many as one likes.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

fn wait(times: u32) -> Duration {
    match times.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(over) => FIRST_WAIT.saturating_mul(1 << over.min(10)).min(LONGEST_WAIT),
    }
}

fn wait_left(wrong: &Wrong, pause: Duration, now: Instant) -> Result<(), Duration> {
    match pause.checked_sub(now.duration_since(wrong.last)) {
        Some(left) if !left.is_zero() => Err(left),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 2));

    #[test]
    fn after_five_wrong_attempts_each_waits_longer() {
        let (attempts, mut now) = (Attempts::default(), Instant::now());
        for _ in 0..5 {
            attempts.begin(HOME, now).unwrap();
        }
        assert_eq!(attempts.begin(HOME, now), Err(Duration::from_secs(30)));
        now += Duration::from_secs(30);
        attempts.begin(HOME, now).unwrap();
        assert_eq!(attempts.begin(HOME, now), Err(Duration::from_secs(60)));
        for _ in 0..20 {
            now += LONGEST_WAIT;
            attempts.begin(HOME, now).unwrap();
        }
        assert_eq!(attempts.begin(HOME, now), Err(LONGEST_WAIT));
        // Another address is not held up by this one, and a right attempt forgives.
        attempts.begin(IpAddr::from([192, 168, 1, 3]), now).unwrap();
        attempts.right(HOME);
        attempts.begin(HOME, now).unwrap();
    }

    #[test]
    fn guessing_from_many_addresses_is_slowed_but_locks_nobody_out() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for last in 0..50 {
            attempts.begin(IpAddr::from([10, 0, 0, last]), now).unwrap();
        }
        assert!(attempts.begin(HOME, now).is_err());
        attempts.begin(HOME, now + EVERYBODY_WAITS).unwrap();
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for last in 0..5_u16 {
            attempts.begin(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]), now).unwrap();
        }
        assert!(attempts.begin(IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]), now).is_err());
        assert!(attempts.begin(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 0]), now).is_ok());
    }
}
