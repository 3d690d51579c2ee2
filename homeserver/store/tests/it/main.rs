//! One binary for all of the store's tests.

mod faults;
mod groups;
mod keys;
mod medium;
mod model;
mod opening;
mod smoke;
