//! What a received record takes from the heap. One test, because it counts for the whole program.

#![expect(clippy::unwrap_used, reason = "functions that tests share")]

mod support;

use std::alloc::System;

use rustls::{NamedGroup, SupportedCipherSuite};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tls_provider::{GROUPS, SUITES, provider};

use support::{Pair, Unbuffered, pattern, server};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes taken so far, those given back included.
fn taken() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated + usize::try_from(stats.bytes_reallocated).unwrap_or(0)
}

/// The note, and the first queue that it stands in; pointers have 8 bytes here.
const RECORD: usize = 128;
/// That queue, grown once: eight records arrive together.
const QUEUE: usize = 8 * 112 + RECORD;

/// Sends records of all sizes to our side of an open session.
fn measure<C: Unbuffered>(role: &str, suite: SupportedCipherSuite, pair: &mut Pair<C>) {
    pair.ours.meter = Some(taken);
    for len in [1, 1000, 16_384, 100_000] {
        pair.ours.taken = 0;
        let records = pair.answer(&pattern(len));
        pair.ours.receive(&records).unwrap();
        assert_eq!(core::mem::take(&mut pair.ours.data).len(), len);
        let bytes = pair.ours.taken;
        println!("{role} {suite:?}: {bytes} bytes of heap for {len} bytes of data");
        assert!(
            (1..=if len > 16_384 { QUEUE } else { RECORD }).contains(&bytes),
            "{role} {suite:?}: {bytes} bytes for {len}"
        );
    }
    // The session goes on, with new keys where the version has them.
    if suite.tls13().is_some() {
        pair.ours.refresh();
    }
    pair.echo(&pattern(50_000));
}

#[test]
fn a_received_record_costs_no_heap() {
    for suite in SUITES {
        let server = server(&[suite.suite()], &[NamedGroup::X25519]);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        pair.run().unwrap();
        let client = pair.ours.connection();
        assert_eq!(client.negotiated_cipher_suite(), Some(*suite));
        measure("client", *suite, &mut pair);

        let mut pair = Pair::serving(*suite, GROUPS[1]);
        pair.run().unwrap();
        measure("server", *suite, &mut pair);
    }
}
