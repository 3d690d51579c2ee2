//! What will be asked for, and what is reported while it is.

use super::{AcmeError, Settings, account};
use crate::Pair;
use serde::Serialize;
use std::net::IpAddr;

/// What the owner wants.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// One or two DNS names; the first is the host that is reached.
    pub names: Vec<String>,
    /// Where the authority may write to.
    pub email: Option<String>,
    /// The owner agreed to the terms of service.
    pub agreed: bool,
    /// The certificate that this one follows, so that the authority counts it as a renewal.
    pub replaces: Option<Pair>,
}

/// What [`execute`](super::Acme::execute) will do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The names, in lower case, each once.
    pub names: Vec<String>,
    /// The account that is there will be used; otherwise one is made.
    pub has_account: bool,
    pub(super) email: Option<String>,
    pub(super) replaces: Option<Pair>,
    pub(super) now_ms: u64,
}

/// The steps of a certificate job, as the page names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The account with the authority.
    Account,
    /// The order for the names.
    Order,
    /// The proof that the box has them.
    Challenge,
    /// Key, request and certificate.
    Issue,
    /// Into its place, and served.
    Install,
}

impl Step {
    /// As in the job's `steps`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Order => "order",
            Self::Challenge => "challenge",
            Self::Issue => "issue",
            Self::Install => "install",
        }
    }
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Under way.
    Running,
    /// Over.
    Done,
    /// One way did not work, and another is tried; `detail` says which and why.
    Warning,
}

/// One report. A step that failed is not reported: the error is the call's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which step.
    pub step: Step,
    /// How far.
    pub state: StepState,
    /// English words, where there is something to say.
    pub detail: Option<String>,
}

impl Progress {
    pub(super) fn of(step: Step, state: StepState) -> Self {
        Self { step, state, detail: None }
    }

    pub(super) fn with(step: Step, state: StepState, detail: String) -> Self {
        Self { step, state, detail: Some(detail) }
    }
}

/// Ends that no public authority signs for.
const NOT_PUBLIC: [&str; 10] =
    ["local", "localhost", "internal", "lan", "home", "corp", "test", "example", "invalid", "arpa"];

pub(super) fn plan(settings: &Settings, request: Request, now_ms: u64, clock_trusted: bool) -> Result<Plan, AcmeError> {
    let Request { names, email, agreed, replaces } = request;
    let mut wanted: Vec<String> = Vec::new();
    for name in names {
        let name = name.to_ascii_lowercase();
        if !is_public_name(&name) {
            return Err(AcmeError::Name { name });
        }
        if !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    if wanted.is_empty() {
        return Err(AcmeError::Name { name: String::new() });
    }
    let email = email.filter(|email| !email.is_empty());
    if let Some(email) = &email
        && !looks_like_an_address(email)
    {
        return Err(AcmeError::Email { detail: "it is not an address".to_owned() });
    }
    if !agreed {
        return Err(AcmeError::Terms { url: None });
    }
    if !clock_trusted {
        return Err(AcmeError::ClockUntrusted);
    }
    let has_account = account::is_kept(settings);
    Ok(Plan { names: wanted, has_account, email, replaces, now_ms })
}

fn is_public_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(label)
        && name.parse::<IpAddr>().is_err()
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && !NOT_PUBLIC.contains(&last)
}

/// The authority checks it too; this only keeps what would make another URI of `mailto:`.
fn looks_like_an_address(email: &str) -> bool {
    email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
        && email.len() <= 254
        && email.bytes().all(|byte| byte.is_ascii_graphic() && !b"?,<>\"&#%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_authority_signs_for() {
        for name in [
            "hearth.local",
            "box",
            "10.0.0.1",
            "a..b.org",
            "-a.org",
            "a_b.org",
            "",
            "x.example",
            "*.a.org",
            "::1",
            "a.1",
        ] {
            assert!(!is_public_name(name), "{name}");
        }
        for name in ["example.org", "matrix.example.org", "xn--bcher-kva.example.com", "a-b.co"] {
            assert!(is_public_name(name), "{name}");
        }
    }

    #[test]
    fn addresses_that_make_another_uri() {
        assert!(looks_like_an_address("ann+acme@example.org"));
        for bad in ["ann", "@example.org", "ann@host", "a@b.c?subject=x", "a b@c.de", "a@b@c.de", "a@b.c,d@e.f"] {
            assert!(!looks_like_an_address(bad), "{bad}");
        }
    }
}
