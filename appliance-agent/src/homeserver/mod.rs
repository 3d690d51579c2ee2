//! The homeserver as the agent sees it: its admin socket and its configuration file.

mod configuration;
mod socket;
mod types;

pub use configuration::{names, write};
pub use socket::{Homeserver, SocketError, part};
pub use types::{Health, Invitation, Invitations, Login, MailSettings, NewInvitation, Settings, SettingsChange};
