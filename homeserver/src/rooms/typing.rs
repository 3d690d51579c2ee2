//! Who is typing. Kept in memory: it is true for seconds.

/// Typing users by room.
#[derive(Debug, Default)]
pub struct Typing {}
