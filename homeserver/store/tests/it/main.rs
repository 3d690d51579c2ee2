//! One binary for all of the store's tests.

mod smoke;
