//! What can be wrong with a certificate, in words for the owner.

use std::{io, path::PathBuf};

/// What the page puts into its translation of an error.
pub type Params = serde_json::Map<String, serde_json::Value>;

/// A certificate or key that can't be read, made, kept or used. `Display` is the message; see
/// [`help`](Self::help) for what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file system refuses.
    #[error("{path} can't be used: {source}.")]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not a certificate, or not a key.
    #[error("This is not a usable {what}: {detail}.")]
    Damaged {
        /// `certificate` or `key`.
        what: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The key belongs to another certificate.
    #[error("The key does not belong to this certificate.")]
    OtherKey,
    /// A certificate of the chain is not signed by the next one.
    #[error("The certificates are not in order: number {position} is not signed by the one after it.")]
    ChainOrder {
        /// Counted from 1.
        position: usize,
    },
    /// It is for other names.
    #[error("The certificate is for {}, not for {host}.", names.join(", "))]
    OtherName {
        /// What was wanted.
        host: String,
        /// What it is for.
        names: Vec<String>,
    },
    /// It is too old or not yet valid, by the given clock.
    #[error("The certificate is {}.", if *expired { "no longer valid" } else { "not yet valid" })]
    NotNow {
        /// Past its end; otherwise before its start.
        expired: bool,
        /// First moment.
        not_before_ms: u64,
        /// Last moment.
        not_after_ms: u64,
    },
    /// A certificate can't be made.
    #[error("A certificate can't be made: {0}.")]
    Making(String),
    /// The server at that address shows another certificate, or none.
    #[error("The new certificate is not served at {address}: {detail}.")]
    NotServed {
        /// Where was asked.
        address: std::net::SocketAddr,
        /// What happened instead.
        detail: String,
    },
}

impl CertificateError {
    /// A name that stays the same, for translations.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "certificate_file",
            Self::Damaged { .. } => "certificate_damaged",
            Self::OtherKey => "certificate_other_key",
            Self::ChainOrder { .. } => "certificate_chain_order",
            Self::OtherName { .. } => "certificate_other_name",
            Self::NotNow { .. } => "certificate_not_now",
            Self::Making(_) => "certificate_making",
            Self::NotServed { .. } => "certificate_not_served",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::File { .. } => "Restart the box. If it stays so, its card may be failing: make a backup soon.",
            Self::Damaged { .. } => "Have a new certificate made on the page of certificates.",
            Self::OtherKey => "Use the key that was made together with the certificate, or have both made anew.",
            Self::ChainOrder { .. } => {
                "Put the server's own certificate first, then the one that signed it, then the one that signed that."
            }
            Self::OtherName { .. } => "Ask for a certificate for the name under which the server is reached.",
            Self::NotNow { expired: true, .. } => "Renew the certificate.",
            Self::NotNow { expired: false, .. } => {
                "The clock of the box may be wrong: check that the box can reach the internet, which sets it."
            }
            Self::Making(_) => "Try again. If it stays so, restart the box.",
            Self::NotServed { .. } => "The old certificate stays in use. Restart the homeserver, then try again.",
        }
        .to_owned()
    }

    /// What goes into a translation.
    #[must_use]
    pub fn params(&self) -> Params {
        let value = match self {
            Self::File { path, source } => serde_json::json!({ "path": path, "detail": source.to_string() }),
            Self::Damaged { what, detail } => serde_json::json!({ "what": what, "detail": detail }),
            Self::OtherKey => serde_json::json!({}),
            Self::ChainOrder { position } => serde_json::json!({ "position": position }),
            Self::OtherName { host, names } => serde_json::json!({ "host": host, "names": names }),
            Self::NotNow { expired, not_before_ms, not_after_ms } => {
                serde_json::json!({ "expired": expired, "not_before_ms": not_before_ms, "not_after_ms": not_after_ms })
            }
            Self::Making(detail) => serde_json::json!({ "detail": detail }),
            Self::NotServed { address, detail } => serde_json::json!({ "address": address, "detail": detail }),
        };
        match value {
            serde_json::Value::Object(params) => params,
            _ => Params::new(),
        }
    }
}
