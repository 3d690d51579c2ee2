//! The box's own authority, and ACME for the public name.
