//! The crate from outside: the faked machine with everything that can go wrong, and files that survive a power cut.

mod atomic;
mod machine;
mod processes;
mod switches;
mod volumes;
