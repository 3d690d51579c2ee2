//! Replicas: when they are made, how, and what is known of them.

mod eject;
mod export;
mod keys;
mod open;
mod prepare;
mod problem;
mod run;
mod scheduler;
mod scratch;
mod source;
mod stream;
mod test;
mod view;
mod volumes;

pub use eject::eject;
pub use export::{confirm_export, export, in_use};
pub use keys::{KeyFile, VolumeKeys};
pub use open::{Opened, mount_name, repository_folder};
pub use prepare::{confirm, prepare};
pub use run::{replicate, run};
pub use scheduler::keep_replicating;
pub use scratch::{Scratch, room};
pub use source::{Kept, Manifest, remove_folder};
pub use stream::{into_command, progress};
pub use test::{check, path, restore_test, test};
pub use view::{State, View, state, view};
pub use volumes::{Found, Seen, Volumes};
