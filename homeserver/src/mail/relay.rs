//! The relay: a mail server elsewhere that takes letters from this one and sends them on, by SMTP (RFC 5321).

use super::{
    Letter, address,
    refusal::{Refusal, Secrets},
};
use crate::settings::{Mail, MailSecurity};
use lettre::{
    Message,
    address::Envelope,
    message::header::{ContentType, HeaderName, HeaderValue},
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail as MailFrom, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    },
};
use std::{
    net::SocketAddr,
    time::{Duration, UNIX_EPOCH},
};
use tokio::time::{Instant, timeout, timeout_at};

/// Longest time for a letter, from looking the relay's name up to its last word.
pub const TIME: Duration = Duration::from_secs(30);
/// Longest time for the last greeting, once the letter is taken.
const FAREWELL: Duration = Duration::from_secs(2);
/// The last moment that a letter's date can tell, in milliseconds since the Unix epoch: the end of the year 9999.
const LATEST: u64 = 253_402_300_799_000;
/// "Log in first", where no login is set.
const LOGIN_FIRST: &str = "530";

/// Sends one letter within `limit`. `now` is its date, in milliseconds since the Unix epoch; `id` is its name among all
/// letters, of letters and digits.
///
/// # Errors
/// [`Refusal`]. After [`Refusal::Silent`] or [`Refusal::Broken`] the letter may have gone out all the same.
pub async fn send(mail: &Mail, letter: &Letter, now: u64, id: &str, limit: Duration) -> Result<(), Refusal> {
    let (envelope, bytes) = written(mail, letter, now, id)?;
    let relay = Relay {
        mail,
        secrets: Secrets::of(&mail.user, mail.password.as_deref().unwrap_or_default()),
        // By the sender's domain: some relays look whether there is a machine by the name that they are told.
        hello: ClientId::Domain(envelope.from().map(|from| from.domain().to_owned()).unwrap_or_default()),
        limit,
        deadline: Instant::now() + limit,
    };
    let mut connection = relay.connect().await?;
    let sent = match relay.log_in(&mut connection).await {
        Ok(()) => relay.hand_over(&mut connection, &envelope, &bytes).await,
        Err(refusal) => Err(refusal),
    };
    // What is said now changes nothing any more.
    let _ = timeout(FAREWELL, connection.abort()).await;
    sent
}

/// The letter as it goes over the wire.
fn written(mail: &Mail, letter: &Letter, now: u64, id: &str) -> Result<(Envelope, Vec<u8>), Refusal> {
    let from = address::sender(&mail.from).ok_or(Refusal::Sender)?;
    let name = format!("<{id}@{}>", from.email.domain());
    // RFC 3834: nobody's absence notice is to answer this.
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let message = Message::builder()
        .from(from)
        .to(letter.to.mailbox())
        .subject(letter.subject.as_str())
        .date(UNIX_EPOCH + Duration::from_millis(now.min(LATEST)))
        .message_id(Some(name))
        .raw_header(automatic)
        .header(ContentType::TEXT_PLAIN)
        .body(letter.text.clone())
        .map_err(|error| Refusal::Letter(error.to_string()))?;
    Ok((message.envelope().clone(), message.formatted()))
}

/// A conversation with a deadline.
struct Relay<'m> {
    mail: &'m Mail,
    secrets: Secrets,
    hello: ClientId,
    limit: Duration,
    deadline: Instant,
}

