//! People with the SDK that real apps are built on, encryption switched on, signed in on the shared homeserver.
//!
//! A [`House`] is a test's way to the server; a [`Device`] is one signed-in app that syncs in the background. Tests
//! never sleep and hope: they say what they wait for ([`Device::until`], [`Device::hear`]) and fail with that
//! sentence when it doesn't come.

mod device;
pub mod family;
mod house;
mod rooms;
mod verify;

pub use device::{Device, Heard, as_apps_sync};
pub use house::{House, password_auth};
pub use rooms::{encrypted_room_of, history, join_invited, room_of, text};
pub use verify::{compare_emoji, verify_own_device, verify_user};
