//! Push rules and what they make of an event.
