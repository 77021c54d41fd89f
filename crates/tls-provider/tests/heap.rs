//! What a received record takes from the heap. One test, because it counts for the whole program.

mod support;

use std::alloc::System;

use rustls::NamedGroup;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tls_provider::{GROUPS, SUITES, provider};

use support::{Pair, pattern, server};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes taken so far, those given back included.
fn taken() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated + usize::try_from(stats.bytes_reallocated).unwrap_or(0)
}

/// The note, and the first queue that it stands in; pointers have 8 bytes here.
const RECORD: usize = 128;

#[test]
fn a_received_record_costs_no_heap() {
    for suite in SUITES {
        let server = server(&[suite.suite()], &[NamedGroup::X25519]);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        pair.run().unwrap();
        let client = pair.client.connection();
        assert_eq!(client.negotiated_cipher_suite(), Some(*suite));
        pair.client.meter = Some(taken);
        for len in [1, 1000, 16_384, 100_000] {
            pair.client.taken = 0;
            let records = pair.answer(&pattern(len));
            pair.client.receive(&records).unwrap();
            assert_eq!(core::mem::take(&mut pair.client.data).len(), len);
            let bytes = pair.client.taken;
            println!("{suite:?}: {bytes} bytes of heap for {len} bytes of data");
            assert!(
                (1..=RECORD).contains(&bytes),
                "{suite:?}: {bytes} bytes for {len}"
            );
        }
        // The session goes on, with new keys where the version has them.
        if suite.tls13().is_some() {
            pair.client.refresh();
        }
        pair.echo(&pattern(50_000));
    }
}
