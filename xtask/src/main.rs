//! xtask: see README.
fn main() {}
