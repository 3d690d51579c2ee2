//! Rooms: the event graph, its state and who may do what in it.

pub mod typing;

/// Makes, checks and stores events.
#[derive(Debug)]
pub struct Rooms {}
