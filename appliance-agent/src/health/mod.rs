//! How the box does, in plain words.

mod findings;
mod keep;
mod rescue;
mod storage;
mod watch;
mod watchdog;

pub use findings::{Finding, Level, Report, report};
pub use keep::{keep_time, keep_watch};
pub use rescue::is_open as rescue_is_open;
pub use storage::{View as StorageView, note as note_storage, view as storage};
pub use watch::{Seen, Watch};
pub use watchdog::keep_alive;
