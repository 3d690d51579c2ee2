//! From sockets to handlers and back.

mod body;
mod cookie;
mod guard;
mod headers;
mod page;
mod redirect;
mod route;
mod serve;

pub use body::{Body, Parts, Queries};
pub use cookie::{begin, end, token};
pub use guard::{Caller, Peer, who};
pub use redirect::{PlainHost, plain_router, tls_redirect_router};
pub use route::{Access, Route, router};
pub use serve::{Listening, serve};
