//! The `moonsail` binary.

fn main() {}
