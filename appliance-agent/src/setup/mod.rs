//! The wizard's steps.

pub mod apply;
mod names;
mod passwords;
mod view;

pub use names::{domain_name, email_address, language, localpart};
pub use passwords::{check as check_password, hash};
pub use view::{Network, View, network, view};
