//! Why there is no certificate, in words for the owner.

use super::Method;
use crate::{CertificateError, Params};
use serde::Serialize;

/// What kept the authority from signing. `Display` is the message; see [`help`](Self::help) for what to do.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// No connection to the authority.
    #[error("The certificate authority can't be reached: {detail}.")]
    Unreachable {
        /// What happened.
        detail: String,
    },
    /// The authority has trouble of its own.
    #[error("The certificate authority has trouble of its own (status {status}).")]
    Trouble {
        /// HTTP status.
        status: u16,
    },
    /// The authority answers what ACME doesn't know.
    #[error("The certificate authority's answer makes no sense: {detail}.")]
    Answer {
        /// What is wrong with it.
        detail: String,
    },
    /// It looked at the names and says no.
    #[error("The certificate authority refused: {}.", refusals.iter().map(Refusal::sentence).collect::<Vec<_>>().join("; "))]
    Refused {
        /// Each name and method that failed; at least one.
        refusals: Vec<Refusal>,
    },
    /// Asked too often.
    #[error("The certificate authority was asked too often: {detail}.")]
    RateLimited {
        /// When to ask again, milliseconds since 1970, where it says so.
        retry_at_ms: Option<u64>,
        /// Its words.
        detail: String,
    },
    /// The order ran out before it was done.
    #[error("The order ran out before it was done.")]
    OrderExpired,
    /// It kept refusing nonces.
    #[error("The certificate authority kept refusing fresh requests as old ones.")]
    BadNonce,
    /// Its terms are not agreed to, or have changed.
    #[error("The certificate authority's terms have to be agreed to.")]
    Terms {
        /// Where to read them.
        url: Option<String>,
    },
    /// Nobody has set the clock yet.
    #[error("The clock of the box has not been set yet.")]
    ClockUntrusted,
    /// No authority can sign for this.
    #[error("{name} is not a name that a public certificate can be for.")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// It doesn't take the address.
    #[error("The e-mail address is not accepted: {detail}.")]
    Email {
        /// Why.
        detail: String,
    },
    /// No challenge can be answered.
    #[error("There is no way for the box to prove that it has the name.")]
    NoMethod,
    /// It took too long.
    #[error("The certificate authority did not come to an end in time.")]
    TimedOut,
    /// The account is closed.
    #[error("The certificate authority does not accept the box's account: {detail}.")]
    Account {
        /// Its words.
        detail: String,
    },
    /// The directory's address or the roots are wrong.
    #[error("The settings of the certificate authority are wrong: {detail}.")]
    Settings {
        /// Which and why.
        detail: String,
    },
    /// Files, keys, or the certificate that came.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// One name and method that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Which name.
    pub name: String,
    /// How it was to be proven; `None` where it did not come to that.
    pub method: Option<Method>,
    /// Why, as far as Hearth understands it.
    pub why: Why,
    /// The authority's own words.
    pub detail: String,
}

/// Why a name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// DNS has no address for the name, or fails.
    Dns,
    /// Nothing answers at port 80 or 443 of the address in DNS.
    Closed,
    /// Something else than this box answers there.
    Elsewhere,
    /// DNS says that another authority is to be asked (CAA).
    Caa,
    /// The authority doesn't sign for this name at all.
    Forbidden,
    /// Something else; see the authority's words.
    Other,
}

impl Refusal {
    /// One half-sentence, without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let name = &self.name;
        let port = self.method.map_or("80 or 443", Method::port_text);
        match self.why {
            Why::Dns => format!("{name} has no address in DNS that it could find"),
            Why::Closed => format!("port {port} of {name} can't be reached from outside"),
            Why::Elsewhere => format!("at port {port} of {name} something else answers than this box"),
            Why::Caa => format!("DNS allows only other authorities to sign for {name} (CAA)"),
            Why::Forbidden => format!("it does not sign for {name}"),
            Why::Other => format!("{name}: {}", self.detail.trim_end_matches('.')),
        }
    }
}

