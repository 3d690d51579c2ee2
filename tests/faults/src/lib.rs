//! Clients that work without pause while their server is being killed, and remember every promise it made them.
//!
//! A promise is an answer with 2xx. Each worker keeps its own list and hands it over when it is told to stop;
//! [`judge`] holds the lists against what the server still has.

mod account_data;
mod chance;
mod crowd;
mod insist;
mod key_claimer;
mod key_owner;
mod sender;
mod state_setter;
mod verdict;
mod watcher;

pub use chance::{Chance, report};
pub use crowd::{Crowd, Promises};
pub use key_owner::{one_time_keys, upload_device_keys};
pub use verdict::{Verdict, judge};
