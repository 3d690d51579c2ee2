//! Letters that wait to be sent. They are written down in the change that makes them due, so none is forgotten; and taken
//! out once the relay has them, so after a crash in between one may arrive twice.

use super::{
    Address, Letter, MailError, Refusal,
    relay::{self, TIME},
};
use crate::{
    clock::{Clock, Random},
    settings::Settings,
};
use hearth_store::{Change, Read, Store, StoreError, StreamPos, records::LetterRecord, tables::MAIL_QUEUE};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

/// Letters that may wait at one time.
pub const LONGEST: usize = 200;
/// Milliseconds from the first try to the second; twice as long each time.
const FIRST_PAUSE: u64 = 30_000;
/// Longest time between two tries, in milliseconds.
const LONGEST_PAUSE: u64 = 30 * 60_000;
/// Tries of a letter: the last some 12 hours after the first. Counted, for a board's clock may leap by years when it
/// first hears of the time.
const TRIES: u32 = 30;
/// How long the queue is left alone where nothing is due or the store fails.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// Letters of the name that a letter gets.
const NAME_LETTERS: usize = 24;

/// The way into the queue. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Queue(Arc<Notify>);

/// What sending needs.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where the letters are.
    pub store: Store,
    /// The mail account, at each letter anew.
    pub settings: Settings,
    /// When the next try is due.
    pub clock: Clock,
    /// Names of letters.
    pub random: Random,
}

impl Queue {
    /// Puts a letter into the queue. It is on its way once the change is durable.
    ///
    /// # Errors
    /// [`MailError::QueueFull`]
    pub fn put(&self, change: &mut Change<'_>, letter: &Letter, now: u64) -> Result<(), MailError> {
        check_room(change)?;
        let record = LetterRecord {
            to: letter.to.written().to_owned(),
            subject: letter.subject.clone(),
            text: letter.text.clone(),
            queued_at: now,
            tries: 0,
            due_at: now,
        };
        let position = change.next_pos();
        change.put(MAIL_QUEUE, position, &record)?;
        let queue = self.clone();
        change.on_commit(move || queue.wake());
        Ok(())
    }

    /// Has the queue looked at now: there is a letter, or the mail account is another.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Makes all letters due: the owner has changed the mail account, so what failed may succeed.
    ///
    /// # Errors
    /// [`MailError::Store`]
    pub fn try_all_again(&self, change: &mut Change<'_>) -> Result<(), MailError> {
        let letters = change.prefix(MAIL_QUEUE, ())?.collect::<Result<Vec<_>, _>>()?;
        for (position, mut letter) in letters {
            letter.due_at = 0;
            change.put(MAIL_QUEUE, position, &letter)?;
        }
        let queue = self.clone();
        change.on_commit(move || queue.wake());
        Ok(())
    }

