//! What must hold when the server dies: nothing that was acknowledged is lost, nothing happens twice.
//!
//! Every test here has a server of its own.

mod judge;
mod keys;
mod kill;
mod stop;
