//! espat: see README.
fn main() {}