    /// Sends letters as they become due. Does not return; whoever drops this in the middle of a letter has it sent again.
    pub async fn run(&self, parts: Parts) {
        loop {
            let pause = parts.send_due().await.unwrap_or_else(|error| {
                tracing::error!(%error, "letters that wait to be sent can't be read or written");
                IDLE
            });
            tokio::select! {
                () = self.0.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// One more letter may wait.
///
/// # Errors
/// [`MailError::QueueFull`]
pub fn check_room(read: &impl Read) -> Result<(), MailError> {
    let mut waiting = 0;
    for row in read.prefix(MAIL_QUEUE, ())? {
        row?;
        waiting += 1;
    }
    if waiting >= LONGEST { Err(MailError::QueueFull) } else { Ok(()) }
}

/// What became of a letter.
enum Outcome {
    /// It is out of the queue.
    Gone,
    /// It is due again then.
    Later(u64),
    /// Likewise, and others would fare no better now.
    RelayFails,
}

impl Parts {
    /// Sends what is due, one letter after the other. Returns when to look again.
    async fn send_due(&self) -> Result<Duration, StoreError> {
        let waiting = self.store.snapshot()?.prefix(MAIL_QUEUE, ())?.collect::<Result<Vec<_>, _>>()?;
        let mut next = None;
        for (position, letter) in waiting {
            let due_at = match letter.due_at {
                due_at if due_at > self.clock.now() => due_at,
                _ => match self.try_to_send(position, letter).await? {
                    Outcome::Gone => continue,
                    Outcome::Later(due_at) => due_at,
                    // The next letter is the next to try, or a relay that is silent would be waited for by each in turn.
                    Outcome::RelayFails => return Ok(Duration::from_millis(FIRST_PAUSE)),
                },
            };
            next = Some(next.map_or(due_at, |next: u64| next.min(due_at)));
        }
        let pause = next.map(|due_at| Duration::from_millis(due_at.saturating_sub(self.clock.now())));
        // Never at once: with a clock that was set back "due" and "now" could stand still.
        Ok(pause.map_or(IDLE, |pause| pause.clamp(Duration::from_secs(1), IDLE)))
    }

    /// Tries one letter.
    async fn try_to_send(&self, position: StreamPos, mut letter: LetterRecord) -> Result<Outcome, StoreError> {
        let settings = self.settings.now();
        let Some(mail) = &settings.mail else {
            tracing::warn!("a letter is thrown away: the mail account that it was written for was removed");
            return self.remove(position).await;
        };
        let sent = match Address::parse(&letter.to) {
            Some(to) => {
                let ready = Letter { to, subject: letter.subject.clone(), text: letter.text.clone() };
                relay::send(mail, &ready, self.clock.now(), &self.random.word(NAME_LETTERS), TIME).await
            }
            None => Err(Refusal::Letter("its address is none".to_owned())),
        };
        letter.tries = letter.tries.saturating_add(1);
        let (tries, waited_s) = (letter.tries, self.clock.now().saturating_sub(letter.queued_at) / 1_000);
        match sent {
            Ok(()) => {
                tracing::info!(tries, waited_s, "a letter was sent");
                self.remove(position).await
            }
            Err(refusal) if refusal.is_final() || tries >= TRIES => {
                tracing::error!(tries, waited_s, reason = refusal.brief(), "a letter is given up");
                self.remove(position).await
            }
            Err(refusal) => {
                tracing::warn!(tries, waited_s, reason = refusal.brief(), "a letter has to wait");
                let due_at = self.clock.now().saturating_add(pause_after(tries));
                letter.due_at = due_at;
                self.store.change(move |change| change.put(MAIL_QUEUE, position, &letter)).await?;
                Ok(if refusal.is_of_the_letter() { Outcome::Later(due_at) } else { Outcome::RelayFails })
            }
        }
    }

    async fn remove(&self, position: StreamPos) -> Result<Outcome, StoreError> {
        self.store.change(move |change| change.delete(MAIL_QUEUE, position)).await?;
        Ok(Outcome::Gone)
    }
}

/// Milliseconds to wait after so many tries.
fn pause_after(tries: u32) -> u64 {
    let doubled = tries.saturating_sub(1).min(16);
    (FIRST_PAUSE << doubled).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Registration;
    use hearth_store::Options;

    #[test]
    fn a_letter_is_tried_ever_more_rarely_for_half_a_day() {
        assert_eq!([1, 2, 3].map(pause_after), [30_000, 60_000, 120_000]);
        assert_eq!([8, 30, u32::MAX].map(pause_after), [LONGEST_PAUSE; 3]);
        let hours = (1..TRIES).map(pause_after).sum::<u64>() / 3_600_000;
        assert!((10..=14).contains(&hours), "{hours} hours");
    }

    fn parts(folder: &std::path::Path) -> Parts {
        let store = Store::open(&folder.join("db"), Options::default()).unwrap();
        let settings = Settings::load(&store, Registration::Closed).unwrap();
        Parts { store, settings, clock: Clock::fixed(1_000), random: Random::seeded(1) }
    }

    fn letter() -> Letter {
        super::super::letter::test(Address::parse("ann@example.org").unwrap())
    }

    fn waiting(parts: &Parts) -> Vec<LetterRecord> {
        let read = parts.store.snapshot().unwrap();
        read.prefix(MAIL_QUEUE, ()).unwrap().map(|row| row.unwrap().1).collect()
    }

    #[tokio::test]
    async fn a_relay_that_is_not_there_is_tried_again_later_and_at_once_after_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let parts = parts(folder.path());
        // Nothing listens on a port that was free a moment ago.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mail = serde_json::json!({ "mail": {
            "host": "127.0.0.1", "port": free, "security": "none", "user": "", "from": "hearth@example.org",
        } });
        let (settings, wanted) = (parts.settings.clone(), serde_json::from_value(mail).unwrap());
        parts.store.change(move |change| settings.set(change, wanted)).await.unwrap();
        let queue = Queue::default();
        for _ in 0..2 {
            let to_put = queue.clone();
            parts.store.change(move |change| to_put.put(change, &letter(), 1_000)).await.unwrap();
        }
        // Where the first finds nobody, the second waits for its turn.
        assert_eq!(parts.send_due().await.unwrap(), Duration::from_millis(FIRST_PAUSE));
        let tries = |parts: &Parts| waiting(parts).iter().map(|letter| letter.tries).collect::<Vec<_>>();
        assert_eq!((tries(&parts), waiting(&parts)[0].due_at), (vec![1, 0], 1_000 + FIRST_PAUSE));
        parts.send_due().await.unwrap();
        assert_eq!(tries(&parts), [1, 1]);
        // Not before they are due.
        parts.send_due().await.unwrap();
        assert_eq!(tries(&parts), [1, 1]);
        let last = parts.store.snapshot().unwrap().last(MAIL_QUEUE, ()).unwrap().unwrap().0;
        parts.store.change(move |change| change.delete(MAIL_QUEUE, last)).await.unwrap();
        parts.store.change(move |change| queue.try_all_again(change)).await.unwrap();
        parts.send_due().await.unwrap();
        assert_eq!(waiting(&parts)[0].tries, 2);
        for _ in 2..TRIES {
            let Clock::Fixed(clock) = &parts.clock else { unreachable!() };
            clock.fetch_add(LONGEST_PAUSE, std::sync::atomic::Ordering::Relaxed);
            parts.send_due().await.unwrap();
        }
        assert!(waiting(&parts).is_empty(), "it is given up in the end");
    }

    #[tokio::test]
    async fn the_queue_has_an_end_and_is_emptied_where_there_is_no_mail_account() {
        let folder = tempfile::tempdir().unwrap();
        let parts = parts(folder.path());
        let queue = Queue::default();
        let full = parts
            .store
            .change(move |change| {
                for _ in 0..LONGEST {
                    queue.put(change, &letter(), 1_000)?;
                }
                Ok::<_, MailError>(queue.put(change, &letter(), 1_000))
            })
            .await
            .unwrap();
        assert!(matches!(full, Err(MailError::QueueFull)));
        assert_eq!(waiting(&parts).len(), LONGEST);
        assert!(!format!("{:?}", waiting(&parts)).contains("ann@"));
        assert_eq!(parts.send_due().await.unwrap(), IDLE);
        assert!(waiting(&parts).is_empty());
    }
}
