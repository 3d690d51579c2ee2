//! What every end-to-end test stands on: a homeserver that starts, dies and comes back, and a client that hides nothing.
//!
//! - [`Homeserver`] is one server process with a data folder of its own; [`shared`] is one for a whole test binary.
//! - [`Account`] is somebody signed in, speaking plain JSON; [`Http`] is the client below it.
//!
//! Environment:
//! - `HEARTH_BIN`: the server binary to test instead of the one in the target folder.
//! - `HEARTH_TEST_URL` and `HEARTH_TEST_TOKEN`: [`shared`] uses the server at this URL, with this registration token,
//!   and starts none. Any Matrix homeserver will do, which tells a mistake in a test from one in Hearth.

mod account;
mod binary;
mod homeserver;
mod http;
mod log;
mod port;
mod process;
mod shared;

pub use account::{Account, unique_name};
pub use binary::homeserver_binary;
pub use homeserver::{Homeserver, Options, StartError};
pub use http::{CallError, Http, Method};
pub use shared::{Shared, Target, shared};
