//! The numbers that stand in for identifiers, and positions in the change log.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A room's short name within this store; never given to another room.
    RoomNo
}

number! {
    /// An event's short name within this store: the position at which it was stored.
    EventNo
}

number! {
    /// A position in the one change log. Positions only ever grow; there may be gaps.
    StreamPos
}

impl StreamPos {
    /// Before everything: no change has this position.
    pub const ZERO: Self = Self(0);
}

impl From<StreamPos> for EventNo {
    fn from(position: StreamPos) -> Self {
        Self(position.0)
    }
}

impl From<EventNo> for StreamPos {
    fn from(event: EventNo) -> Self {
        Self(event.0)
    }
}
