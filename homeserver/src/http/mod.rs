//! From sockets to typed requests and back: transport, limits, authentication, errors.
//!
//! Nothing here knows a chapter of the specification; `client_api` and `server_api` bring the handlers.

pub mod app;
pub mod caller;
pub mod error;
pub mod json;
pub mod limits;
pub mod memory;
mod places;
pub mod route;
pub mod serve;
mod stream;
pub mod tls;
pub mod uia;

pub use app::App;
pub use caller::{Anyone, Caller};
pub use error::Error;
pub use route::Routes;