impl AcmeError {
    /// A name that stays the same, for translations.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "acme_unreachable",
            Self::Trouble { .. } => "acme_trouble",
            Self::Answer { .. } => "acme_answer",
            Self::Refused { .. } => "acme_refused",
            Self::RateLimited { .. } => "acme_rate_limited",
            Self::OrderExpired => "acme_order_expired",
            Self::BadNonce => "acme_bad_nonce",
            Self::Terms { .. } => "acme_terms",
            Self::ClockUntrusted => "clock_untrusted",
            Self::Name { .. } => "acme_name",
            Self::Email { .. } => "acme_email",
            Self::NoMethod => "acme_no_method",
            Self::TimedOut => "acme_timed_out",
            Self::Account { .. } => "acme_account",
            Self::Settings { .. } => "acme_settings",
            Self::Certificate(error) => error.code(),
        }
    }

    /// When the authority wants to be asked again, where it said so.
    #[must_use]
    pub fn retry_at_ms(&self) -> Option<u64> {
        if let Self::RateLimited { retry_at_ms, .. } = self { *retry_at_ms } else { None }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unreachable { .. } => "Check that the box is connected to the internet. It tries again by itself.",
            Self::Trouble { .. } | Self::BadNonce | Self::TimedOut | Self::Answer { .. } => {
                "This is not your fault. The box tries again by itself."
            }
            Self::Refused { refusals } => return refused_help(refusals),
            Self::RateLimited { retry_at_ms: Some(_), .. } => "Wait until the time shown. The box tries again by itself.",
            Self::RateLimited { retry_at_ms: None, .. } => {
                "Wait an hour. If this name has had many certificates lately, wait a week."
            }
            Self::OrderExpired => "Try again: the box makes a new order.",
            Self::Terms { .. } => "Read the terms and agree to them, then try again.",
            Self::ClockUntrusted => {
                "Certificates need the right time, which comes from the internet. Check the connection and wait a minute."
            }
            Self::Name { .. } => {
                "Give a name that you own and that ends like those on the internet, such as matrix.example.org."
            }
            Self::Email { .. } => "Give an e-mail address that exists, or leave it out.",
            Self::NoMethod => "Make ports 80 and 443 of the box reachable from the internet, then try again.",
            Self::Account { .. } => "Try again: the box makes a new account.",
            Self::Settings { .. } => "Check the authority's address; it begins with https://.",
            Self::Certificate(error) => return error.help(),
        }
        .to_owned()
    }

    /// What goes into a translation: `refusals` as an array of [`Refusal`] with `name` of the first, `retry_at_ms`,
    /// `url`, `name`, `status`, `detail`.
    #[must_use]
    pub fn params(&self) -> Params {
        let value = match self {
            Self::Unreachable { detail }
            | Self::Answer { detail }
            | Self::Email { detail }
            | Self::Account { detail }
            | Self::Settings { detail } => serde_json::json!({ "detail": detail }),
            Self::Trouble { status } => serde_json::json!({ "status": status }),
            Self::Refused { refusals } => {
                let first = refusals.first();
                serde_json::json!({
                    "name": first.map(|refusal| &refusal.name),
                    "why": first.map(|refusal| refusal.why),
                    "refusals": refusals,
                })
            }
            Self::RateLimited { retry_at_ms, detail } => {
                serde_json::json!({ "retry_at_ms": retry_at_ms, "detail": detail })
            }
            Self::Terms { url } => serde_json::json!({ "url": url }),
            Self::Name { name } => serde_json::json!({ "name": name }),
            Self::OrderExpired | Self::BadNonce | Self::ClockUntrusted | Self::NoMethod | Self::TimedOut => {
                serde_json::json!({})
            }
            Self::Certificate(error) => return error.params(),
        };
        match value {
            serde_json::Value::Object(params) => params,
            _ => Params::new(),
        }
    }
}

/// The first refusal says what to do; another method that failed for another reason adds to it.
fn refused_help(refusals: &[Refusal]) -> String {
    let mut sentences: Vec<&str> = Vec::new();
    for refusal in refusals {
        let sentence = match refusal.why {
            Why::Dns => {
                "At the provider of your domain, make an A record (and AAAA for IPv6) of this name with your public address, and wait until it is known."
            }
            Why::Closed => {
                "In your router, forward this port to the box, and check that the address in DNS is the one you have now."
            }
            Why::Elsewhere => {
                "Check that the address in DNS is yours, and that the router forwards the port to this box and not to itself or another machine."
            }
            Why::Caa => "At the provider of your domain, remove the CAA record or add one for this authority.",
            Why::Forbidden => "Choose another name, or another authority.",
            Why::Other => "Read the authority's words above, and run the checks of the public name.",
        };
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences.join(" ")
}
