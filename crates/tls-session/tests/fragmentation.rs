//! Duty 187: many handshakes of mixed sizes beside two open sessions, on the heap of the images. One test, because a program
//! has one heap.

#![cfg(feature = "rustls")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "doubles and checks of tests, not all of them used here"
)]

#[path = "engines/peer.rs"]
mod peer;
#[path = "support/sessions.rs"]
mod sessions;

use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_session::Versions;
use tls_session::verify::Version;

use sessions::{Case, HEAP, OTHERS, SMALL, session, start, while_open};

/// How many, where the environment says nothing else. The 10,000 of the duty take a minute.
const HANDSHAKES: usize = 1_200;
const VARIABLE: &str = "TLS_SESSION_HANDSHAKES";

/// Bytes of the heap: what the largest of the sessions may need beside two open ones.
const SIZE: usize = 144 * 1024;

/// Short and long chains, both versions, with and without an identity.
fn cases() -> Vec<(Case, Versions)> {
    let (ec, rsa) = (Family::new(KeyKind::P256), Family::new(KeyKind::Rsa(2048)));
    let versions = [
        (Version::Tls12, Versions::TLS12),
        (Version::Tls13, Versions::TLS13),
    ];
    let mut cases = Vec::new();
    for (version, offers) in versions {
        cases.push((Case::new("P-256", &ec, version), offers));
        let mutual = Case::new("P-256, mutual", &ec, version).mutual(KeyKind::P256);
        cases.push((mutual, offers));
        for chain in [2500, 4000, 6500] {
            let long = Case::new("RSA", &rsa, version).padded(chain);
            cases.push((long, offers));
        }
        let mutual = Case::new("P-256, by RSA", &ec, version).mutual(KeyKind::Rsa(2048));
        cases.push((mutual, offers));
        for chain in [0, 4000] {
            let long = Case::new("RSA", &rsa, version).padded(chain).on_heap();
            cases.push((long, offers));
        }
    }
    cases
}

#[test]
fn duty_187_handshakes_of_mixed_sizes_leave_the_largest_free_block_as_it_was() {
    start(SIZE, 64 << 10);
    let count = std::env::var(VARIABLE).map_or(HANDSHAKES, |count| count.parse().unwrap());
    let cases = cases();
    // A step that has no divisor in common with their number: each comes behind several others.
    let order = |number: usize| &cases[number * 5 % cases.len()];
    let (first, second) = (&cases[3], &cases[0]);
    let whole = HEAP.largest();
    while_open(&first.0, &OTHERS[0], first.1, || {
        for (case, offers) in &cases {
            session(case, &SMALL, *offers).taken.unwrap();
        }
        while_open(&second.0, &OTHERS[1], second.1, || {
            let mut after_all = None;
            let mut least = usize::MAX;
            for number in 0..count {
                let (case, offers) = order(number);
                session(case, &SMALL, *offers).taken.unwrap();
                least = least.min(HEAP.largest());
                if number + 1 == cases.len() {
                    after_all = Some(least);
                }
            }
            println!("largest block: {after_all:?} after each once, {least} at least in {count}");
            assert!(count > cases.len());
            assert_eq!(after_all, Some(least));
        });
    });
    assert_eq!(HEAP.largest(), whole);
}
