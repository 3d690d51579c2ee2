//! Confirming mail addresses: a client asks for a letter, a person follows the link in it, and the client then has a
//! session that proves the address.
//! <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registeremailrequesttoken>

use super::{
    AccountError,
    emails::{self, Confirmed},
    sessions::{self, Secret, TokenHash},
};
use crate::{
    config::Config,
    mail::{Address, Letter, Link, Queue, letter, link, queue},
};
use hearth_store::{
    Change, Read,
    records::{EmailPurpose, EmailSessionRecord},
    tables::EMAIL_SESSIONS,
};
use sha2::{Digest as _, Sha256};

/// How long a session lives from its newest letter, in milliseconds.
pub const LIFETIME: u64 = 24 * 60 * 60 * 1_000;
/// Sessions that are kept; the oldest that nobody has confirmed gives way.
const MOST: usize = 1_000;
/// Letters of a session whose links are good: people open the one that they see first.
const LINKS: usize = 3;

/// What a client sends with the proof of an address. Debug does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The session.
    pub sid: String,
    /// What the client made up for it.
    pub client_secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What the address is to be confirmed for.
    pub purpose: EmailPurpose,
    /// The address.
    pub address: Address,
    /// [`key`] of the session, from the client's secret.
    pub session: [u8; 32],
    /// A letter goes out only for one that is higher than those before.
    pub send_attempt: u64,
    /// Where the person is to go on afterwards; http or https.
    pub next_link: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
}

