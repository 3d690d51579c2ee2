//! `/sync`: what a device has not seen yet.

mod wakers;

pub use wakers::Wakers;
