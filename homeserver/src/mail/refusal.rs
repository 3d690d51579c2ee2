//! Why a letter did not go out, in words for the owner of the mail account.

use lettre::transport::smtp;
use rustls::CertificateError;
use std::{error::Error as StdError, fmt, io, time::Duration};

/// Longest piece of a relay's own words that is shown, in letters.
const LONGEST_REPLY: usize = 300;

/// Why a letter did not go out. [`Refusal::words`] are for the owner; [`Refusal::brief`] is for the log, for relays like to
/// repeat addresses in what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No machine has the relay's name, or names can't be looked up.
    HostNotFound,
    /// Nothing listens on the port.
    Closed,
    /// The relay can't be reached: the system's words.
    Unreachable(String),
    /// The relay took too long.
    Silent(Duration),
    /// The relay's certificate is not good: why.
    Certificate(String),
    /// No TLS came about: why.
    Tls(String),
    /// The relay has no STARTTLS.
    NoStartTls,
    /// What answers is no mail server: the reason.
    NotMail(String),
    /// The relay turned this machine away: its reply.
    TurnedAway(String),
    /// The relay offers no login that this server knows.
    NoLogin,
    /// The relay wants a login.
    LoginWanted(String),
    /// Name or password are wrong: the reply.
    LoginRefused(String),
    /// The relay sends nothing for this sender: the reply.
    SenderRefused(String),
    /// The relay sends nothing to this address: the reply.
    RecipientRefused(String),
    /// The relay doesn't take the letter: the reply.
    LetterRefused(String),
    /// The relay takes no addresses with letters beyond ASCII.
    AsciiOnly,
    /// The relay can't just now: the reply.
    Busy(String),
    /// The connection broke: the system's words.
    Broken(String),
    /// No letter can be made with this sender.
    Sender,
    /// No letter can be made of this: why.
    Letter(String),
}

impl Refusal {
    /// Another try would end the same way, whatever the owner changes about the mail account.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::RecipientRefused(_) | Self::LetterRefused(_) | Self::AsciiOnly | Self::Letter(_))
    }

    /// It is about this letter; another may go out all the same.
    #[must_use]
    pub fn is_of_the_letter(&self) -> bool {
        self.is_final() || matches!(self, Self::Busy(_))
    }

    /// What went wrong, without anything that somebody else said.
    #[must_use]
    pub fn brief(&self) -> &'static str {
        match self {
            Self::HostNotFound => "the mail server's name is not known",
            Self::Closed => "nothing listens on the mail server's port",
            Self::Unreachable(_) => "the mail server can't be reached",
            Self::Silent(_) => "the mail server does not answer in time",
            Self::Certificate(_) => "the mail server's certificate is not good",
            Self::Tls(_) => "no TLS connection to the mail server comes about",
            Self::NoStartTls => "the mail server offers no STARTTLS",
            Self::NotMail(_) => "what answers is no mail server",
            Self::TurnedAway(_) => "the mail server turns this machine away",
            Self::NoLogin => "the mail server offers no login",
            Self::LoginWanted(_) => "the mail server wants a login",
            Self::LoginRefused(_) => "the mail server does not take the name and the password",
            Self::SenderRefused(_) => "the mail server does not take the sender",
            Self::RecipientRefused(_) => "the mail server does not take the address of the letter",
            Self::LetterRefused(_) => "the mail server does not take the letter",
            Self::AsciiOnly => "the mail server takes no addresses with letters beyond ASCII",
            Self::Busy(_) => "the mail server takes no letter just now",
            Self::Broken(_) => "the connection to the mail server broke",
            Self::Sender => "the sender is no mail address",
            Self::Letter(_) => "the letter can't be written",
        }
    }

    /// What went wrong and what to do, for the owner.
    #[must_use]
    pub fn words(&self, host: &str, port: u16) -> String {
        match self {
            Self::HostNotFound => format!(
                "There is no mail server by the name {host}. Look whether it is written right, and whether this machine \
                 reaches the internet."
            ),
            Self::Closed => {
                format!("{host} takes no connections on port {port}. Usual are 465 with TLS and 587 with STARTTLS.")
            }
            Self::Unreachable(why) => format!("{host} can't be reached on port {port}: {why}."),
            Self::Silent(limit) => format!(
                "{host} did not answer on port {port} within {} seconds. The port may be wrong, or closed by a firewall; \
                 or the choice between TLS (mostly port 465) and STARTTLS (mostly port 587) is.",
                limit.as_secs()
            ),
            Self::Certificate(why) => format!("The certificate of {host} is not good: {why}."),
            Self::Tls(why) => format!(
                "No TLS connection to {host} on port {port} comes about: {why}. TLS is mostly on port 465, STARTTLS on \
                 port 587."
            ),
            Self::NoStartTls => {
                format!("{host} offers no STARTTLS on port {port}. Try TLS with port 465, or ask your mail provider.")
            }
            Self::NotMail(why) => format!("What answers on port {port} of {host} is no mail server: {why}."),
            Self::TurnedAway(reply) => format!("{host} turns this machine away: {reply}"),
            Self::NoLogin => format!(
                "{host} offers no login on port {port}. Many mail servers do so only with TLS or STARTTLS; where none is \
                 needed, leave the name empty."
            ),
            Self::LoginWanted(reply) => format!("{host} wants a name and a password: {reply}"),
            Self::LoginRefused(reply) => format!(
                "{host} does not take this name and password: {reply}. Some mail providers want a password of its own for \
                 programs."
            ),
            Self::SenderRefused(reply) => format!(
                "{host} sends nothing for this sender: {reply}. Mostly it must be the address that belongs to the account."
            ),
            Self::RecipientRefused(reply) => format!("{host} does not take this address: {reply}"),
            Self::LetterRefused(reply) => format!("{host} does not take the letter: {reply}"),
            Self::AsciiOnly => format!("{host} takes no addresses with other letters than a to z."),
            Self::Busy(reply) => format!("{host} can't take the letter just now: {reply}. Try again later."),
            Self::Broken(why) => format!("The connection to {host} broke: {why}."),
            Self::Sender => "The sender must be a mail address as in hearth@example.org.".to_owned(),
            Self::Letter(why) => format!("The letter can't be written: {why}."),
        }
    }
}