/// The session for a purpose, an address and a client's secret: the same for the same three, so that a repeated request
/// finds it again, and nobody who lacks the secret can name it together with a good one.
#[must_use]
pub fn key(purpose: EmailPurpose, canonical: &str, client_secret: &str) -> [u8; 32] {
    let purpose = match purpose {
        EmailPurpose::SignUp => "sign up",
        EmailPurpose::Add => "add",
        EmailPurpose::Password => "password",
    };
    let mut sum = Sha256::new();
    for part in [purpose, canonical, client_secret] {
        // The length before each part keeps ("ab", "c") apart from ("a", "bc").
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    sum.finalize().into()
}

fn live(read: &impl Read, session: &[u8; 32], now: u64) -> Result<Option<EmailSessionRecord>, AccountError> {
    Ok(read.get(EMAIL_SESSIONS, *session)?.filter(|record| now < record.expires_at))
}

/// Whether a request changes nothing: its session has had that attempt, or is confirmed already.
///
/// # Errors
/// [`AccountError::Store`]
pub fn is_repeated(read: &impl Read, asked: &Asked) -> Result<bool, AccountError> {
    let Some(record) = live(read, &asked.session, asked.now)? else { return Ok(false) };
    Ok(record.send_attempt >= asked.send_attempt || record.validated_at.is_some())
}

/// Begins a session, or goes on with it, and writes the letter. `token` is for the link.
///
/// Whether somebody has the address shows only to whoever reads the letters that go there: where the address can't be
/// confirmed there is a session all the same, which never will be.
///
/// # Errors
/// [`AccountError::Mail`] where too many letters wait.
pub fn ask(
    change: &mut Change<'_>,
    config: &Config,
    queue: &Queue,
    asked: &Asked,
    token: &Secret,
) -> Result<(), AccountError> {
    if is_repeated(change, asked)? {
        return Ok(());
    }
    // For every address, also for one that gets no letter: a refusal for some alone would say whose have an account.
    queue::check_room(change)?;
    let before = live(change, &asked.session, asked.now)?;
    make_room(change, &asked.session, asked.now)?;
    let Sent { to, letter, token } = letter(change, config, asked, token)?;
    // A link that went to another way of writing the address proves nothing about this one.
    let mut tokens = before.filter(|record| record.address == to).map(|record| record.tokens).unwrap_or_default();
    tokens.extend(token);
    let surplus = tokens.len().saturating_sub(LINKS);
    tokens.drain(..surplus);
    let record = EmailSessionRecord {
        purpose: asked.purpose,
        address: to,
        tokens,
        send_attempt: asked.send_attempt,
        next_link: asked.next_link.clone(),
        expires_at: asked.now.saturating_add(LIFETIME),
        validated_at: None,
    };
    change.put(EMAIL_SESSIONS, asked.session, &record)?;
    match letter {
        Some(letter) => Ok(queue.put(change, &letter, asked.now)?),
        None => Ok(()),
    }
}

/// What a request leads to.
struct Sent {
    /// The address that is confirmed by the link, as it is written.
    to: String,
    letter: Option<Letter>,
    /// Hash of the token in the letter.
    token: Option<TokenHash>,
}

fn letter(read: &impl Read, config: &Config, asked: &Asked, token: &Secret) -> Result<Sent, AccountError> {
    let stored = emails::written(read, asked.address.canonical())?.and_then(|stored| Address::parse(&stored));
    let to = match (asked.purpose, stored) {
        // The specification would rather have a letter that says so than an error that tells everybody.
        (EmailPurpose::SignUp | EmailPurpose::Add, Some(stored)) => {
            let to = asked.address.written().to_owned();
            return Ok(Sent { to, letter: Some(letter::in_use(config, stored)), token: None });
        }
        // No letter: a server where strangers can't sign up must not be made to write to strangers either.
        (EmailPurpose::Password, None) => {
            return Ok(Sent { to: asked.address.written().to_owned(), letter: None, token: None });
        }
        (EmailPurpose::SignUp | EmailPurpose::Add, None) => asked.address.clone(),
        // To the address that was confirmed: another way of writing it could be somebody else's.
        (EmailPurpose::Password, Some(stored)) => stored,
    };
    let link = Link { session: asked.session, token: token.clone().reveal() };
    let written = to.written().to_owned();
    Ok(Sent { to: written, letter: Some(letter::confirm(config, asked.purpose, to, &link)), token: Some(token.hash()) })
}

/// Clears away what is over, and makes room for one more.
fn make_room(change: &mut Change<'_>, session: &[u8; 32], now: u64) -> Result<(), AccountError> {
    let (mut over, mut kept) = (Vec::new(), Vec::new());
    for row in change.prefix(EMAIL_SESSIONS, ())? {
        let (key, record) = row?;
        match record.expires_at <= now {
            true => over.push(key),
            false if key == *session => {}
            false => kept.push((record.validated_at.is_some(), record.expires_at, key)),
        }
    }
    kept.sort_unstable();
    let surplus = (kept.len() + 1).saturating_sub(MOST);
    over.extend(kept.into_iter().take(surplus).map(|(_, _, key)| key));
    for key in over {
        change.delete(EMAIL_SESSIONS, key)?;
    }
    Ok(())
}

/// The session that a link belongs to.
///
/// # Errors
/// [`AccountError::BadEmailLink`]
pub fn followed(read: &impl Read, link: &Link, now: u64) -> Result<EmailSessionRecord, AccountError> {
    let record = live(read, &link.session, now)?.ok_or(AccountError::BadEmailLink)?;
    // Hashes, so that the time of the comparison tells nothing of the token.
    let is_good = record.tokens.contains(&sessions::hash(&link.token));
    if is_good { Ok(record) } else { Err(AccountError::BadEmailLink) }
}

/// Confirms the address of the session that a link belongs to. Doing so twice changes nothing.
///
/// # Errors
/// [`AccountError::BadEmailLink`]
pub fn confirm(change: &mut Change<'_>, link: &Link, now: u64) -> Result<EmailSessionRecord, AccountError> {
    let mut record = followed(change, link, now)?;
    if record.validated_at.is_none() {
        record.validated_at = Some(now);
        change.put(EMAIL_SESSIONS, link.session, &record)?;
    }
    Ok(record)
}

/// The address that the credentials prove for a purpose.
///
/// # Errors
/// [`AccountError::EmailNotConfirmed`]; whether for the session, the secret or the purpose is not told apart.
pub fn proved(
    read: &impl Read,
    purpose: EmailPurpose,
    credentials: &Credentials,
    now: u64,
) -> Result<Confirmed, AccountError> {
    let session = link::session(&credentials.sid).ok_or(AccountError::EmailNotConfirmed)?;
    let record = live(read, &session, now)?.ok_or(AccountError::EmailNotConfirmed)?;
    let address = Address::parse(&record.address).ok_or(AccountError::EmailNotConfirmed)?;
    // The key holds purpose, address and secret, so it is right only if all of them are.
    if key(purpose, address.canonical(), &credentials.client_secret) != session {
        return Err(AccountError::EmailNotConfirmed);
    }
    let validated_at = record.validated_at.ok_or(AccountError::EmailNotConfirmed)?;
    let (canonical, written) = (address.canonical().to_owned(), address.written().to_owned());
    Ok(Confirmed { canonical, written, validated_at })
}

/// As [`proved`], and ends the session: a proof is good for one thing once.
///
/// # Errors
/// [`AccountError::EmailNotConfirmed`]
pub fn spend(
    change: &mut Change<'_>,
    purpose: EmailPurpose,
    credentials: &Credentials,
    now: u64,
) -> Result<Confirmed, AccountError> {
    let confirmed = proved(change, purpose, credentials, now)?;
    if let Some(session) = link::session(&credentials.sid) {
        change.delete(EMAIL_SESSIONS, session)?;
    }
    Ok(confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Random, config::Registration, mail::MailError};
    use hearth_store::{Options, Store, StreamPos, tables::MAIL_QUEUE};
    use ruma::user_id;
    use std::path::Path;

    struct House {
        store: Store,
        random: Random,
        _folder: tempfile::TempDir,
    }

    fn config(folder: &Path) -> Config {
        Config {
            server_name: "example.org".try_into().unwrap(),
            data: folder.to_owned(),
            listen: Vec::new(),
            plain: false,
            base_url: None,
            dashboard_url: None,
            admin_socket: None,
            registration: Registration::Email,
            registration_token: None,
            rate_limits: true,
            cache_bytes: 0,
            default_room_version: ruma::RoomVersionId::V12,
        }
    }

    impl House {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("db"), Options::default()).unwrap();
            Self { store, random: Random::seeded(1), _folder: folder }
        }

        /// Asks for a letter, takes it out of the queue, and returns the session and the link.
        fn ask(&self, email: &str, send_attempt: u64, now: u64) -> ([u8; 32], Option<Link>) {
            let address = Address::parse(email).unwrap();
            let session = key(EmailPurpose::SignUp, address.canonical(), "secret");
            let purpose = EmailPurpose::SignUp;
            let asked = Asked { purpose, address, session, send_attempt, next_link: None, now };
            let (token, config) = (Secret::new("hre", &self.random), config(Path::new("/")));
            let shown = token.clone();
            let wrote = self
                .store
                .change_blocking(move |change| {
                    ask(change, &config, &Queue::default(), &asked, &token)?;
                    let letters = change.prefix(MAIL_QUEUE, ())?.map(|row| Ok(row?.0));
                    let letters = letters.collect::<Result<Vec<StreamPos>, AccountError>>()?;
                    for position in &letters {
                        change.delete(MAIL_QUEUE, *position)?;
                    }
                    Ok::<_, AccountError>(!letters.is_empty())
                })
                .unwrap();
            (session, wrote.then(|| Link { session, token: shown.reveal() }))
        }

        fn confirm(&self, link: &Link, now: u64) -> Result<EmailSessionRecord, AccountError> {
            let link = link.clone();
            self.store.change_blocking(move |change| confirm(change, &link, now))
        }
    }

    #[test]
    fn the_newest_letters_links_are_good_until_their_day_is_over() {
        let house = House::new();
        let links: Vec<Link> = (1..=4).map(|attempt| house.ask("ann@x.y", attempt, attempt).1.unwrap()).collect();
        assert!(house.ask("ann@x.y", 4, 5).1.is_none(), "a repeated attempt has no letter");
        assert!(matches!(house.confirm(&links[0], 5), Err(AccountError::BadEmailLink)));
        let read = house.store.snapshot().unwrap();
        for link in &links[1..] {
            followed(&read, link, 4 + LIFETIME - 1).unwrap();
            assert!(matches!(followed(&read, link, 4 + LIFETIME), Err(AccountError::BadEmailLink)));
        }
        let credentials =
            |secret: &str| Credentials { sid: link::sid(&links[0].session), client_secret: secret.into() };
        proved(&read, EmailPurpose::SignUp, &credentials("secret"), 5).unwrap_err();
        house.confirm(&links[1], 6).unwrap();
        house.confirm(&links[2], 7).unwrap();
        let read = house.store.snapshot().unwrap();
        let email = proved(&read, EmailPurpose::SignUp, &credentials("secret"), 8).unwrap();
        assert_eq!((email.canonical.as_str(), email.validated_at), ("ann@x.y", 6));
        proved(&read, EmailPurpose::SignUp, &credentials("other"), 8).unwrap_err();
        proved(&read, EmailPurpose::Password, &credentials("secret"), 8).unwrap_err();
    }

    /// A link that went to one way of writing an address must not confirm another.
    #[test]
    fn another_way_of_writing_an_address_begins_anew() {
        let house = House::new();
        let (session, first) = house.ask("strau\u{df}@x.y", 1, 1);
        let (same, second) = house.ask("strauss@x.y", 2, 2);
        assert_eq!(session, same);
        assert!(matches!(house.confirm(&first.unwrap(), 3), Err(AccountError::BadEmailLink)));
        assert_eq!(house.confirm(&second.unwrap(), 3).unwrap().address, "strauss@x.y");
    }

    #[test]
    fn a_flood_of_sessions_drives_out_the_oldest_that_nobody_confirmed() {
        let house = House::new();
        let (kept, link) = house.ask("first@x.y", 1, 1);
        house.confirm(&link.unwrap(), 2).unwrap();
        let (lost, _) = house.ask("second@x.y", 1, 3);
        let config = config(Path::new("/"));
        let token = Secret::new("hre", &house.random);
        house
            .store
            .change_blocking(move |change| {
                for n in 0..MOST as u64 {
                    // Nobody has these addresses, so that no letters are written.
                    let address = Address::parse(&format!("{n}@x.y")).ok_or(AccountError::BadEmailLink)?;
                    let purpose = EmailPurpose::Password;
                    let session = key(purpose, address.canonical(), "secret");
                    let asked = Asked { purpose, address, session, send_attempt: 1, next_link: None, now: 4 + n };
                    ask(change, &config, &Queue::default(), &asked, &token)?;
                }
                Ok::<_, AccountError>(())
            })
            .unwrap();
        let read = house.store.snapshot().unwrap();
        assert_eq!(read.prefix(EMAIL_SESSIONS, ()).unwrap().count(), MOST);
        assert!(read.contains(EMAIL_SESSIONS, kept).unwrap() && !read.contains(EMAIL_SESSIONS, lost).unwrap());
        // The next one finds what is over gone.
        house.ask("last@x.y", 1, 5_000 + LIFETIME);
        assert_eq!(house.store.snapshot().unwrap().prefix(EMAIL_SESSIONS, ()).unwrap().count(), 1);
    }

    /// Where the queue was full, only whoever had an account was told so.
    #[test]
    fn a_full_queue_is_the_same_answer_for_every_address() {
        let house = House::new();
        let (config, token) = (config(Path::new("/")), Secret::new("hre", &house.random));
        let answers = house.store.change_blocking(move |change| {
            let letter = letter::test(Address::parse("bob@x.y").ok_or(AccountError::BadEmailLink)?);
            for _ in 0..queue::LONGEST {
                Queue::default().put(change, &letter, 1)?;
            }
            let ann = Confirmed { canonical: "ann@x.y".to_owned(), written: "ann@x.y".to_owned(), validated_at: 1 };
            emails::add(change, user_id!("@ann:example.org"), &ann, 1)?;
            let mut answers = Vec::new();
            for email in ["ann@x.y", "nobody@x.y"] {
                let address = Address::parse(email).ok_or(AccountError::BadEmailLink)?;
                let purpose = EmailPurpose::Password;
                let session = key(purpose, address.canonical(), "secret");
                let asked = Asked { purpose, address, session, send_attempt: 1, next_link: None, now: 1 };
                answers.push(ask(change, &config, &Queue::default(), &asked, &token));
            }
            Ok::<_, AccountError>(answers)
        });
        for answer in answers.unwrap() {
            assert!(matches!(answer, Err(AccountError::Mail(MailError::QueueFull))), "{answer:?}");
        }
    }

    #[test]
    fn debug_shows_neither_address_nor_secret() {
        let credentials = Credentials { sid: "sid".to_owned(), client_secret: "secret".to_owned() };
        let email = Confirmed { canonical: "a@x".to_owned(), written: "a@x".to_owned(), validated_at: 1 };
        assert_eq!(format!("{credentials:?} {email:?}"), "Credentials Confirmed");
    }
}
