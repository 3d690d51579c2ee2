//! The box's own authority, and ACME for the public name.
//!
//! | what | where |
//! | --- | --- |
//! | a certificate with its key, checked when read | [`Pair`] |
//! | what a page shows of it | [`Details`] |
//! | the authority made at first boot | [`Authority`], and [`keep_local`] for what it signs |
//! | a certificate from outside | [`acme`] |
//! | when to ask again | [`renewal`] |
//! | the folder a server reads; the old certificate kept until the new one has served | [`Folder`] |
//! | what the agent itself serves, taken up while running | [`Resolver`] |
//! | whether a server really serves it | [`handshake::serves`] |
//!
//! Times are milliseconds since 1970 and come from the caller, as does randomness. Keys are made by ring from the
//! system's random source. Every error has a `code`, words (its `Display`), `help` and `params`.

pub mod acme;
mod authority;
mod details;
mod error;
mod files;
mod folder;
pub mod handshake;
mod local;
mod pair;
pub mod renewal;
mod resolver;

pub use authority::{Authority, Opened};
pub use details::{Details, Kind};
pub use error::{CertificateError, Params};
pub use files::Owner;
pub use folder::Folder;
pub use local::{Hosts, keep_local};
pub use pair::Pair;
pub use resolver::{ACME_TLS, Resolver};
