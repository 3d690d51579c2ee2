//! Whether the world can reach the box: DNS, addresses, routers, ports, delegation.
//!
//! [`check`] judges a public name and reports a [`Finding`] for each [`Check`]. [`Mappings`] keeps ports open in a router
//! that can be asked (PCP, NAT-PMP, UPnP).
//!
//! All of it is seen from inside the house. What can't be known from there is said to be [`Level::Unknown`] and why,
//! unless [`Config::outside_checker_url`] names somebody outside who may be asked.

mod addresses;
mod checks;
mod config;
mod delegation;
mod dns;
mod fetch;
mod finding;
mod nonces;
mod outside;
mod ports;
mod probe;
pub mod router;
mod words;

pub use checks::{Event, check};
pub use config::{Config, Dns, Ports, Question};
pub use finding::{Check, Finding, Level};
pub use nonces::{NONCE_PATH, NonceHost, Nonces};
pub use router::{MapError, Mappings, Protocol, Router, Wan};

/// What the page puts into its translation.
pub type Params = serde_json::Map<String, serde_json::Value>;
