//! The `hearth-agent` command.

fn main() {}
