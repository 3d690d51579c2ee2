//! A replica put in place on a fresh box.

mod open;
mod preview;
mod start;
mod switch;

pub use open::{Listed, open};
pub use preview::{Preview, preview};
pub use start::{go_on, start};
pub use switch::finish as finish_switch;