/// What must not be shown of what a relay says, whatever it repeats.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(user: &str, password: &str) -> Self {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        if password.is_empty() {
            return Self(Vec::new());
        }
        Self(vec![password.to_owned(), STANDARD.encode(password), STANDARD.encode(format!("\0{user}\0{password}"))])
    }

    /// A relay's reply on one line, within bounds, and without the password.
    fn reply(&self, error: &smtp::Error) -> String {
        let code = error.status().map(|code| format!("{code} ")).unwrap_or_default();
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        self.tidy(&format!("{code}{said}"))
    }

    fn tidy(&self, said: &str) -> String {
        let hidden = self.0.iter().fold(said.to_owned(), |said, secret| said.replace(secret, "…"));
        let words = hidden.split(|letter: char| letter.is_whitespace() || letter.is_control());
        let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        line.chars().take(LONGEST_REPLY).collect()
    }

    /// A refusal by the relay, or else what became of the connection.
    pub(super) fn refusal(&self, error: &smtp::Error, refused: impl FnOnce(String) -> Refusal) -> Refusal {
        if error.is_permanent() {
            refused(self.reply(error))
        } else if error.is_transient() {
            Refusal::Busy(self.reply(error))
        } else {
            self.breakdown(error)
        }
    }

    /// What became of a connection, when no reply says so.
    fn breakdown(&self, error: &smtp::Error) -> Refusal {
        let Some(io) = io_error(error) else { return Refusal::NotMail(self.tidy(&error.to_string())) };
        match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => Refusal::Certificate(certificate(why)),
            Some(rustls::Error::InvalidMessage(_)) => Refusal::Tls("what answers there speaks none".to_owned()),
            Some(other) => Refusal::Tls(self.tidy(&other.to_string())),
            None if io.kind() == io::ErrorKind::ConnectionRefused => Refusal::Closed,
            None if error.to_string().starts_with("Connection") && io.kind() != io::ErrorKind::UnexpectedEof => {
                Refusal::Unreachable(self.tidy(&io.to_string()))
            }
            None => Refusal::Broken(self.tidy(&io.to_string())),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// The system's error at the bottom of one of lettre's, which wraps some twice.
fn io_error(error: &smtp::Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        cause = error.source();
    }
    None
}

fn certificate(why: &CertificateError) -> String {
    let words = match why {
        // The latter where an authority of the same name is trusted.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no authority that this machine trusts has signed it"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it is past its end, or this machine's clock is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not good yet, or this machine's clock is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name; give the mail server the name that its provider gives"
        }
        other => return other.to_string(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_that_repeats_the_password_does_not_get_it_shown() {
        let secrets = Secrets::of("ann", "open sesame");
        for said in ["535 open sesame is wrong", "500 AUTH PLAIN AGFubgBvcGVuIHNlc2FtZQ==", "500 b3BlbiBzZXNhbWU="] {
            let shown = secrets.tidy(said);
            assert!(shown.contains('…'), "{shown}");
            assert!(!shown.contains("sesame") && !shown.contains("c2VzYW1l") && !shown.contains("c2FtZQ"), "{shown}");
        }
        assert_eq!(format!("{secrets:?}"), "Secrets");
    }

    #[test]
    fn a_long_or_broken_reply_becomes_one_line() {
        let secrets = Secrets::of("", "");
        assert_eq!(secrets.tidy("550 no\r\n\u{1b}[31m such\tuser"), "550 no [31m such user");
        assert_eq!(secrets.tidy(&"ä".repeat(1_000)).chars().count(), LONGEST_REPLY);
    }
}