impl Relay<'_> {
    async fn within<T>(&self, step: impl Future<Output = T>) -> Result<T, Refusal> {
        timeout_at(self.deadline, step).await.map_err(|_| Refusal::Silent(self.limit))
    }

    /// As [`Relay::within`]; `refused` says what a final reply means at this step.
    async fn step<T>(
        &self,
        step: impl Future<Output = Result<T, SmtpError>>,
        refused: impl FnOnce(String) -> Refusal,
    ) -> Result<T, Refusal> {
        self.within(step).await?.map_err(|error| self.secrets.refusal(&error, refused))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let found = self.within(tokio::net::lookup_host((self.mail.host.as_str(), self.mail.port))).await?;
        let addresses: Vec<SocketAddr> = found.map_err(|_| Refusal::HostNotFound)?.collect();
        if addresses.is_empty() {
            return Err(Refusal::HostNotFound);
        }
        let (at_once, later) = match self.mail.security {
            MailSecurity::Tls => (Some(self.tls().await?), None),
            MailSecurity::StartTls => (None, Some(self.tls().await?)),
            MailSecurity::None => (None, None),
        };
        // Each address gets its share of the time, or one that is silent would leave none for the next.
        let share = self.limit / u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(addresses.as_slice(), Some(share), &self.hello, at_once, None);
        let mut connection = self.step(connecting, Refusal::TurnedAway).await?;
        if let Some(tls) = later {
            // Never in the clear where TLS is asked for, whatever the relay says it offers.
            if !connection.can_starttls() {
                return Err(Refusal::NoStartTls);
            }
            self.step(connection.starttls(tls, &self.hello), Refusal::Tls).await?;
        }
        Ok(connection)
    }

    /// Trusts what the system trusts.
    async fn tls(&self) -> Result<TlsParameters, Refusal> {
        let host = self.mail.host.clone();
        // Reading the system's certificates takes its time on a card.
        let made = tokio::task::spawn_blocking(move || TlsParameters::new(host)).await;
        made.map_err(|error| Refusal::Tls(error.to_string()))?.map_err(|error| Refusal::Tls(error.to_string()))
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Refusal> {
        if self.mail.user.is_empty() {
            return Ok(());
        }
        let known = [Mechanism::Plain, Mechanism::Login];
        if connection.server_info().get_auth_mechanism(&known).is_none() {
            return Err(Refusal::NoLogin);
        }
        let credentials = Credentials::new(self.mail.user.clone(), self.mail.password.clone().unwrap_or_default());
        self.step(connection.auth(&known, &credentials), Refusal::LoginRefused).await?;
        Ok(())
    }

    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let has = |extension| connection.server_info().supports_feature(extension);
        let mut parameters = Vec::new();
        let mut addresses = envelope.to().iter().chain(envelope.from());
        if addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
            if !has(Extension::SmtpUtfEight) {
                return Err(Refusal::AsciiOnly);
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !bytes.is_ascii() {
            if !has(Extension::EightBitMime) {
                return Err(Refusal::AsciiOnly);
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let wants_login = self.mail.user.is_empty();
        let sender_refused = |reply: String| match reply.starts_with(LOGIN_FIRST) && wants_login {
            true => Refusal::LoginWanted(reply),
            false => Refusal::SenderRefused(reply),
        };
        self.step(connection.command(MailFrom::new(envelope.from().cloned(), parameters)), sender_refused).await?;
        for to in envelope.to() {
            self.step(connection.command(Rcpt::new(to.clone(), Vec::new())), Refusal::RecipientRefused).await?;
        }
        self.step(connection.command(Data), Refusal::LetterRefused).await?;
        self.step(connection.message(bytes), Refusal::LetterRefused).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Address, letter};

    fn written_at(from: &str, now: u64) -> Result<String, Refusal> {
        let mail = Mail {
            host: "mail.example.org".to_owned(),
            port: 465,
            security: MailSecurity::Tls,
            user: String::new(),
            password: None,
            from: from.to_owned(),
        };
        let letter = letter::test(Address::parse("ann@example.org").ok_or(Refusal::Sender)?);
        written(&mail, &letter, now, "name").map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn a_letter_has_the_headers_that_keep_machines_from_answering() {
        let letter = written_at("H\u{e4}rth <hearth@example.org>", 0).unwrap();
        let (head, text) = letter.split_once("\r\n\r\n").unwrap();
        for line in [
            "To: ann@example.org",
            "Subject: Your Hearth can send mail",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000",
            "Message-ID: <name@example.org>",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(head.lines().any(|found| found == line), "{line} is not in {head}");
        }
        assert!(head.is_ascii() && text.contains("this letter shows"), "{letter}");
    }

    #[test]
    fn no_clock_and_no_sender_makes_it_panic() {
        assert!(written_at("a@b", u64::MAX).unwrap().contains("9999"));
        assert_eq!(written_at("a@b\r\nBcc: c@d", 0), Err(Refusal::Sender));
        assert_eq!(written_at("", 0), Err(Refusal::Sender));
    }
}
