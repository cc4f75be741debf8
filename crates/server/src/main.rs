//! The `raftwire` binary.

fn main() {}
