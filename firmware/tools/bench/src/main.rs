//! Work of the modem and of its peers, row by row, for callgrind to count.
//!
//! ```text
//! bench_boundary(row, units) ── callgrind writes what was counted since the last one
//!    bench_counted(work)     ── only what happens in here counts; doubles prepare and check outside of it
//! ```
//!
//! Standard output has one line for each boundary, in their order: the name of the row that ends there
//! and how many units of it were done. `xtask/src/bench` puts them together with callgrind's numbers. Of a row that comes
//! several times the largest counts. What a double counts itself is no boundary: `row units =count`.
//!
//! With the argument `times` nothing is counted: it prints what can only be timed.

mod lines;
#[cfg(feature = "peers")]
mod peers;
#[expect(dead_code, reason = "the tests of at-modem use the rest")]
#[path = "../../../../crates/at-modem/tests/modem/support/mod.rs"]
mod support;
mod tls;
mod traffic;
mod values;

use std::hint::black_box;

/// Names of the boundaries so far would be lost with the buffer of a pipe: each line is flushed.
#[inline(never)]
fn bench_boundary(row: &str, units: usize) {
    println!("{row} {units}");
}

/// What callgrind counts.
#[inline(never)]
fn bench_counted<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

/// Starts a row: what was counted before belongs to nothing.
fn begin() {
    bench_boundary("-", 0);
}

/// What the doubles counted: callgrind is not asked.
fn bench_number(row: &str, units: usize, count: usize) {
    println!("{row} {units} ={count}");
}

fn main() {
    if std::env::args().any(|arg| arg == "times") {
        tls::time_flooded();
        return;
    }
    lines::run();
    values::run();
    traffic::run();
    tls::run();
    #[cfg(feature = "peers")]
    peers::run();
}
