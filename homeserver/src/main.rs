//! The `hearth-homeserver` command.

fn main() {}
