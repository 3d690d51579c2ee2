//! The letters that this server writes: plain text, in English.

use super::{Address, Link};
use crate::config::Config;
use hearth_store::records::EmailPurpose;
use std::fmt;

/// A letter without a sender, which the relay's settings know.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where to.
    pub to: Address,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letter")
    }
}

/// Asks the reader to confirm that the address is theirs.
#[must_use]
pub fn confirm(config: &Config, purpose: EmailPurpose, to: Address, link: &Link) -> Letter {
    let server = &config.server_name;
    let (subject, what, otherwise) = match purpose {
        EmailPurpose::SignUp => (
            format!("Confirm your mail address for {server}"),
            format!("somebody wants to create an account at {server} with this mail address."),
            "If it was not you, there is nothing to do: nobody gets an account with your address.",
        ),
        EmailPurpose::Add => (
            format!("Confirm your mail address for {server}"),
            format!("somebody wants to add this mail address to their account at {server}."),
            "If it was not you, do not press it: whoever asked could then use your address as theirs.",
        ),
        EmailPurpose::Password => (
            format!("A new password at {server}"),
            format!("somebody asked for a new password for the account at {server} that has this mail address."),
            "If it was not you, do not press it, and nothing changes: your old password stays good.",
        ),
    };
    let link = link.url(config);
    let text = format!(
        "Hello,\n\n{what}\n\nIf that was you, open this page and press the button there:\n\n{link}\n\n{otherwise}\n\n\
         The link is good for a day.\n{}",
        signature(config)
    );
    Letter { to, subject, text }
}

/// Tells the reader that the address is in use already, whatever it was to be used for.
#[must_use]
pub fn in_use(config: &Config, to: Address) -> Letter {
    let server = &config.server_name;
    let text = format!(
        "Hello,\n\nsomebody wants to use this mail address for an account at {server}. There is an account with it \
         already.\n\nIf that was you, sign in with this mail address and your password. Should you have forgotten the \
         password, choose \"Forgot password\" where you sign in, and give this mail address.\n\n\
         If it was not you, there is nothing to do.\n{}",
        signature(config)
    );
    Letter { to, subject: format!("You have an account at {server}"), text }
}

/// Shows the owner that mail can be sent.
#[must_use]
pub fn test(to: Address) -> Letter {
    let text = "Hello,\n\nthis letter shows that your Hearth can send mail.\n\nThere is nothing to do.\n".to_owned();
    Letter { to, subject: "Your Hearth can send mail".to_owned(), text }
}

/// With the two dashes by which mail programs know a signature.
fn signature(config: &Config) -> String {
    format!("\n-- \nThe Matrix homeserver of {}. Nobody reads answers to this letter.\n", config.server_name)
}
